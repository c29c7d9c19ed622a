"""Hostile names from a real server through the real client and transfer: nothing is written where it should not be."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from garden.core.errors import GardenError, NotFoundError, RefusedError
from garden.core.messages import Transfer, TransferOutput, Transferred
from garden.gguf.shard_set import shard_of
from garden.hub.address import is_repo_id
from garden.hub.cache import cached_models
from garden.hub.client import HubClient
from garden.hub.hub_library import cached_path
from garden.hub.patience import Patience
from garden.hub.search_query import SearchQuery
from garden.hub.transfer import RepositoryTransfer
from garden.process.task import run_task
from tests.hostile_names import HOSTILE_FILES, HOSTILE_REPOSITORIES, LYING_SHARDS, ODD_FILES, SAME_FILES
from tests.hubserver import HubServer, ServedFile, ServedRepository, repository
from tests.hubserver.content import BytesContent

_DATA = b"GGUF" + bytes(200)
_QUICK = Patience(first_seconds=0.01, longest_seconds=0.02)


class _Promising(BytesContent):
    """Bytes whose hash the server makes up."""

    def __init__(self, promise: str) -> None:
        super().__init__(_DATA)
        self._promise = promise

    @property
    def sha256(self) -> str:
        return self._promise


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the cache is to be, deep enough that a few steps up are still seen; also where relative names lead."""
    folder = tmp_path / "a" / "b" / "c" / "d"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder / "hub"


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    """Serves every hostile name: whoever asks for it gets its bytes."""
    names = (*HOSTILE_FILES, *ODD_FILES, *(name for pair in SAME_FILES for name in pair), "ordinary.gguf")
    files = tuple(ServedFile(name, BytesContent(_DATA + name.encode("utf-8", "replace"))) for name in set(names))
    with HubServer([ServedRepository("o/r", files=files, revision="c" * 40)]) as server:
        yield server


def _request(hub: HubServer, place: Path, *names: str, repo_id: str = "o/r", revision: str = "c" * 40) -> Transfer:
    return Transfer(endpoint=hub.endpoint, repo_id=repo_id, revision=revision, filenames=names, cache_dir=str(place))


def _fetch(hub: HubServer, place: Path, *names: str, repo_id: str = "o/r", revision: str = "c" * 40) -> Transferred:
    request = _request(hub, place, *names, repo_id=repo_id, revision=revision)
    return RepositoryTransfer(request, lambda *_told: None, threading.Event(), _QUICK).run()


def _everything(place: Path) -> set[str]:
    top = place.parents[3]
    return {str(path.relative_to(top)) for path in top.rglob("*") if path != place and place not in path.parents}


def test_the_tables_are_complete() -> None:
    assert len(HOSTILE_FILES) >= 80
    assert len({*HOSTILE_FILES, *ODD_FILES}) == len(HOSTILE_FILES) + len(ODD_FILES)


def test_none_of_them_is_offered(hub: HubServer) -> None:
    with HubClient(hub.endpoint, None) as client:
        page = client.repository("o/r")
        offered = {part.filename for file in page.files for part in file.files}
        (row,) = client.search(SearchQuery()).items
    assert offered.isdisjoint(HOSTILE_FILES)
    assert set(row.filenames).isdisjoint(HOSTILE_FILES)
    assert offered >= set(ODD_FILES)


@pytest.mark.parametrize("name", HOSTILE_FILES, ids=lambda name: ascii(name[:40]))
def test_a_hostile_name_is_refused_before_anything_is_asked_or_written(hub: HubServer, place: Path, name: str) -> None:
    before, asked = _everything(place), len(hub.requests)
    with pytest.raises(RefusedError, match="not safe") as caught:
        _fetch(hub, place, "ordinary.gguf", name)
    assert caught.value.sentence.isprintable()
    assert len(caught.value.sentence) < 700
    assert len(hub.requests) == asked
    assert _everything(place) == before
    assert not place.exists()


@pytest.mark.parametrize("name", ODD_FILES, ids=lambda name: ascii(name[:40]))
def test_an_odd_name_is_that_file_and_no_other(hub: HubServer, place: Path, name: str) -> None:
    before = _everything(place)
    result = _fetch(hub, place, name)
    pointer = place / "models--o--r" / "snapshots" / ("c" * 40) / name
    assert Path(result.path) == pointer == cached_path("o/r", "c" * 40, name, place)
    assert pointer.read_bytes() == _DATA + name.encode()
    assert pointer.resolve().parent == place / "models--o--r" / "blobs"
    assert _everything(place) == before
    assert [file.filename for file in cached_models(place)] == [name]


@pytest.mark.parametrize("pair", SAME_FILES, ids=ascii)
def test_names_that_are_one_file_somewhere_are_not_fetched_together(
    hub: HubServer, place: Path, pair: tuple[str, str]
) -> None:
    with pytest.raises(RefusedError):
        _fetch(hub, place, *pair)
    assert not place.exists()


@pytest.mark.parametrize("names", LYING_SHARDS, ids=lambda names: ascii(names[0]))
def test_shards_that_lie_are_no_model(names: tuple[str, ...]) -> None:
    began = time.perf_counter()
    with HubServer([repository("o/r", **dict.fromkeys(names, _DATA))]) as hub, HubClient(hub.endpoint, None) as client:
        page = client.repository("o/r")
    assert not [file for file in page.files if len(file.files) > 1 and file.kind == "model"]
    assert all(shard_of(file.filename) is None for file in page.files if file.kind == "model")
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize("repo_id", HOSTILE_REPOSITORIES, ids=ascii)
def test_what_is_no_name_of_a_repository_is_neither_listed_nor_asked_for(place: Path, repo_id: str) -> None:
    before = _everything(place)
    served = dataclasses.replace(repository("o/r", **{"m.gguf": _DATA}), repo_id=repo_id, revision="c" * 40)
    derived = dataclasses.replace(repository("good/one", **{"m.gguf": _DATA}), base_models=(repo_id,))
    with HubServer([served, derived]) as hub, HubClient(hub.endpoint, None) as client:
        rows = client.search(SearchQuery()).items
        assert [row.repo_id for row in rows] == ["good/one"]
        # A tag without what cannot be seen in it may be a name; it is never the one that was given.
        assert all(is_repo_id(name) and name != repo_id for name in rows[0].base_models)
        asked = len(hub.requests)
        with pytest.raises(NotFoundError):
            client.repository(repo_id)
        with pytest.raises(NotFoundError):
            client.read_text(repo_id, "c" * 40, "m.gguf")
        with pytest.raises(NotFoundError):
            _fetch(hub, place, "m.gguf", repo_id=repo_id)
        assert len(hub.requests) == asked
    assert _everything(place) == before
    assert not place.exists()


@pytest.mark.parametrize(
    "commit",
    ["../../../../x", "main", "", "c" * 39, "C" * 40, "/" + "c" * 39, "c" * 40 + "\t", "c" * 64, "..", "é" * 40],
)
def test_a_commit_that_is_none_makes_no_folder(place: Path, commit: str) -> None:
    before = _everything(place)
    served = dataclasses.replace(repository("o/r", **{"m.gguf": _DATA}), revision=commit or "0")
    with HubServer([served]) as hub, pytest.raises(GardenError):
        _fetch(hub, place, "m.gguf", revision="main")
    assert _everything(place) == before
    assert not list(place.rglob("*"))


@pytest.mark.parametrize(
    "promise",
    ["../../../../evil", "/etc/cron.d/x", "a" * 63, "A" * 64, "a" * 65, "..", "a" * 64 + "/../x", "nul", "a:b"],
)
def test_a_promise_that_is_no_hash_makes_no_file(place: Path, promise: str) -> None:
    before = _everything(place)
    served = ServedRepository("o/r", files=(ServedFile("m.gguf", _Promising(promise)),), revision="c" * 40)
    with HubServer([served]) as hub, pytest.raises(RefusedError, match="cannot be verified"):
        _fetch(hub, place, "m.gguf")
    assert _everything(place) == before
    assert not list(place.rglob("*"))


def test_a_real_child_refuses_them_too(hub: HubServer, place: Path) -> None:
    before = _everything(place)
    for name in ("../../../m.gguf", "/m.gguf", "m\0.gguf"):
        with pytest.raises(RefusedError, match="not safe"):
            run_task("transfer", _request(hub, place, name), TransferOutput, Transferred)
    assert _everything(place) == before
    assert not place.exists()
