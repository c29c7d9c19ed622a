from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from garden.core.errors import StateError
from garden.core.messages import Transfer
from garden.hub.cache import (
    CachedFile,
    cached_models,
    remove,
    remove_unfinished,
    unfinished_downloads,
)
from garden.hub.hub_library import switch_off_extras
from garden.hub.transfer import RepositoryTransfer
from tests.hubserver import HubServer, ServedRepository, repository

_DATA = b"GGUF" + bytes(100_000)
_SHA256 = hashlib.sha256(_DATA).hexdigest()
_MODEL = repository("o/r", **{"m-Q4_K_M.gguf": _DATA, "sub/n-Q8_0.gguf": _DATA + b"n", "README.md": b"# Card"})
_OTHER = repository("o/other", **{"m-Q4_K_M.gguf": _DATA})


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer([_MODEL, _OTHER]) as server:
        yield server


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "hub"


def _fetch(hub: HubServer, cache: Path, served: ServedRepository = _MODEL) -> None:
    request = Transfer(
        endpoint=hub.endpoint,
        repo_id=served.repo_id,
        revision=served.commit,
        filenames=tuple(file.filename for file in served.files),
        cache_dir=str(cache),
    )
    RepositoryTransfer(request, lambda done, total, note: None, threading.Event()).run()


def _file(cache: Path, name: str = "m-Q4_K_M.gguf", repo_id: str = "o/r") -> CachedFile:
    return next(file for file in cached_models(cache) if (file.repo_id, file.filename) == (repo_id, name))


def test_gguf_files_are_listed_with_their_promise(hub: HubServer, cache: Path) -> None:
    _fetch(hub, cache)
    files = cached_models(cache)
    assert [(file.repo_id, file.filename, file.size_bytes, file.complete) for file in files] == [
        ("o/r", "m-Q4_K_M.gguf", len(_DATA), True),
        ("o/r", "sub/n-Q8_0.gguf", len(_DATA) + 1, True),
    ]
    assert (files[0].sha256, files[0].revision) == (_SHA256, _MODEL.commit)
    assert files[0].path.read_bytes() == _DATA


def test_what_other_tools_fetched_is_there(hub: HubServer, cache: Path) -> None:
    switch_off_extras()
    from huggingface_hub import snapshot_download

    snapshot_download("o/r", endpoint=hub.endpoint, token=False, cache_dir=cache)
    assert [file.filename for file in cached_models(cache)] == ["m-Q4_K_M.gguf", "sub/n-Q8_0.gguf"]


def test_no_cache_and_an_empty_one() -> None:
    assert cached_models(Path("/does/not/exist")) == ()


def test_damage_hides_nothing_else(hub: HubServer, cache: Path) -> None:
    _fetch(hub, cache)
    (cache / "models--broken").mkdir()
    (cache / "models--a--file").write_text("x")
    (cache / "datasets--o--d").mkdir()
    (cache / "models--o--empty" / "snapshots" / "x").mkdir(parents=True)
    (cache / "models--o--r" / "refs" / "main").write_bytes(b"\xff\xfe")
    _file(cache).blob.unlink()
    files = cached_models(cache)
    assert [(file.filename, file.complete, file.size_bytes) for file in files] == [
        ("m-Q4_K_M.gguf", False, 0),
        ("sub/n-Q8_0.gguf", True, len(_DATA) + 1),
    ]


def test_a_blob_of_several_revisions_is_one_model_under_the_main_branch(hub: HubServer, cache: Path) -> None:
    _fetch(hub, cache)
    folder = cache / "models--o--r" / "snapshots"
    for commit in ("0" * 40, "f" * 40):
        (folder / commit).mkdir()
        (folder / commit / "m-Q4_K_M.gguf").symlink_to(f"../../blobs/{_SHA256}")
    assert [file.revision for file in cached_models(cache)] == [_MODEL.commit, _MODEL.commit]


def test_an_older_version_of_a_file_is_another_model(hub: HubServer, cache: Path) -> None:
    _fetch(hub, cache)
    old = cache / "models--o--r"
    (old / "blobs" / ("1" * 64)).write_bytes(b"old")
    (old / "snapshots" / ("0" * 40)).mkdir()
    (old / "snapshots" / ("0" * 40) / "m-Q4_K_M.gguf").symlink_to(f"../../blobs/{'1' * 64}")
    assert sorted(file.size_bytes for file in cached_models(cache)) == [3, len(_DATA), len(_DATA) + 1]


def test_a_file_without_a_blob_promises_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "models--o--r" / "snapshots" / ("a" * 40)
    folder.mkdir(parents=True)
    (folder / "m.gguf").write_bytes(_DATA)
    (file,) = cached_models(tmp_path)
    assert file.etag is None


def test_removing_frees_the_bytes_and_leaves_the_neighbours(hub: HubServer, cache: Path) -> None:
    _fetch(hub, cache)
    _fetch(hub, cache, _OTHER)
    assert remove(cache, _file(cache)) == len(_DATA)
    assert [(file.repo_id, file.filename) for file in cached_models(cache)] == [
        ("o/other", "m-Q4_K_M.gguf"),
        ("o/r", "sub/n-Q8_0.gguf"),
    ]
    switch_off_extras()
    from huggingface_hub import scan_cache_dir

    assert scan_cache_dir(cache).warnings == []


def test_removing_the_last_file_leaves_no_folder_of_weights(hub: HubServer, cache: Path) -> None:
    _fetch(hub, cache, _OTHER)
    remove(cache, _file(cache, repo_id="o/other"))
    assert not (cache / "models--o--other").exists()


def test_removing_takes_every_name_of_the_bytes_and_the_unfinished_part(hub: HubServer, cache: Path) -> None:
    _fetch(hub, cache)
    folder = cache / "models--o--r"
    (folder / "snapshots" / ("0" * 40)).mkdir()
    (folder / "snapshots" / ("0" * 40) / "m-Q4_K_M.gguf").symlink_to(f"../../blobs/{_SHA256}")
    (folder / "blobs" / f"{_SHA256}.1234abcd.incomplete").write_bytes(b"12345")
    assert remove(cache, _file(cache)) == len(_DATA) + 5
    assert not any(path.name == "m-Q4_K_M.gguf" for path in folder.rglob("*"))


def test_removing_hands_the_bytes_to_the_trash(hub: HubServer, cache: Path, tmp_path: Path) -> None:
    _fetch(hub, cache)
    trash = tmp_path / "trash"

    def dispose(path: Path) -> None:
        path.rename(trash)

    remove(cache, _file(cache), dispose)
    assert trash.read_bytes() == _DATA


def test_a_file_that_is_being_fetched_is_not_removed(hub: HubServer, cache: Path) -> None:
    _fetch(hub, cache)
    with FileLock(cache / ".locks" / "models--o--r" / f"{_SHA256}.lock"), pytest.raises(StateError, match="downloaded"):
        remove(cache, _file(cache))
    assert _file(cache).path.read_bytes() == _DATA


def test_what_a_transfer_left_is_removed_unless_it_is_being_fetched(hub: HubServer, cache: Path) -> None:
    _fetch(hub, cache)
    left = cache / "models--o--r" / "blobs" / f"{'a' * 64}.garden.incomplete"
    left.write_bytes(b"12345")
    (part,) = unfinished_downloads(cache)

    lock = cache / ".locks" / "models--o--r" / f"{'a' * 64}.lock"
    with FileLock(lock), pytest.raises(StateError, match="downloaded"):
        remove_unfinished(cache, part)
    assert left.exists()

    assert remove_unfinished(cache, part) == 5
    assert not left.exists()
    assert _file(cache).path.read_bytes() == _DATA
    assert remove_unfinished(cache, part) == 0


def test_a_repository_of_which_nothing_else_is_here_goes_with_its_part(cache: Path) -> None:
    left = cache / "models--o--gone" / "blobs" / f"{'a' * 64}.1234abcd.incomplete"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"12345")

    (part,) = unfinished_downloads(cache)

    assert (part.repo_id, remove_unfinished(cache, part)) == ("o/gone", 5)
    assert not (cache / "models--o--gone").exists()


def test_removing_a_file_without_links(hub: HubServer, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", "1")
    _fetch(hub, cache)
    assert remove(cache, _file(cache)) == len(_DATA)
    assert [file.filename for file in cached_models(cache)] == ["sub/n-Q8_0.gguf"]


def test_bytes_in_the_store_of_all_repositories(cache: Path) -> None:
    xet, store = "c" * 64, cache / "blobs"
    (store / "cc").mkdir(parents=True)
    (store / ".huggingface-shared-blobs").write_text("1")
    (store / "cc" / xet).write_bytes(_DATA)
    for owner in ("a", "b"):
        folder = cache / f"models--{owner}--r"
        (folder / "blobs").mkdir(parents=True)
        (folder / "snapshots" / ("0" * 40)).mkdir(parents=True)
        (folder / "blobs" / _SHA256).symlink_to(f"../../blobs/cc/{xet}")
        (folder / "snapshots" / ("0" * 40) / "m.gguf").symlink_to(f"../../blobs/{_SHA256}")
    files = cached_models(cache)
    assert [(file.repo_id, file.sha256, file.size_bytes) for file in files] == [
        ("a/r", _SHA256, len(_DATA)),
        ("b/r", _SHA256, len(_DATA)),
    ]
    remove(cache, files[0])
    assert [file.repo_id for file in cached_models(cache)] == ["b/r"]
    assert files[1].path.read_bytes() == _DATA


def test_a_large_cache_is_listed_quickly(cache: Path) -> None:
    for number in range(200):
        folder = cache / f"models--o--r{number}"
        snapshot = folder / "snapshots" / ("0" * 40)
        snapshot.mkdir(parents=True)
        (folder / "blobs").mkdir()
        for index in range(10):
            (folder / "blobs" / f"{index:064x}").write_bytes(b"x")
            (snapshot / f"m-{index}.gguf").symlink_to(f"../../blobs/{index:064x}")
    started = time.perf_counter()
    assert len(cached_models(cache)) == 2000
    assert time.perf_counter() - started < 2.0
