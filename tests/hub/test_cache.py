from __future__ import annotations

import hashlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

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


def test_a_bin_that_takes_nothing_leaves_the_file_and_all_its_names(hub: HubServer, cache: Path) -> None:
    _fetch(hub, cache)
    older = cache / "models--o--r" / "snapshots" / ("0" * 40)
    older.mkdir()
    (older / "m-Q4_K_M.gguf").symlink_to(f"../../blobs/{_SHA256}")
    before = cached_models(cache)

    def dispose(path: Path) -> None:
        raise StateError(f"{path.name} could not be moved to the trash.")

    with pytest.raises(StateError, match=r"m-Q4_K_M\.gguf could not"):
        remove(cache, _file(cache), dispose)

    assert cached_models(cache) == before
    assert _file(cache).path.read_bytes() == (older / "m-Q4_K_M.gguf").read_bytes() == _DATA
    assert _file(cache).path.is_symlink()
    remove(cache, _file(cache))
    assert [file.filename for file in cached_models(cache)] == ["sub/n-Q8_0.gguf"]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the bin of a freedesktop")
@pytest.mark.parametrize("bare", ["0", "1"])
@pytest.mark.parametrize("served", [_MODEL, _OTHER])
def test_what_comes_back_from_the_bin_is_the_file_again(
    hub: HubServer,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    served: ServedRepository,
    bare: str,
) -> None:
    from send2trash import plat_other, send2trash

    share = tmp_path / "share"
    monkeypatch.setattr(plat_other, "XDG_DATA_HOME", os.fsencode(share))
    monkeypatch.setattr(plat_other, "HOMETRASH_B", os.fsencode(share / "Trash"))
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", bare)
    monkeypatch.setenv("HOME", str(tmp_path))
    _fetch(hub, cache, served)
    before = [(file.repo_id, file.revision, file.filename, file.size_bytes) for file in cached_models(cache)]

    assert remove(cache, _file(cache, repo_id=served.repo_id), send2trash) == len(_DATA)

    assert len(cached_models(cache)) == len(before) - 1
    # As a file manager puts it back: to where it was, into a folder that is there.
    (binned,) = (share / "Trash" / "files").iterdir()
    assert binned.name == "m-Q4_K_M.gguf"
    (info,) = (share / "Trash" / "info").iterdir()
    line = next(line for line in info.read_text().splitlines() if line.startswith("Path="))
    binned.rename(share / unquote(line.removeprefix("Path=")))
    after = cached_models(cache)
    assert [(file.repo_id, file.revision, file.filename, file.size_bytes) for file in after] == before
    assert _file(cache, repo_id=served.repo_id).path.read_bytes() == _DATA
    switch_off_extras()
    from huggingface_hub import scan_cache_dir, try_to_load_from_cache

    assert scan_cache_dir(cache).warnings == []
    assert try_to_load_from_cache(served.repo_id, "m-Q4_K_M.gguf", cache_dir=cache)
    remove(cache, _file(cache, repo_id=served.repo_id))
    assert len(cached_models(cache)) == len(before) - 1


def test_bytes_that_cannot_be_deleted_keep_their_names(hub: HubServer, cache: Path) -> None:
    _fetch(hub, cache)
    blob = _file(cache).blob
    blob.unlink()
    (blob / "not a file").mkdir(parents=True)
    before = cached_models(cache)
    with pytest.raises(StateError, match="cannot be removed"):
        remove(cache, _file(cache))
    assert cached_models(cache) == before


@pytest.mark.parametrize("bare", ["0", "1"])
def test_a_name_as_long_as_a_name_can_be_is_kept_and_removed(
    hub: HubServer, cache: Path, monkeypatch: pytest.MonkeyPatch, bare: str
) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", bare)
    name = "y" * 250 + ".gguf"
    served = repository("o/long", **{name: _DATA})
    hub.state.put([served])
    _fetch(hub, cache, served)
    assert _file(cache, name, "o/long").path.read_bytes() == _DATA
    assert remove(cache, _file(cache, name, "o/long")) == len(_DATA)
    assert cached_models(cache) == ()


def test_a_cache_that_another_program_changes_meanwhile_is_listed(cache: Path) -> None:
    folder = cache / "models--o--r"
    (folder / "blobs").mkdir(parents=True)
    ended = threading.Event()

    def fetch_and_remove() -> None:
        while not ended.is_set():
            part, blob = folder / "blobs" / f"{'a' * 64}.1234abcd.incomplete", folder / "blobs" / ("a" * 64)
            snapshot = folder / "snapshots" / ("0" * 40)
            part.write_bytes(b"x")
            part.replace(blob)
            snapshot.mkdir(parents=True, exist_ok=True)
            (snapshot / "m.gguf").symlink_to(f"../../blobs/{'a' * 64}")
            (snapshot / "m.gguf").unlink()
            snapshot.rmdir()
            blob.unlink()

    other = threading.Thread(target=fetch_and_remove)
    other.start()
    try:
        for _ in range(3_000):
            unfinished_downloads(cache)
            cached_models(cache)
    finally:
        ended.set()
        other.join()
