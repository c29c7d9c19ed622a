from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from garden.core.errors import DiskFullError, GardenError, RefusedError, StateError
from garden.core.paths import data_dir
from garden.quantization import claim
from garden.quantization.claim import PART_SUFFIX, remove_leftover, sweep_leftovers
from garden.quantization.part_file import PartFile, check_destination, check_space

HOLD = """
import sys
from pathlib import Path
from garden.quantization.part_file import PartFile
part = PartFile(Path(sys.argv[1]))
part.claim()
part.path.write_bytes(b"half")
print("held", flush=True)
sys.stdin.read()
"""

#: Makes the same file again and again, each time in two pieces, and sweeps as a window does at its start.
RACE = """
import os, sys
from pathlib import Path
from garden.core.errors import RefusedError
from garden.quantization.claim import sweep_leftovers
from garden.quantization.part_file import PartFile
sys.stdin.readline()
made = refused = 0
byte = bytes([os.getpid() % 256])
while made < 25:
    sweep_leftovers()
    part = PartFile(Path(sys.argv[1]))
    try:
        part.claim()
    except RefusedError:
        refused += 1
        continue
    with part.path.open("wb", buffering=0) as stream:
        stream.write(byte * 2048)
        stream.write(byte * 2048)
    part.commit()
    made += 1
    assert len(part.destination.read_bytes()) == 4096
print(made, refused)
"""


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "models" / "made.gguf"


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def claimed(target: Path) -> PartFile:
    part = PartFile(target)
    part.claim()
    return part


def test_commit_gives_the_file_its_name_and_replaces_the_old_one(target: Path) -> None:
    part = claimed(target)
    target.write_bytes(b"old")
    part.path.write_bytes(b"new")

    assert part.flush() == 3
    part.commit()

    assert target.read_bytes() == b"new"
    assert names_in(target.parent) == ["made.gguf"]


def test_discard_leaves_nothing_and_keeps_the_old_file(target: Path) -> None:
    part = claimed(target)
    target.write_bytes(b"old")

    part.discard()

    assert target.read_bytes() == b"old"
    assert names_in(target.parent) == ["made.gguf"]


def test_discard_after_commit_does_nothing(target: Path) -> None:
    part = claimed(target)
    part.commit()

    part.discard()

    assert target.exists()


@contextlib.contextmanager
def another_process_making(target: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has claimed the target and written half of it, until it is killed at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        try:
            yield other
        finally:
            other.kill()


def left_by_a_killed_process(target: Path) -> Path:
    """The unfinished file of a process that was killed."""
    with another_process_making(target):
        pass
    (left,) = (path for path in target.parent.iterdir() if path.name.endswith(PART_SUFFIX))
    return left


def notes() -> list[Path]:
    return list((data_dir() / "unfinished").glob("*"))


def test_what_a_killed_process_left_is_cleared_by_the_next_claim(target: Path) -> None:
    left = left_by_a_killed_process(target)

    part = claimed(target)

    assert names_in(target.parent) == [part.path.name]
    assert not left.exists()
    part.discard()


def test_a_file_that_another_process_is_making_is_left_alone(target: Path) -> None:
    with another_process_making(target):
        with pytest.raises(RefusedError, match="being made by another process"):
            claimed(target)
        assert remove_leftover(target) is False
        assert sweep_leftovers() == ()
        (held,) = target.parent.iterdir()
        assert held.read_bytes() == b"half"

    assert remove_leftover(target) is True
    assert not held.exists()


def test_a_destination_named_by_a_link_to_its_folder_is_the_same(target: Path, tmp_path: Path) -> None:
    part = claimed(target)
    (tmp_path / "link").symlink_to(target.parent)

    with pytest.raises(RefusedError, match="being made by another process"):
        claimed(tmp_path / "link" / target.name)

    part.discard()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows removes no open file")
def test_a_lock_on_a_note_that_was_removed_meanwhile_counts_for_nothing(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = claimed(target), PartFile(target)
    lock = claim._lock

    def lock_late(descriptor: int) -> bool | None:
        """The first gives up and another claims just when the note has been opened, and is not locked yet."""
        monkeypatch.setattr(claim, "_lock", lock)
        first.discard()
        second.claim()
        return lock(descriptor)

    monkeypatch.setattr(claim, "_lock", lock_late)
    with pytest.raises(RefusedError, match="being made by another process"):
        claimed(target)

    second.commit()
    assert names_in(target.parent) == ["made.gguf"]


def test_a_sweep_removes_what_was_written_down_and_nothing_else(target: Path) -> None:
    left = left_by_a_killed_process(target)
    strangers = ["Qwen3-8B-Q4_K_M.gguf.part", "made.gguf.part", f".other.gguf.0{PART_SUFFIX}"]
    for name in strangers:
        (target.parent / name).write_bytes(b"a browser's, or nobody's")

    removed = sweep_leftovers()

    assert removed == (left,)
    assert names_in(target.parent) == sorted(strangers)
    assert notes() == []


def test_a_strangers_part_of_the_same_name_is_neither_written_nor_in_the_way(target: Path) -> None:
    target.parent.mkdir()
    stranger = target.parent / "made.gguf.part"
    stranger.write_bytes(b"a download")

    part = claimed(target)
    part.path.write_bytes(b"new")
    part.commit()

    assert (stranger.read_bytes(), target.read_bytes()) == (b"a download", b"new")


@pytest.mark.parametrize("name", ["precious.gguf", "precious.gguf.part"])
def test_a_note_that_names_what_garden_never_writes_removes_nothing(target: Path, name: str) -> None:
    left = left_by_a_killed_process(target)
    precious = target.parent / name
    precious.write_bytes(b"precious")
    (note,) = notes()
    note.write_text(note.read_text().replace(left.name, name))

    assert sweep_leftovers() == ()
    assert precious.read_bytes() == b"precious"


def test_a_note_of_a_drive_that_is_not_here_is_kept_until_it_is(target: Path) -> None:
    left = left_by_a_killed_process(target)
    away = target.parent.with_name("away")
    target.parent.rename(away)

    assert sweep_leftovers() == ()
    away.rename(target.parent)

    assert sweep_leftovers() == (left,)


def test_nothing_is_left_in_the_data_folder_by_a_file_that_was_made_or_given_up(target: Path) -> None:
    claimed(target).commit()
    claimed(target).discard()

    assert notes() == []


@pytest.mark.parametrize("act", ["replaced", "removed"])
def test_an_unfinished_file_that_was_replaced_is_neither_renamed_nor_removed(target: Path, act: str) -> None:
    part = claimed(target)
    target.write_bytes(b"old")
    part.path.unlink()
    if act == "replaced":
        part.path.write_bytes(b"another's")

    with pytest.raises(StateError, match="replaced or removed by another program"):
        part.commit()
    part.discard()

    assert target.read_bytes() == b"old"
    assert part.path.exists() == (act == "replaced")


def test_the_hash_is_that_of_the_file_that_is_renamed(target: Path) -> None:
    part = claimed(target)
    part.path.write_bytes(b"made here")
    part.path.rename(target)
    part.path.write_bytes(b"another's")

    assert part.sha256() == hashlib.sha256(b"made here").hexdigest()
    part.discard()


def test_a_long_name_has_room_for_the_rest(target: Path) -> None:
    long = target.with_name("ä" * 120 + ".gguf")

    part = claimed(long)
    part.commit()

    assert names_in(target.parent) == [long.name]


@pytest.mark.parametrize("shared", [True, False], ids=["one data folder", "two data folders"])
def test_of_many_processes_that_make_one_file_each_makes_it_whole_or_is_refused(
    target: Path, tmp_path: Path, shared: bool
) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(target)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | ({} if shared else {"GARDEN_DATA_DIR": str(tmp_path / f"data-{number % 2}")}),
        )
        for number in range(4)
    ]
    answers = [racer.communicate(b"go\n", timeout=60)[0].decode() for racer in racers]

    assert [racer.returncode for racer in racers] == [0] * 4
    made = [int(answer.split()[0]) for answer in answers]
    assert min(made) > 0
    content = target.read_bytes()
    assert len(content) == 4096
    assert content == content[:1] * 4096
    assert names_in(target.parent) == ["made.gguf"]
    assert notes() == []


@pytest.mark.parametrize("way", ["same", "hard link", "symlink", "dots"])
def test_writing_over_the_source_is_refused(tmp_path: Path, way: str) -> None:
    source = tmp_path / "source.gguf"
    source.write_bytes(b"weights")
    destination = tmp_path / "made.gguf"
    match way:
        case "same":
            destination = source
        case "hard link":
            destination.hardlink_to(source)
        case "symlink":
            destination.symlink_to(source)
        case "dots":
            destination = tmp_path / ".." / tmp_path.name / "source.gguf"

    with pytest.raises(RefusedError, match="same file"):
        check_destination([source], destination)


def test_another_file_is_no_conflict(tmp_path: Path) -> None:
    source = tmp_path / "source.gguf"
    source.write_bytes(b"weights")

    check_destination([source], tmp_path / "made.gguf")


def test_a_folder_as_destination_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="is a folder"):
        check_destination([], tmp_path)


def test_more_than_the_disk_has_free_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError, match=r"the file needs 1\.00 TiB|the file needs"):
        check_space(tmp_path / "not" / "there" / "yet", 2**60)


def test_what_fits_passes(tmp_path: Path) -> None:
    check_space(tmp_path, 1)


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(GardenError, match="permission denied"):
        claimed(tmp_path / "made.gguf")


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "models").write_bytes(b"")

    with pytest.raises(GardenError, match="could not be written: something else is in its place"):
        claimed(tmp_path / "models" / "made.gguf")
