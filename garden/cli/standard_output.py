"""Standard output as it can fail: closed before the start, on a full disk, or with a reader that has gone."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO, cast

from garden.core.errors import GardenError, StateError
from garden.core.write_failure import write_failure


class WatchedOutput:
    """A text stream that remembers why it could not be written: an OSError alone does not say which file it is about.

    Args:
        stream: What is written to.

    Attributes:
        failure: The first error of a write or a flush, None while there was none.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failure: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text."""
        with self._remembering():
            return self._stream.write(text)

    def flush(self) -> None:
        """Write out what is left."""
        with self._remembering():
            self._stream.flush()

    def finish(self) -> None:
        """Write out what is left, or give it up; Python, which flushes once more when it exits, then has no word."""
        with contextlib.suppress(OSError, ValueError):
            self.flush()
        if self.failure is not None:
            _give_up(self._stream)

    @property
    def reader_gone(self) -> bool:
        """Whether whoever read it has seen enough, e.g. ``garden library | head``."""
        failure = self.failure
        return isinstance(failure, BrokenPipeError) or (
            os.name == "nt" and failure is not None and failure.errno == errno.EINVAL
        )

    @property
    def error(self) -> GardenError:
        """Why it could not be written, as users need to know it."""
        failure = self.failure
        if failure is None:
            return StateError("The output could not be written.", "Send it somewhere else.")
        return write_failure(failure, "The output", action="Send it somewhere else.")

    @contextlib.contextmanager
    def _remembering(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.failure = self.failure or error
            raise


@contextlib.contextmanager
def errors_told() -> Iterator[None]:
    """For a block that writes to standard error: where that fails too, the exit code alone speaks."""
    stream = sys.stderr
    try:
        yield
    except OSError:
        if stream is not None:
            _give_up(stream)


@contextlib.contextmanager
def watched() -> Iterator[WatchedOutput]:
    """Watch standard output for the length of a block.

    Raises:
        GardenError: The program was started with its output closed: nothing is begun whose answer cannot be read.
    """
    stream = sys.stdout
    if stream is None:
        raise GardenError("The output is closed, so the answer has nowhere to go.", "Send it to a file or a terminal.")
    output = WatchedOutput(stream)
    sys.stdout = cast(TextIO, output)
    try:
        yield output
    finally:
        sys.stdout = stream


def _give_up(stream: TextIO) -> None:
    """Send what a stream still holds, and all that is written later, nowhere."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        stream.flush()
