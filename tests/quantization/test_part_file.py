from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from garden.core.errors import DiskFullError, GardenError, RefusedError
from garden.quantization.part_file import (
    PartFile,
    check_destination,
    check_space,
    part_path,
    remove_leftover,
    sweep_leftovers,
)

HOLD = """
import sys
from pathlib import Path
from garden.quantization.part_file import PartFile
part = PartFile(Path(sys.argv[1]))
part.claim()
print("held", flush=True)
sys.stdin.read()
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


def test_what_a_dead_process_left_is_cleared_by_the_next_claim(target: Path) -> None:
    target.parent.mkdir()
    part_path(target).write_bytes(b"left by a killed process")

    part = claimed(target)

    assert part.path.read_bytes() == b""
    part.discard()


def test_a_file_that_another_process_is_making_is_left_alone(target: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()

        with pytest.raises(RefusedError, match="being made by another process"):
            claimed(target)
        assert remove_leftover(target) is False
        assert sweep_leftovers(target.parent) == ()
        assert part_path(target).exists()
        other.kill()

    assert remove_leftover(target) is True
    assert not part_path(target).exists()


def test_sweep_removes_leftovers_only(tmp_path: Path) -> None:
    for name in ("a.gguf.part", "b.gguf", "c.part"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "link.gguf.part").symlink_to(tmp_path / "b.gguf")

    removed = sweep_leftovers(tmp_path)

    assert [path.name for path in removed] == ["a.gguf.part"]
    assert names_in(tmp_path) == ["b.gguf", "c.part", "link.gguf.part"]


def test_a_link_in_the_place_of_the_unfinished_file_is_not_followed(target: Path) -> None:
    target.parent.mkdir()
    precious = target.parent / "precious.gguf"
    precious.write_bytes(b"precious")
    part_path(target).symlink_to(precious)

    with pytest.raises(RefusedError, match="no ordinary file"):
        claimed(target)

    assert precious.read_bytes() == b"precious"


@pytest.mark.parametrize("way", ["same", "hard link", "symlink", "dots", "part"])
def test_writing_over_the_source_is_refused(tmp_path: Path, way: str) -> None:
    source = tmp_path / ("made.gguf.part" if way == "part" else "source.gguf")
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

    with pytest.raises(GardenError, match="“models” is no folder"):
        claimed(tmp_path / "models" / "made.gguf")
