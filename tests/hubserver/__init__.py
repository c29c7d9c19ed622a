"""A Hub server for tests and pictures; see ``server.HubServer`` and ``python -m tests.hubserver --help``."""

from tests.hubserver.faults import Fault
from tests.hubserver.repository import GgufFacts, ServedFile, ServedRepository, repository, repository_of
from tests.hubserver.server import HubServer

__all__ = [
    "Fault",
    "GgufFacts",
    "HubServer",
    "ServedFile",
    "ServedRepository",
    "repository",
    "repository_of",
]
