"""The child's side of the pipes: messages in, messages out, cancel seen at once, end when the parent is gone."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from garden.core.errors import GardenError
from garden.core.messages import Cancel, Failed, Message
from garden.process.child import MAX_LINE_BYTES

InputT = TypeVar("InputT", bound=Message)


class WorkerChannel(Generic[InputT]):
    """Reads typed messages from standard input on a thread of its own and writes messages to a private descriptor.

    Args:
        input_type: Union of the messages that may come.
        on_cancel: Called when the request under way is cancelled, on the reader thread, or on the one that finds the
            parent gone; must be quick.

    Attributes:
        cancelled: Set by a Cancel of the request under way, and when the parent closed the input; cleared by the next
            request, unless that was cancelled before it came.
        closed: Set when the parent closed the input or is gone.
    """

    def __init__(self, input_type: Any, on_cancel: Callable[[], None] | None = None) -> None:
        self._decoder = msgspec.json.Decoder(input_type)
        self._encoder = msgspec.json.Encoder()
        self._on_cancel = on_cancel
        self._incoming: queue.SimpleQueue[InputT | None] = queue.SimpleQueue()
        self._write_lock = threading.Lock()
        # Both for the reader thread alone. A request without an id of its own is request 0.
        self._request_id = 0
        self._cancelled_up_to = -1
        self.cancelled = threading.Event()
        self.closed = threading.Event()
        # llama.cpp prints to standard output; the protocol keeps a descriptor of its own and 1 becomes the log.
        self._protocol = os.fdopen(os.dup(1), "wb", buffering=0)
        os.dup2(2, 1)
        threading.Thread(target=self._read, name="worker-input", daemon=True).start()

    def emit(self, message: Message) -> None:
        """Send one message; when the parent is gone the request is cancelled and the process ends here."""
        line = self._encoder.encode(message) + b"\n"
        with self._write_lock:
            try:
                view = memoryview(line)
                while view:
                    view = view[self._protocol.write(view) or 0 :]
            except OSError:
                # Its closed input may be noticed later than this: what a cancel clears away must not stay.
                self._cancel()
                os._exit(0)

    def receive(self) -> InputT | None:
        """Next message other than Cancel; None when the parent closed the input."""
        return self._incoming.get()

    def _read(self) -> None:
        # A reader of its own: the interpreter locks sys.stdin on its way out, and aborts while a thread waits in it.
        stream = os.fdopen(os.dup(0), "rb")
        try:
            while (line := stream.readline(MAX_LINE_BYTES + 1)).endswith(b"\n"):
                message = self._decoder.decode(line)
                if isinstance(message, Cancel):
                    self._note_cancel(message.request_id)
                else:
                    # Here and not where the request is taken up: a Cancel right behind it must not be lost.
                    self._begin(getattr(message, "request_id", 0))
                    self._incoming.put(message)
        except (msgspec.DecodeError, OSError, MemoryError):
            # Not a parent that can be served: end as if it were gone, the log says why.
            traceback.print_exc()
        finally:
            self.closed.set()
            self._cancel()
            self._incoming.put(None)

    def _begin(self, request_id: int) -> None:
        self._request_id = request_id
        if request_id > self._cancelled_up_to:
            self.cancelled.clear()
        else:
            self.cancelled.set()

    def _note_cancel(self, request_id: int | None) -> None:
        if request_id is not None:
            # The ids of one parent only grow; a Cancel may overtake the request that it means.
            self._cancelled_up_to = max(self._cancelled_up_to, request_id)
        if request_id is None or request_id == self._request_id:
            self._cancel()

    def _cancel(self) -> None:
        self.cancelled.set()
        if self._on_cancel:
            self._on_cancel()


def harden() -> None:
    """Called first in every worker.

    No core dumps of models and prompts; a crash leaves the place in the log; first in line when memory runs out.
    """
    with contextlib.suppress(RuntimeError, ValueError, OSError):
        faulthandler.enable()
    # A terminal sends Ctrl+C to every process in front; the parent alone decides what it means and cancels in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # POSIX only

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # The kernel shall end the child that holds the memory, not the window.
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("500")


def serve_one(input_type: Any, handle: Callable[[InputT, WorkerChannel[InputT]], Message]) -> int:
    """Serve one request: the result (or one Failed) is emitted, then the worker ends.

    Args:
        input_type: Union of the request and Cancel.
        handle: Does the work; looks at ``channel.cancelled``; raises GardenError for what a user should hear.
    """
    harden()
    channel: WorkerChannel[InputT] = WorkerChannel(input_type)
    request = channel.receive()
    if request is None:
        return 0
    channel.emit(outcome_of(lambda: handle(request, channel)))
    return 0


def outcome_of(work: Callable[[], Message]) -> Message:
    """The work's message, or the Failed that stands for what it raised."""
    try:
        return work()
    except GardenError as error:
        return Failed(
            kind=type(error).__name__,
            sentence=error.sentence,
            action=error.action,
            detail=error.detail,
            retry_after_seconds=getattr(error, "retry_after_seconds", None),
        )
    except MemoryError:
        return Failed(
            kind="OutOfMemoryError",
            sentence="Memory ran out.",
            action="Close other programs or unload other models, then try again.",
        )
    except Exception as error:
        return Failed(
            kind="GardenError",
            sentence=f"Something unexpected went wrong: {type(error).__name__}.",
            action="Try again; the details help to report it.",
            detail=traceback.format_exc(),
        )
