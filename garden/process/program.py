"""Running a program that is not ours (pip, an exported script) to its end: bounded, cancelled with all its children."""

from __future__ import annotations

import contextlib
import subprocess
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

_POLL_SECONDS = 0.1

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

    Args:
        command: The program and its arguments.
        cancelled: Looked at ten times a second.
        limit_seconds: A program that runs longer is ended.
        folder: Where it runs.
        on_poll: Called ten times a second while it runs.

    Raises:
        CancelledByUser: Cancelled; it and its children have ended.
        GardenError: It could not be started, or ran longer than the limit.
    """
    deadline = time.monotonic() + limit_seconds
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
            )
        except OSError as error:
            raise GardenError("A program could not be started.", "Install Garden again.", repr(error)) from error
        with process:
            try:
                while process.poll() is None:
                    if cancelled.wait(_POLL_SECONDS):
                        raise CancelledByUser
                    if time.monotonic() > deadline:
                        raise GardenError(
                            f"A program that should have taken seconds had not ended after {limit_seconds:.0f} s.",
                            "Try again when the machine is less busy.",
                            " ".join(command)[:1_000],
                        )
                    if on_poll:
                        on_poll()
            finally:
                _end_tree(process)
        return Ended(process.returncode, _text_of(output), _text_of(errors))


def _end_tree(process: subprocess.Popen[bytes]) -> None:
    """End a program and its children; nothing happens when it has ended."""
    if process.poll() is not None:
        return
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(process.pid)
        for each in [*root.children(recursive=True), root]:
            with contextlib.suppress(psutil.Error):
                each.kill()
    process.wait()


def _text_of(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read(_MAX_OUTPUT_BYTES).decode("utf-8", "replace")
