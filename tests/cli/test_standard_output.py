"""Output that cannot be written: one sentence and exit code 1; a reader that has gone: silence."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from garden.cli.standard_output import WatchedOutput

_COMMANDS = (["--version"], ["fit", "--help"], ["library"], ["library", "--json"])

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /dev/full and a shell")


def _run(redirection: str, arguments: list[str], *, unbuffered: bool) -> subprocess.CompletedProcess[str]:
    command = f'"$0" -m garden "$@" {redirection}'
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    if unbuffered:
        environment["PYTHONUNBUFFERED"] = "1"
    return subprocess.run(
        ["sh", "-c", command, sys.executable, *arguments], capture_output=True, text=True, check=False, env=environment
    )


@linux
@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("arguments", _COMMANDS)
def test_a_full_disk_under_the_output(data_dirs: Path, arguments: list[str], unbuffered: bool) -> None:
    done = _run(">/dev/full", arguments, unbuffered=unbuffered)

    assert done.stderr == "The output could not be written: the disk is full. Free some space, then try again.\n"
    assert done.returncode == 1


@linux
@pytest.mark.parametrize("arguments", [*_COMMANDS, ["doctor"]])
def test_a_closed_output(data_dirs: Path, arguments: list[str]) -> None:
    done = _run(">&-", arguments, unbuffered=False)

    assert done.stderr == "The output is closed, so the answer has nowhere to go. Send it to a file or a terminal.\n"
    assert done.returncode == 1


@linux
@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("arguments", [["--version"], ["library"]])
def test_nothing_can_be_written_at_all(data_dirs: Path, arguments: list[str], unbuffered: bool) -> None:
    assert _run(">/dev/full 2>&1", arguments, unbuffered=unbuffered).returncode == 1


@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("arguments", _COMMANDS)
def test_a_reader_that_has_seen_enough(data_dirs: Path, arguments: list[str], unbuffered: bool) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    if unbuffered:
        environment["PYTHONUNBUFFERED"] = "1"

    done = subprocess.run(
        [sys.executable, "-m", "garden", *arguments],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env=environment,
    )
    os.close(writing)

    assert (done.stderr, done.returncode) == ("", 0)


class _Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_failure_is_told_by_its_cause() -> None:
    output = WatchedOutput(_Broken())

    with pytest.raises(OSError, match="Errno"):
        output.write("x")

    assert output.error.sentence == "The output could not be written: the disk failed."
    assert not output.reader_gone
