"""A child that serves one request: progress out, cancel in, one typed result or one error."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from garden.core import errors
from garden.core.errors import CancelledByUser, GardenError, TimeLimitError, WorkerDiedError
from garden.core.messages import Failed, GenerationFailed, Message, Progress
from garden.process.child import Child, Exit

ResultT = TypeVar("ResultT", bound=Message)

#: How often a waiting caller looks whether it was cancelled; well below the 200 ms that a cancel may take.
_CANCEL_POLL_SECONDS = 0.05


def run_task(
    worker: str,
    request: Message,
    output: Any,
    result_type: type[ResultT],
    *,
    on_progress: Callable[[Progress], None] | None = None,
    cancelled: threading.Event | None = None,
    grace_seconds: float = 3.0,
    limit_seconds: float | None = None,
    command: Sequence[str] | None = None,
    on_message: Callable[[Message], None] | None = None,
    on_start: Callable[[Child[Message]], None] | None = None,
) -> ResultT:
    """Run a worker on one request and wait for its result.

    Args:
        worker: Name of the module in ``garden.workers``.
        request: The one message it is sent.
        output: Union of the messages it may send.
        result_type: The message that is the result.
        on_progress: Called on the reader thread.
        cancelled: Set by whoever wants it to stop.
        grace_seconds: How long it may clean up after a cancel before it is terminated.
        limit_seconds: A worker that takes longer is ended; None lets it take what it takes.
        command: Command line in place of this program started as ``worker``.
        on_message: Called on the reader thread with what is neither progress nor the end.
        on_start: Called with the child once it has its request: to send it further messages, to know its process id.

    Raises:
        CancelledByUser: ``cancelled`` was set; the child has ended.
        GardenError: What the worker reported, as the class it named.
        TimeLimitError: It took longer than the limit.
        WorkerDiedError: It ended without a result.
    """
    results: list[ResultT] = []
    failures: list[Failed] = []

    def take(message: Message) -> None:
        match message:
            case Progress():
                if on_progress:
                    on_progress(message)
            case Failed():
                failures.append(message)
            case _ if isinstance(message, result_type):
                results.append(message)
            case _ if on_message is not None:
                on_message(message)

    child: Child[Message] = Child(worker, output, on_message=take, command=command)
    child.send(request)
    if on_start is not None:
        on_start(child)
    exit_, too_late = _wait(child, cancelled, grace_seconds, limit_seconds)
    if results:
        return results[0]
    if cancelled is not None and cancelled.is_set():
        raise CancelledByUser
    if failures:
        raise error_from(failures[0])
    if too_late:
        raise TimeLimitError(f"It had not ended after {limit_seconds:.0f} s.", "Try again.", exit_.log)
    raise WorkerDiedError(exit_.sentence, "Try again; the log says more.", exit_.fault or exit_.log)


def _wait(
    child: Child[Message], cancelled: threading.Event | None, grace_seconds: float, limit_seconds: float | None
) -> tuple[Exit, bool]:
    """How it ended, and whether that was for the limit."""
    deadline = None if limit_seconds is None else time.monotonic() + limit_seconds
    stopping = too_late = False
    while True:
        exit_ = child.wait(_CANCEL_POLL_SECONDS if cancelled is not None or deadline is not None else None)
        if exit_ is not None:
            return exit_, too_late
        if stopping:
            continue
        too_late = deadline is not None and time.monotonic() > deadline
        if too_late or (cancelled is not None and cancelled.is_set()):
            stopping = True
            child.stop(grace_seconds)


def error_from(failure: Failed | GenerationFailed) -> GardenError:
    """The error that a worker reported, as the class it named."""
    kind = getattr(errors, failure.kind, GardenError)
    if not (isinstance(kind, type) and issubclass(kind, GardenError)) or kind is CancelledByUser:
        kind = GardenError
    error = kind(failure.sentence, failure.action, failure.detail)
    if isinstance(error, errors.RateLimitedError) and isinstance(failure, Failed):
        error.retry_after_seconds = failure.retry_after_seconds
    return error
