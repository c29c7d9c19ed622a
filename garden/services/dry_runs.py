"""The child that asks the engine for plans: started at the first question, kept warm, ended when nobody asks."""

from __future__ import annotations

import contextlib
import queue
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from garden.core.added_backend import AddedBackend, added_backends
from garden.core.dry_run import DryRun, DryRunDone, DryRunOutput, DryRunRefused
from garden.core.errors import CancelledByUser, EngineCrashedError, GardenError, WorkerDiedError
from garden.core.messages import Cancel, Failed, Message
from garden.gguf.header import GgufHeader
from garden.gguf.hollow_file import write_hollow_file
from garden.process.child import Child, Exit
from garden.process.scratch_folder import scratch_folder
from garden.process.task import error_from

#: Nobody asked for so long: the child ends, and with it whatever a GPU's driver holds for it.
IDLE_SECONDS = 30.0

#: Plans take milliseconds, a search some dozen of them; a child that has not answered by then hangs.
LIMIT_SECONDS = 30.0

_CANCEL_GRACE_SECONDS = 3.0
_POLL_SECONDS = 0.05

#: How a process ends when the engine aborts or crashes in it.
_CRASHES = (-6, -11, -7, -8, -4, 3, 0xC0000005, 0xC000001D)


class DryRuns:
    """Answers from a warm child, one at a time. Safe to use from any thread.

    Args:
        idle_seconds: The child ends when nobody asked for so long.
        limit_seconds: The child is ended when an answer takes longer.
        command: Command line in place of this program started as the worker.
    """

    def __init__(
        self,
        *,
        idle_seconds: float = IDLE_SECONDS,
        limit_seconds: float = LIMIT_SECONDS,
        command: Sequence[str] | None = None,
    ) -> None:
        self._idle_seconds = idle_seconds
        self._limit_seconds = limit_seconds
        self._command = command
        self._asking = threading.Lock()
        self._child: _WarmChild | None = None
        self._backends: tuple[AddedBackend, ...] = ()
        # Cleared away by the next start where this one is killed.
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._header: GgufHeader | None = None
        self._count = 0
        self._idle: threading.Timer | None = None
        self._closed = False

    @property
    def warm(self) -> bool:
        """Whether the child runs."""
        return self._child is not None and self._child.running

    def ask(
        self, header: GgufHeader, request: DryRun, cancelled: threading.Event | None = None
    ) -> DryRunDone | DryRunRefused:
        """Let the engine plan.

        Args:
            header: Of the model; its own, not one derived from a sibling's.
            request: What to plan; its number and path are filled in here.
            cancelled: Set by whoever wants no answer any more.

        Raises:
            CancelledByUser: Cancelled, or closed meanwhile.
            EngineCrashedError: The engine ended its process over this header.
            WorkerDiedError: The child ended otherwise, or took too long.
            InvalidFileError: The header was estimated, or claims what no model has.
            DiskFullError: The hollow file could not be written.
            EngineMissingError: There is no engine.
        """
        cancelled = cancelled or threading.Event()
        with self._turn(cancelled):
            if self._idle is not None:
                self._idle.cancel()
            try:
                self._count += 1
                request = msgspec.structs.replace(request, request_id=self._count, path=str(self._hollow(header)))
                self._warm_up()
                assert self._child is not None
                return self._child.answer(request, cancelled, self._limit_seconds)
            finally:
                # Also where nothing was asked after all: a child that is warm from before must not stay for good.
                self._idle = threading.Timer(self._idle_seconds, self._end_idle_child)
                self._idle.daemon = True
                self._idle.start()

    def close(self) -> None:
        """End the child and remove the hollow file; later questions are refused."""
        self._closed = True
        child = self._child
        if child is not None:
            # Whoever waits for an answer hears of the end.
            child.end()
        with self._asking:
            if self._idle is not None:
                self._idle.cancel()
            if self._child is not None:
                self._child.end()
                self._child.wait(_CANCEL_GRACE_SECONDS)
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None

    @contextlib.contextmanager
    def _turn(self, cancelled: threading.Event) -> Iterator[None]:
        """Wait until nobody else asks; who is cancelled meanwhile, or finds everything closed, asks nothing."""
        while not (mine := self._asking.acquire(timeout=_POLL_SECONDS)) and not cancelled.is_set() and not self._closed:
            pass
        try:
            if not mine or cancelled.is_set() or self._closed:
                raise CancelledByUser
            yield
        finally:
            if mine:
                self._asking.release()

    def _warm_up(self) -> None:
        """A child that runs, and has loaded the backends that the engine has now."""
        backends = added_backends()
        if self._child is not None and self._child.running and backends == self._backends:
            return
        if self._child is not None:
            self._child.end()
        self._child, self._backends = _WarmChild(self._command), backends

    def _hollow(self, header: GgufHeader) -> Path:
        """The hollow file of this header: the last one, or a new one in its place."""
        if self._folder is None:
            self._folder = scratch_folder("plans")
        path = Path(self._folder.name) / "model.gguf"
        if header is not self._header and header != self._header:
            self._header = None
            write_hollow_file(header, path)
            self._header = header
        return path

    def _end_idle_child(self) -> None:
        # Whoever asks at this moment starts the time anew.
        if self._asking.acquire(blocking=False):
            try:
                if self._child is not None:
                    self._child.end()
            finally:
                self._asking.release()


class _WarmChild:
    """One process and what it says."""

    def __init__(self, command: Sequence[str] | None) -> None:
        self._said: queue.SimpleQueue[Message | Exit] = queue.SimpleQueue()
        self._child: Child[Message] = Child(
            "dry_run", DryRunOutput, on_message=self._said.put, on_exit=self._said.put, command=command
        )

    @property
    def running(self) -> bool:
        return self._child.running

    def answer(self, request: DryRun, cancelled: threading.Event, limit_seconds: float) -> DryRunDone | DryRunRefused:
        """The answer to one request; see ``DryRuns.ask``."""
        self._child.send(request)
        deadline = time.monotonic() + limit_seconds
        asked_to_stop = False
        while True:
            message = self._next()
            if isinstance(message, DryRunDone | DryRunRefused) and message.request_id == request.request_id:
                return message
            if isinstance(message, Failed):
                raise CancelledByUser if message.kind == CancelledByUser.__name__ else error_from(message)
            if isinstance(message, Exit):
                raise _death(message)
            if cancelled.is_set() and not asked_to_stop:
                asked_to_stop = True
                self._child.send(Cancel())
                deadline = time.monotonic() + _CANCEL_GRACE_SECONDS
            if time.monotonic() > deadline:
                self._child.kill()
                self._child.wait()
                if asked_to_stop:
                    raise CancelledByUser
                raise WorkerDiedError(
                    f"The engine had not planned this load after {limit_seconds:.0f} s.",
                    "Take the forecast from the header.",
                )

    def end(self) -> None:
        """End the process now; it holds nothing worth keeping."""
        self._child.kill()

    def wait(self, seconds: float) -> None:
        """Until it was reaped."""
        self._child.wait(seconds)

    def _next(self) -> Message | Exit | None:
        try:
            return self._said.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            return None


def _death(exit_: Exit) -> GardenError:
    if exit_.cancelled:
        return CancelledByUser()
    if exit_.code in _CRASHES:
        return EngineCrashedError(
            "The engine ends with an error over this model.", "Choose another file or model.", _last_words(exit_.log)
        )
    return WorkerDiedError(exit_.describe("while it planned a load"), "Try again.", exit_.fault or exit_.log)


def _last_words(log: str) -> str:
    """The assertion that failed, else all that is left of the log."""
    lines = [line for line in log.splitlines() if "GGML_ASSERT" in line or "GGML_ABORT" in line]
    return lines[-1] if lines else log
