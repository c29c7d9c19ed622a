from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from garden.core.errors import StateError
from garden.core.library_entry import LibraryEntry
from garden.core.paths import hub_cache_dir
from garden.services.garden import Garden


@pytest.fixture
def folder(garden: Garden, tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    garden.library.add_folder(folder).result(20)
    return folder


def put(model: Path, folder: Path, name: str = "Mine-F16.gguf") -> Path:
    return Path(shutil.copyfile(model, folder / name))


def only(garden: Garden) -> LibraryEntry:
    (entry,) = garden.library.scan().result(20)
    return entry


def free_after(garden: Garden, entry: LibraryEntry) -> tuple[int, int]:
    """What the plan says is freed, and what every file of the test's folders has less afterwards."""
    plan = garden.library.removal(entry, to_trash=False)
    root = hub_cache_dir().parent.parent.parent

    def used() -> int:
        seen = {(path.lstat().st_dev, path.lstat().st_ino): path.lstat() for path in root.rglob("*.gguf")}
        seen |= {(p.lstat().st_dev, p.lstat().st_ino): p.lstat() for p in root.rglob("blobs/*")}
        seen |= {(p.lstat().st_dev, p.lstat().st_ino): p.lstat() for p in root.rglob("blobs/*/*")}
        return sum(status.st_size for status in seen.values() if status.st_size > 100_000)

    before = used()
    done = garden.library.remove(entry, to_trash=False)
    assert done == plan
    return plan.now_bytes, before - used()


def test_a_file_frees_its_size_at_once_or_when_the_bin_is_emptied(
    garden: Garden, folder: Path, tiny_model: Path
) -> None:
    size = put(tiny_model, folder).stat().st_size
    entry = only(garden)

    to_bin, for_good = garden.library.removal(entry), garden.library.removal(entry, to_trash=False)

    assert (to_bin.now_bytes, to_bin.bin_bytes, to_bin.kept_bytes) == (0, size, 0)
    assert (for_good.now_bytes, for_good.bin_bytes, for_good.kept_bytes) == (size, 0, 0)
    assert to_bin.sentence == "It goes to the bin; 2.54 MiB are free once that is emptied."
    assert for_good.sentence == "It is removed for good; 2.54 MiB are free at once."
    assert Path(entry.ref.path or "").exists()
    assert free_after(garden, entry) == (size, size)


def test_a_hard_link_frees_nothing_and_says_why(garden: Garden, folder: Path, tiny_model: Path, tmp_path: Path) -> None:
    mine = put(tiny_model, folder)
    os.link(mine, tmp_path / "elsewhere.bin")
    entry = only(garden)

    plan = garden.library.removal(entry)

    assert (plan.frees_bytes, plan.kept_bytes) == (0, mine.stat().st_size)
    assert plan.sentence == "2.54 MiB stay: something else here holds the same bytes."
    garden.library.remove(entry, to_trash=False)
    assert not mine.exists()
    assert (tmp_path / "elsewhere.bin").stat().st_size == plan.kept_bytes


def test_a_link_goes_alone_also_when_the_bin_was_asked_for(
    garden: Garden, folder: Path, tiny_model: Path, tmp_path: Path
) -> None:
    real = put(tiny_model, tmp_path, "real.bin")
    (folder / "Linked-F16.gguf").symlink_to(real)
    entry = only(garden)

    plan = garden.library.remove(entry)

    assert (plan.frees_bytes, plan.kept_bytes) == (0, real.stat().st_size)
    assert real.exists()
    assert not (folder / "Linked-F16.gguf").is_symlink()


def test_shards_that_are_one_inode_count_once(garden: Garden, folder: Path, tiny_model: Path) -> None:
    first = put(tiny_model, folder, "Split-00001-of-00002.gguf")
    os.link(first, folder / "Split-00002-of-00002.gguf")
    size = first.stat().st_size

    assert free_after(garden, only(garden)) == (size, size)


def cached(model: Path, owner: str, *, shared: bool) -> Path:
    """A model in the Hub cache as Xet's shared store or plain blobs hold it."""
    folder, name = hub_cache_dir() / f"models--{owner}--r", "ab" * 32
    snapshot = folder / "snapshots" / ("0" * 40)
    (folder / "blobs").mkdir(parents=True)
    snapshot.mkdir(parents=True)
    if shared:
        store = hub_cache_dir() / "blobs"
        (store / "cc").mkdir(parents=True, exist_ok=True)
        (store / ".huggingface-shared-blobs").write_text("1\n")
        shutil.copyfile(model, store / "cc" / ("cc" * 32))
        with (store / "cc" / f"{'cc' * 32}.refs").open("a") as references:
            references.write(f"models--{owner}--r/blobs/{name}\n")
        (folder / "blobs" / name).symlink_to(f"../../blobs/cc/{'cc' * 32}")
    else:
        shutil.copyfile(model, folder / "blobs" / name)
    (snapshot / "m-F16.gguf").symlink_to(f"../../blobs/{name}")
    return folder / "blobs" / name


def test_a_cached_file_frees_its_blob_and_its_parts(garden: Garden, tiny_model: Path) -> None:
    blob = cached(tiny_model, "a", shared=False)
    size = blob.stat().st_size
    blob.with_name(blob.name + ".garden.incomplete").write_bytes(bytes(200_000))

    plan = garden.library.removal(only(garden))

    assert (plan.now_bytes, plan.bin_bytes) == (200_000, size)
    assert plan.sentence == "It goes to the bin; 2.54 MiB are free once that is emptied, 195.3 KiB at once."
    assert free_after(garden, only(garden)) == (size + 200_000, size + 200_000)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the bin of a freedesktop")
def test_without_a_bin_a_cached_file_stays_and_can_be_removed_for_good(
    garden: Garden, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from send2trash import plat_other

    blob = cached(tiny_model, "a", shared=False)
    (tmp_path / "no-folder").write_bytes(b"")
    monkeypatch.setattr(plat_other, "HOMETRASH_B", os.fsencode(tmp_path / "no-folder" / "Trash"))
    monkeypatch.setenv("HOME", str(tmp_path))
    entry = only(garden)

    with pytest.raises(StateError, match=r"^m-F16\.gguf could not be moved to the trash and is still here\.") as raised:
        garden.library.remove(entry)

    assert "--permanently" in raised.value.action
    assert only(garden).ref == entry.ref
    garden.library.remove(only(garden), to_trash=False)
    assert not blob.exists()


def test_bytes_that_two_repositories_share_are_freed_with_the_second(garden: Garden, tiny_model: Path) -> None:
    for owner in ("a", "b"):
        cached(tiny_model, owner, shared=True)
    size = tiny_model.stat().st_size
    # Both names lead to the same bytes, so they are one model.
    first = garden.library.removal(only(garden), to_trash=False)
    assert (first.frees_bytes, first.kept_bytes) == (0, size)

    assert free_after(garden, only(garden)) == (0, 0)
    second = only(garden)
    # The store that repositories share has no bin.
    assert (garden.library.removal(second).now_bytes, garden.library.removal(second).bin_bytes) == (size, 0)
    assert free_after(garden, second) == (size, size)


def test_what_was_removed_is_said_with_its_bytes(garden: Garden, folder: Path, tiny_model: Path) -> None:
    put(tiny_model, folder)

    plan = garden.library.removal(only(garden))

    assert plan.done_sentence == "Mine was removed; 2.54 MiB lie in the bin."
