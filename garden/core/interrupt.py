"""Ctrl+C on the command line, held back while something is done that must not be left halfway.

Python raises KeyboardInterrupt between any two steps of the main thread: also between the begin of a transaction and
the line that would undo it. What is wrapped in ``HeldBack()`` is done first; the interrupt comes right after.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType


class _Held:
    """How many blocks of the main thread hold an interrupt back, and whether one came."""

    depth = 0
    came = False


class HeldBack:
    """A block that Ctrl+C does not break; in any thread but the main one nothing could."""

    __slots__ = ("_main",)

    def __enter__(self) -> None:
        self._main = threading.current_thread() is threading.main_thread()
        if self._main:
            _Held.depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._main:
            return
        _Held.depth -= 1
        if _Held.came and not _Held.depth:
            _Held.came = False
            raise KeyboardInterrupt


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Let Ctrl+C wait for the blocks that hold it back; without this it breaks them as it breaks anything."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, _on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _on_interrupt(_number: int, _frame: FrameType | None) -> None:
    if _Held.depth:
        _Held.came = True
    else:
        raise KeyboardInterrupt
