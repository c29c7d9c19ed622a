"""The caller's end of work that was submitted: wait for its typed result, hear when it is done, cancel it."""

from __future__ import annotations

import logging
import threading
import time
import traceback
import uuid
from collections.abc import Callable
from typing import Generic, TypeVar

from garden.core.errors import GardenError, OutOfMemoryError

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")

_log = logging.getLogger(__name__)

#: On Windows a wait without a limit does not see Ctrl+C; waiting in slices does.
_WAIT_SLICE_SECONDS = 0.25


class Handle(Generic[T]):
    """Work under way (or ended) and its typed result. Safe to use from any thread.

    Whoever needs the answer waits here, never on events. A producer ends it once with ``succeed`` or ``fail``; what
    comes after the first is ignored, so a cancel and a result that race leave one outcome.

    Args:
        handle_id: Identifier; a new one when None.
        on_cancel: Called by ``cancel`` after the event was set; must be quick.

    Attributes:
        id: Identifier; for work listed in Activity the one of its record.
        cancelled: Set by ``cancel``; the work looks at it. Set does not mean that it has ended.
    """

    def __init__(self, handle_id: str | None = None, on_cancel: Callable[[], None] | None = None) -> None:
        self.id = handle_id or uuid.uuid4().hex
        self.cancelled = threading.Event()
        self._on_cancel = on_cancel
        self._changed = threading.Condition()
        self._ended = False
        self._results: list[T] = []
        self._error: GardenError | None = None
        self._callbacks: list[Callable[[Handle[T]], None]] = []

    @property
    def done(self) -> bool:
        """Whether it has ended: with a result, an error or a cancel."""
        return self._ended

    @property
    def error(self) -> GardenError | None:
        """What it failed with; None while it runs and when it succeeded."""
        return self._error

    def result(self, timeout: float | None = None) -> T:
        """Wait for the result.

        Args:
            timeout: Seconds to wait at most; None waits for ever.

        Raises:
            GardenError: What the work failed with; CancelledByUser after a cancel.
            TimeoutError: It had not ended after ``timeout`` seconds; it goes on.
        """
        if not self._wait(timeout):
            raise TimeoutError(f"not done after {timeout} seconds")
        if self._error is not None:
            raise self._error
        return self._results[0]

    def cancel(self) -> None:
        """Ask the work to stop; returns at once."""
        self.cancelled.set()
        if self._on_cancel is not None:
            self._on_cancel()

    def on_done(self, callback: Callable[[Handle[T]], None]) -> None:
        """Call back once when it has ended, on the thread that ended it; at once when it has ended already."""
        with self._changed:
            if not self._ended:
                self._callbacks.append(callback)
                return
        self._call(callback)

    def succeed(self, result: T) -> None:
        """End it with a result; for the producer only."""
        self._end([result], None)

    def fail(self, error: GardenError) -> None:
        """End it with an error; for the producer only."""
        self._end([], error)

    def run(self, work: Callable[[], T]) -> None:
        """Do the work on this thread and end the handle with what comes of it; for the producer only."""
        try:
            result = work()
        except Exception as error:
            self.fail(as_garden_error(error))
        else:
            self.succeed(result)

    def _end(self, results: list[T], error: GardenError | None) -> None:
        with self._changed:
            if self._ended:
                return
            self._results = results
            self._error = error
            self._ended = True
            callbacks, self._callbacks = self._callbacks, []
            self._changed.notify_all()
        for callback in callbacks:
            self._call(callback)

    def _wait(self, timeout: float | None) -> bool:
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while not self._ended:
                left = _WAIT_SLICE_SECONDS if deadline is None else deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, _WAIT_SLICE_SECONDS))
        return True

    def _call(self, callback: Callable[[Handle[T]], None]) -> None:
        try:
            callback(self)
        except Exception:
            _log.exception("a callback of finished work failed")


def as_garden_error(error: Exception) -> GardenError:
    """The error itself when a user can read it, else one that says so, with the traceback in its detail."""
    if isinstance(error, GardenError):
        return error
    detail = "".join(traceback.format_exception(error))
    if isinstance(error, MemoryError):
        wrapped: GardenError = OutOfMemoryError(
            "Memory ran out.", "Close other programs or unload models, then try again.", detail
        )
    else:
        wrapped = GardenError(
            f"Something unexpected went wrong: {type(error).__name__}.",
            "Try again; the details help to report it.",
            detail,
        )
    wrapped.__cause__ = error
    return wrapped


def chained(first: Handle[A], follow: Callable[[A], Handle[B]]) -> Handle[B]:
    """A handle for two works, the second made from the first one's result.

    Args:
        first: The first, under way or ended.
        follow: Begins the second; called on the thread that ended the first, so it must be quick.

    Returns:
        A handle that ends as the second does, or as the first when that fails. Cancelling it cancels the one under way.
    """
    under_way: list[Handle[A] | Handle[B]] = [first]

    def cancel() -> None:
        under_way[-1].cancel()

    both: Handle[B] = Handle(on_cancel=cancel)

    def end(second: Handle[B]) -> None:
        if second.error is not None:
            both.fail(second.error)
        else:
            both.succeed(second.result())

    def go_on(ended: Handle[A]) -> None:
        if ended.error is not None:
            both.fail(ended.error)
            return
        try:
            second = follow(ended.result())
        except Exception as error:
            both.fail(as_garden_error(error))
            return
        under_way.append(second)
        if both.cancelled.is_set():
            second.cancel()
        second.on_done(end)

    first.on_done(go_on)
    return both


def finished(result: T) -> Handle[T]:
    """A handle that has ended with this result, for answers that were at hand."""
    handle: Handle[T] = Handle()
    handle.succeed(result)
    return handle
