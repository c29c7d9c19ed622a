"""A Hub server for tests and pictures.

In a test::

    with HubServer([gguf_repository("owner/tiny-GGUF", tiny_model)], accounts={"hf_test": "ada"}) as hub:
        client = HubClient(hub.endpoint, None)
        hub.fail(Fault("reset", after_bytes=100_000))  # the next transfer is cut off once
        ...
        assert hub.requests[0].path.startswith("/api/models")

For pictures and by hand: ``python -m tests.hubserver --catalogue --folder DIR`` prints its address.
``catalogue.catalogue(path)`` makes the same shelf of well-known models within a test.
"""

from tests.hubserver.faults import Fault
from tests.hubserver.folder import folder_repositories, gguf_repository
from tests.hubserver.repository import GgufFacts, ServedFile, ServedRepository, repository, repository_of
from tests.hubserver.server import HubServer

__all__ = [
    "Fault",
    "GgufFacts",
    "HubServer",
    "ServedFile",
    "ServedRepository",
    "folder_repositories",
    "gguf_repository",
    "repository",
    "repository_of",
]
