from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest
from huggingface_hub import scan_cache_dir

from garden.core.errors import CancelledByUser, DiskFullError, IntegrityError, RefusedError
from garden.services import folder_move
from garden.services.folder_move import PART, FolderMove


def fill(folder: Path, count: int = 12, size: int = 400_000) -> dict[str, bytes]:
    """Files in two folders, by their path."""
    random_bytes = random.Random(7)
    files = {
        f"{'sub/' if number % 2 else ''}model-{number}.gguf": random_bytes.randbytes(size) for number in range(count)
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return files


def found(*folders: Path) -> dict[str, set[bytes]]:
    """What lies under each name in any of the folders, parts left out."""
    names: dict[str, set[bytes]] = {}
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.name.endswith(PART):
                names.setdefault(path.relative_to(folder).as_posix(), set()).add(path.read_bytes())
    return names


def nothing(_old: Path, _new: Path) -> None:
    """Note nothing."""


def move(old: Path, new: Path, *, may_rename: bool = True) -> None:
    FolderMove(old, new, nothing, may_rename=may_rename).run(lambda _done, _name: None, threading.Event())


@pytest.mark.parametrize("may_rename", [True, False])
def test_everything_moves_and_the_old_folder_goes(tmp_path: Path, may_rename: bool) -> None:
    old, new = tmp_path / "old", tmp_path / "disk" / "new"
    files = fill(old)
    times = {name: (old / name).stat().st_mtime_ns for name in files}
    (old / "link.gguf").symlink_to(tmp_path / "elsewhere")
    moved: list[tuple[Path, Path]] = []
    mover = FolderMove(old, new, lambda before, after: moved.append((before, after)), may_rename=may_rename)

    assert mover.check() >= sum(map(len, files.values()))
    mover.run(lambda _done, _name: None, threading.Event())

    assert {name: {content} for name, content in files.items()} == found(new)
    assert {name: (new / name).stat().st_mtime_ns for name in files} == times
    assert (new / "link.gguf").readlink() == tmp_path / "elsewhere"
    assert not old.exists()
    assert {(old / name, new / name) for name in files} <= set(moved)


def test_what_was_renamed_but_not_noted_is_noted_when_it_goes_on(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    fill(old, 2)
    new.mkdir()
    (old / "model-0.gguf").rename(new / "model-0.gguf")
    noted: list[str] = []

    FolderMove(old, new, lambda _old, after: noted.append(after.name)).run(lambda _d, _n: None, threading.Event())

    assert set(noted) == {"model-0.gguf", "model-1.gguf"}


def test_a_copy_that_differs_never_takes_the_files_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    files = fill(old, 1)
    monkeypatch.setattr(folder_move, "_hash", lambda _path: "0" * 64)

    with pytest.raises(IntegrityError):
        move(old, new, may_rename=False)

    assert found(old) == {name: {content} for name, content in files.items()}
    assert found(new) == {}
    assert list(new.rglob("*.gguf*")) == []


def test_a_cancel_leaves_whole_files_and_goes_on_later(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    files = fill(old)
    cancelled = threading.Event()
    mover = FolderMove(old, new, nothing, may_rename=False)

    with pytest.raises(CancelledByUser):
        mover.run(lambda done, _name: cancelled.set() if done > 1_000_000 else None, cancelled)
    assert found(new)
    assert found(old)
    assert found(old, new) == {name: {content} for name, content in files.items()}

    mover.run(lambda _done, _name: None, threading.Event())
    assert found(new) == {name: {content} for name, content in files.items()}


def test_no_file_of_the_new_folder_is_replaced(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    fill(old, 2)
    new.mkdir()
    (new / "model-0.gguf").write_bytes(b"somebody else's")

    with pytest.raises(RefusedError):
        FolderMove(old, new, nothing).check()
    with pytest.raises(RefusedError):
        move(old, new)

    assert (new / "model-0.gguf").read_bytes() == b"somebody else's"
    assert (old / "model-0.gguf").exists()


@pytest.mark.parametrize("new", ["old", "old/below", "."])
def test_folders_in_one_another_are_refused(tmp_path: Path, new: str) -> None:
    fill(tmp_path / "old", 1)

    with pytest.raises(RefusedError):
        FolderMove(tmp_path / "old", tmp_path / new, nothing).check()


def test_a_hub_cache_in_the_folder_keeps_its_links(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    cache = old / "hub" / "models--owner--model"
    blob, snapshot = cache / "blobs" / ("ab" * 32), cache / "snapshots" / ("c" * 40)
    for folder in (blob.parent, snapshot, cache / "refs"):
        folder.mkdir(parents=True)
    (cache / "refs" / "main").write_text("c" * 40)
    blob.write_bytes(b"GGUF weights")
    (snapshot / "model.gguf").symlink_to(Path("../../blobs") / blob.name)
    (snapshot / "absolute.gguf").symlink_to(blob)
    before = scan_cache_dir(old / "hub")

    move(old, new, may_rename=False)

    moved = scan_cache_dir(new / "hub")
    assert moved.warnings == before.warnings == []
    assert (moved.size_on_disk, len(moved.repos)) == (before.size_on_disk, 1)
    (revision,) = next(iter(moved.repos)).revisions
    assert {file.file_name for file in revision.files} == {"model.gguf", "absolute.gguf"}
    assert {file.file_path.read_bytes() for file in revision.files} == {b"GGUF weights"}


def test_links_that_were_moved_before_a_kill_are_no_hindrance(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "b").mkdir(parents=True)
    (new / "b").mkdir(parents=True)
    # The blob is moved; the link stands at both places, and leads nowhere at the old one.
    (new / "a").write_bytes(b"blob")
    (old / "b" / "link").symlink_to(Path("../a"))
    (new / "b" / "link").symlink_to(Path("../a"))
    mover = FolderMove(old, new, nothing)

    mover.check()
    mover.run(lambda _done, _name: None, threading.Event())

    assert (new / "b" / "link").read_bytes() == b"blob"
    assert not old.exists()


def test_a_link_to_the_outside_leads_where_it_led(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "far" / "away" / "new"
    old.mkdir()
    (tmp_path / "outside").write_bytes(b"outside")
    (old / "link").symlink_to(Path("../outside"))

    move(old, new)

    assert (new / "link").read_bytes() == b"outside"


def test_room_is_asked_for_before_anything_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "old", 1)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: type("Usage", (), {"free": 1_000_000})())

    with pytest.raises(DiskFullError):
        FolderMove(tmp_path / "old", tmp_path / "new", nothing, may_rename=False).check()
    FolderMove(tmp_path / "old", tmp_path / "new", nothing).check()
