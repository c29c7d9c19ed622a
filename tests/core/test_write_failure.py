from __future__ import annotations

import errno
from pathlib import Path

import pytest

from garden.core.errors import DiskFullError, StateError
from garden.core.write_failure import write_failure, writing


def failed(number: int) -> OSError:
    return OSError(number, "Was das System sagt")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_no_room_is_a_full_disk_whoever_has_none(number: int) -> None:
    error = write_failure(failed(number), "“made.gguf”")

    assert isinstance(error, DiskFullError)
    assert error.sentence.startswith("“made.gguf” could not be written: the disk is full")
    assert error.action == "Free some space, then try again."


def test_how_far_it_came_is_told_where_there_is_no_room() -> None:
    error = write_failure(failed(errno.ENOSPC), "“m.gguf”", progress="1 of 2 GiB are here", when_full="Free 1 GiB.")

    assert (error.sentence, error.action) == ("The disk is full: 1 of 2 GiB are here.", "Free 1 GiB.")


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EACCES, "permission denied"),
        (errno.EPERM, "permission denied"),
        (errno.EROFS, "the disk is read-only"),
        (errno.ENOTDIR, "a file is in the place of its folder"),
        (errno.ESTALE, "was das system sagt"),
    ],
)
def test_any_other_failure_is_told_by_its_cause_with_what_the_caller_knows_to_help(number: int, reason: str) -> None:
    error = write_failure(failed(number), "notes.json", action="Choose another folder.", when_full="Free some space.")

    assert type(error) is StateError
    assert (error.sentence, error.action) == (f"notes.json could not be written: {reason}.", "Choose another folder.")


def test_what_a_block_raises_is_told_and_kept_as_the_cause(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StateError) as caught, writing("The folder"):
        (tmp_path / "file").mkdir()

    assert caught.value.sentence == "The folder could not be written: something else is in its place."
    assert isinstance(caught.value.__cause__, FileExistsError)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_is_full() -> None:
    with pytest.raises(DiskFullError), writing("The file"), Path("/dev/full").open("wb", buffering=0) as stream:
        stream.write(b"x")
