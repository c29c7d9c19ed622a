"""Running a program that is not a worker (pip, an exported script) to its end: bounded, and ended with its children.

On POSIX a program leads a process group of its own, so what it started is found after it has ended too; a process that
left the group and lost its parent (a daemon) is not.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from garden.core.errors import CancelledByUser, GardenError
from garden.process.child import worker_environment

#: Between two looks at it, at first and at last: most programs end at once, some take minutes.
_FIRST_POLL_SECONDS = 0.005
_POLL_SECONDS = 0.1

#: What was killed ends within milliseconds, unless it waits for a disk.
_GONE_SECONDS = 1.0

#: The system's word on when a process began is not exact.
_CLOCK_SECONDS = 2.0

#: Of what a program prints at most so much is read.
_MAX_OUTPUT_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended.

    Attributes:
        code: Exit code.
        output: What it printed to standard output.
        errors: What it printed to standard error.
    """

    code: int
    output: str
    errors: str


def run_program(
    command: Sequence[str],
    cancelled: threading.Event,
    *,
    limit_seconds: float,
    folder: Path | None = None,
    on_poll: Callable[[], None] | None = None,
) -> Ended:
    """Run a program without input, without tokens in its environment, and wait for its end.

    However it ends, what it started is ended with it.

    Args:
        command: The program and its arguments.
        cancelled: Looked at ten times a second or more often.
        limit_seconds: A program that runs longer is ended.
        folder: Where it runs.
        on_poll: Called as often while it runs.

    Raises:
        CancelledByUser: Cancelled; it has ended.
        GardenError: It could not be started, or ran longer than the limit.
    """
    deadline = time.monotonic() + limit_seconds
    started_at = time.time()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                cwd=folder,
                env=worker_environment(),
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                process_group=None if sys.platform == "win32" else 0,
            )
        except OSError as error:
            raise GardenError("A program could not be started.", "Install Garden again.", repr(error)) from error
        delay = _FIRST_POLL_SECONDS
        with process:
            try:
                while not _has_ended(process):
                    if cancelled.wait(delay):
                        raise CancelledByUser
                    delay = min(2 * delay, _POLL_SECONDS)
                    if time.monotonic() > deadline:
                        raise GardenError(
                            f"A program that should have taken seconds had not ended after {limit_seconds:.0f} s.",
                            "Try again when the machine is less busy.",
                            " ".join(command)[:1_000],
                        )
                    if on_poll:
                        on_poll()
            finally:
                _end_tree(process, started_at)
        return Ended(process.returncode, _text_of(output), _text_of(errors))


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended. Where the system can tell without forgetting it, its number stays its own until we ask."""
    if sys.platform != "win32" and hasattr(os, "waitid"):
        with contextlib.suppress(ChildProcessError):
            return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return process.poll() is not None


def _end_tree(process: subprocess.Popen[bytes], started_at: float) -> None:
    """End a program and what it started, whether it has ended or not."""
    family = _family(process.pid, started_at)
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.returncode is None:
        process.kill()
    for each in family:
        with contextlib.suppress(psutil.Error):
            each.kill()
    process.wait()
    deadline = time.monotonic() + _GONE_SECONDS
    while any(_runs(each) for each in family) and time.monotonic() < deadline:
        time.sleep(_FIRST_POLL_SECONDS)


def _family(pid: int, started_at: float) -> list[psutil.Process]:
    """What a program started, and what those did: as far as their parents are known still, and of its group."""
    children: dict[int, list[psutil.Process]] = {}
    found: dict[int, psutil.Process] = {}
    for each in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            # On Windows an older process may name a parent whose number was given away again.
            if each.create_time() <= started_at - _CLOCK_SECONDS:
                continue
            children.setdefault(each.ppid(), []).append(each)
            if sys.platform != "win32" and each.pid != pid and os.getpgid(each.pid) == pid:
                found[each.pid] = each
    parents = [pid, *found]
    while parents:
        born = children.pop(parents.pop(), [])
        found |= {each.pid: each for each in born}
        parents += [each.pid for each in born]
    return list(found.values())


def _runs(process: psutil.Process) -> bool:
    """Whether it still does anything; one that has ended and that nobody has asked for does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _text_of(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read(_MAX_OUTPUT_BYTES).decode("utf-8", "replace")
