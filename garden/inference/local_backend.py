"""A model in a child process of its own: a crash stays there, its exit frees the memory."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable, Sequence

from garden.core.conversation import ChatMessage
from garden.core.errors import CancelledByUser, GardenError, RefusedError, WorkerDiedError
from garden.core.messages import (
    Cancel,
    Delta,
    Failed,
    Generate,
    Generated,
    GenerateOutput,
    GenerationFailed,
    LoadModel,
    Message,
    ModelLoaded,
    Progress,
    PromptRead,
    PromptRendered,
)
from garden.core.run_configuration import AskParameters, RunConfiguration
from garden.inference.backend import GenerationEvent
from garden.process.child import Child, Exit
from garden.process.task import error_from

_AGAIN = "Start it again."

_LOADING, _PREPARING, _ANSWERING = "while it loaded the model", "while it prepared the prompt", "while it answered"

#: The load is the first request of a process.
_LOAD_ID = 0

#: A cancel takes milliseconds; a process that shows none for so long hangs, and is ended.
CANCEL_GRACE_SECONDS = 10.0

#: More than any context holds; a larger request would not pass the pipes.
MAX_CHAT_CHARACTERS = 4_000_000


class LocalBackend:
    """Backend over the generate worker.

    Args:
        on_death: Called once per process, on its reader thread, when a loaded model's process ends without being asked.
        cancel_grace_seconds: How long a cancel may go unanswered before the process is ended.
    """

    def __init__(
        self,
        on_death: Callable[[WorkerDiedError], None] | None = None,
        *,
        cancel_grace_seconds: float = CANCEL_GRACE_SECONDS,
    ) -> None:
        self._on_death = on_death
        self._cancel_grace_seconds = cancel_grace_seconds
        self._process: _ModelProcess | None = None
        self._busy = threading.Lock()
        self.last_used_at = time.monotonic()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.child.running

    @property
    def pid(self) -> int | None:
        """The child's process id."""
        return self._process.child.pid if self._process else None

    @property
    def loaded(self) -> ModelLoaded | None:
        """What the engine made of the configuration."""
        return self._process.loaded if self._process else None

    @property
    def idle(self) -> bool:
        """Whether it is neither loading nor answering."""
        return not self._busy.locked()

    def load(
        self,
        configuration: RunConfiguration,
        on_progress: Callable[[float], None] | None = None,
        *,
        cancelled: threading.Event | None = None,
    ) -> ModelLoaded:
        """Start a process and load; see Backend.load. A process from before is ended first.

        Raises:
            CancelledByUser: ``cancel`` or ``close`` was called meanwhile, or ``cancelled`` was set before.
        """

        def listen(message: Message) -> None:
            if isinstance(message, Progress) and message.total and on_progress:
                on_progress(message.done / message.total)

        with self._busy:
            if self._process is not None:
                self._process.child.stop()
                self._process.child.wait()
            process = self._process = _ModelProcess(self._on_death)
            try:
                reply = process.ask(LoadModel(configuration=configuration), _LOAD_ID, listen, cancelled)
            except BaseException:
                process.child.stop()
                raise
            self.last_used_at = time.monotonic()
            match reply:
                case ModelLoaded():
                    return reply
                case Failed():
                    process.child.stop()
                    process.child.wait()
                    raise CancelledByUser if reply.kind == CancelledByUser.__name__ else error_from(reply)
                case Exit():
                    if reply.cancelled:
                        raise CancelledByUser
                    raise _death(reply, _LOADING)
        raise _out_of_turn(reply)

    def generate(
        self,
        messages: Sequence[ChatMessage],
        ask: AskParameters,
        on_event: Callable[[GenerationEvent], None],
        *,
        ignore_eos: bool = False,
        cancelled: threading.Event | None = None,
    ) -> Generated:
        """Answer; see Backend.generate. What ``on_event`` raises stops the answer and is raised here."""
        if sum(len(message.content) for message in messages) > MAX_CHAT_CHARACTERS:
            raise RefusedError("This conversation is longer than any model can read.", "Shorten it, or start anew.")
        rendered = False

        def listen(message: Message) -> None:
            nonlocal rendered
            if isinstance(message, PromptRendered | PromptRead | Delta):
                rendered = True
                on_event(message)

        with self._busy:
            process = self._process
            if process is None or process.loaded is None:
                raise WorkerDiedError("No model is loaded.", "Load one first.")
            if not process.child.running:
                raise WorkerDiedError("The process of this model has ended.", _AGAIN)
            number = next(process.request_ids)
            request = Generate(request_id=number, messages=tuple(messages), ask=ask, ignore_eos=ignore_eos)
            reply = process.ask(request, number, listen, cancelled)
            self.last_used_at = time.monotonic()
            match reply:
                case Generated():
                    return reply
                case GenerationFailed() | Failed():
                    raise error_from(reply)
                case Exit():
                    if reply.cancelled:
                        raise CancelledByUser
                    raise _death(reply, _ANSWERING if rendered else _PREPARING)
        raise _out_of_turn(reply)

    def cancel(self) -> None:
        """Stop the load or the answer under way; harmless when there is none."""
        if self._process:
            self._process.cancel(self._cancel_grace_seconds)

    def close(self) -> None:
        """End the process; its memory is free when it has ended."""
        if self._process:
            self._process.child.stop()

    def wait_closed(self, timeout: float | None = None) -> bool:
        """Block until the process has ended; whether it has."""
        return self._process is None or self._process.child.wait(timeout) is not None


class _ModelProcess:
    """One child and what it said.

    Args:
        on_death: See LocalBackend.
    """

    def __init__(self, on_death: Callable[[WorkerDiedError], None] | None) -> None:
        self._on_death = on_death
        self._replies: queue.SimpleQueue[Message | Exit] = queue.SimpleQueue()
        self._listener: Callable[[Message], None] | None = None
        self._listener_error: Exception | None = None
        # The number of the request under way and its own event, so that a late cancel never hits the one after it.
        self._under_way: tuple[int, threading.Event] | None = None
        self.loaded: ModelLoaded | None = None
        self.request_ids = itertools.count(_LOAD_ID + 1)
        self.child: Child[Message] = Child(
            "generate", GenerateOutput, on_message=self._on_message, on_exit=self._on_exit
        )

    def ask(
        self, request: Message, number: int, listener: Callable[[Message], None], cancelled: threading.Event | None
    ) -> Message | Exit:
        """Send a request and wait for what ends it; everything before goes to the listener.

        Raises:
            CancelledByUser: ``cancelled`` was set before ``cancel`` could know of this request.
        """
        self._listener, self._listener_error = listener, None
        answered = threading.Event()
        self._under_way = number, answered
        try:
            # After it is under way: whoever sets the event and then calls ``cancel`` is seen here or heard there.
            if cancelled is not None and cancelled.is_set():
                raise CancelledByUser
            self.child.send(request)
            reply = self._replies.get()
        finally:
            answered.set()
            self._under_way = self._listener = None
        if self._listener_error is not None:
            raise self._listener_error
        return reply

    def cancel(self, grace_seconds: float) -> None:
        """Stop what is under way, by ending the process if it does not answer."""
        under_way = self._under_way
        if under_way is None:
            return
        number, answered = under_way
        self.child.send(Cancel(request_id=number))
        if not answered.is_set():
            threading.Thread(
                target=self._end_unless, args=(answered, grace_seconds), name="cancel", daemon=True
            ).start()

    def _end_unless(self, answered: threading.Event, grace_seconds: float) -> None:
        if not answered.wait(grace_seconds):
            self.child.stop(grace_seconds=0)

    def _on_message(self, message: Message) -> None:
        if isinstance(message, ModelLoaded):
            self.loaded = message
        if isinstance(message, ModelLoaded | Generated | GenerationFailed | Failed):
            self._replies.put(message)
        elif self._listener and self._listener_error is None:
            try:
                self._listener(message)
            except Exception as error:  # of whoever listens; it is raised where the answer is awaited
                self._listener_error = error
                self.child.send(Cancel())

    def _on_exit(self, exit_: Exit) -> None:
        try:
            # Told first: whoever is told can see whether an answer was under way, which ends with the reply.
            if not exit_.cancelled and self.loaded is not None and self._on_death:
                self._on_death(_death(exit_))
        finally:
            self._replies.put(exit_)


def _death(exit_: Exit, when: str = "") -> WorkerDiedError:
    """The error for an end without an answer."""
    if when == _PREPARING and exit_.code == 1:
        # The watchdog of the template sandbox ends the process like this.
        return WorkerDiedError(
            "The chat template of this model could not be stopped, so its process was ended.",
            "Choose another template in the pane's settings, or plain completion.",
            exit_.log,
        )
    return WorkerDiedError(exit_.describe(when), _AGAIN, exit_.fault or exit_.log)


def _out_of_turn(reply: object) -> GardenError:
    return GardenError("The process of this model answered out of turn.", _AGAIN, repr(reply)[:500])
