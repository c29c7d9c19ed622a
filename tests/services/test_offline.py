"""Working offline, not one connection is opened: every process of Garden counts those that it begins."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hubserver import HubServer, repository_of

#: Runs at the start of every Python process that inherits the path it lies in, the program's children too.
_COUNTER = """
import os, sys
def _note(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        with open(os.environ["CONNECTIONS"], "a") as file:
            file.write(f"{os.getpid()} {event} {arguments[1:]}\\n")
sys.addaudithook(_note)
"""

#: Everything that asks a network for something.
_ASK = """
import sys
from garden.core.errors import GardenError, UnauthorizedError
from garden.hub.search_query import SearchQuery
from garden.services.garden import Garden
from garden.services.target import parse_hub_target

with Garden.open() as garden:
    if sys.argv[1] == "offline":
        garden.settings.change(offline=True)
    catalog = garden.catalog
    asked = [
        lambda: catalog.search(SearchQuery()),
        lambda: catalog.search(SearchQuery(text="never seen")),
        lambda: catalog.repository("owner/tiny"),
        lambda: catalog.card("owner/tiny", "main"),
        lambda: catalog.trust("owner/tiny"),
        lambda: catalog.families.family("owner/tiny"),
        lambda: catalog.families.quantizations("owner/tiny"),
        lambda: catalog.account.current(),
        lambda: garden.library.download_target(parse_hub_target("owner/tiny:F16")),
        lambda: garden.library.fetch_starter(),
    ]
    for ask in asked:
        try:
            ask().result(30)
        except UnauthorizedError:
            assert ask is asked[7], "nobody is signed in"
        except GardenError as error:
            assert sys.argv[1] == "online" or "offline" in f"{error.sentence} {error.action}".lower(), error
"""


@pytest.fixture
def counted(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Hub to ask, and the file that connections are noted in."""
    (tmp_path / "counter").mkdir()
    (tmp_path / "counter" / "sitecustomize.py").write_text(_COUNTER)
    path = os.pathsep.join(filter(None, (str(tmp_path / "counter"), os.environ.get("PYTHONPATH", ""), str(Path.cwd()))))
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setenv("CONNECTIONS", str(tmp_path / "connections"))
    # The registry that the starter comes from is no part of this.
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with HubServer([repository_of("owner/tiny", tiny_model, card="# Tiny")]) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        yield tmp_path / "connections"


def _connections(noted: Path) -> list[str]:
    return noted.read_text().splitlines() if noted.exists() else []


def _ask(mode: str) -> None:
    subprocess.run([sys.executable, "-c", _ASK, mode], check=True, timeout=120)


def test_the_count_counts(counted: Path) -> None:
    _ask("online")

    # The child that fetches is counted too.
    assert len({line.split()[0] for line in _connections(counted)}) > 1


def test_offline_no_service_opens_a_connection(counted: Path) -> None:
    _ask("offline")

    assert _connections(counted) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("search", "tiny"),
        ("files", "owner/tiny"),
        ("lineage", "owner/tiny"),
        ("trust", "owner/tiny"),
        ("fit", "owner/tiny:F16"),
        ("download", "owner/tiny:F16"),
        ("download", "starter"),
        ("library",),
        ("hardware",),
        ("doctor",),
    ],
)
def test_offline_no_command_opens_a_connection(
    counted: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    subprocess.run([sys.executable, "-m", "garden", *arguments], check=False, timeout=120, capture_output=True)

    assert _connections(counted) == []
