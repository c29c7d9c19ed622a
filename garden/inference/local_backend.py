"""A model in a child process of its own: a crash stays there, its exit frees the memory."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable, Sequence

from garden.core.conversation import ChatMessage
from garden.core.errors import GardenError, WorkerDiedError
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

_AGAIN = "Start it again; what was written so far is kept."


class LocalBackend:
    """Backend over the generate worker.

    Args:
        on_death: Called once, on the reader thread, when the process ends without being asked to.
    """

    def __init__(self, on_death: Callable[[WorkerDiedError], None] | None = None) -> None:
        self._on_death = on_death
        self._child: Child[Message] | None = None
        self._loaded: ModelLoaded | None = None
        self._replies: queue.SimpleQueue[Message | Exit] = queue.SimpleQueue()
        self._listener: Callable[[Message], None] | None = None
        self._request_ids = itertools.count(1)
        self._busy = threading.Lock()
        self.last_used_at = time.monotonic()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._child is not None and self._child.running

    @property
    def pid(self) -> int | None:
        """The child's process id."""
        return self._child.pid if self._child else None

    @property
    def loaded(self) -> ModelLoaded | None:
        """What the engine made of the configuration."""
        return self._loaded

    @property
    def idle(self) -> bool:
        """Whether it is neither loading nor answering."""
        return not self._busy.locked()

    def load(self, configuration: RunConfiguration, on_progress: Callable[[float], None] | None = None) -> ModelLoaded:
        """Start the process and load; see Backend.load."""

        def listen(message: Message) -> None:
            if isinstance(message, Progress) and message.total and on_progress:
                on_progress(message.done / message.total)

        with self._busy:
            self._listener = listen
            self._child = Child("generate", GenerateOutput, on_message=self._on_message, on_exit=self._on_exit)
            self._child.send(LoadModel(configuration=configuration))
            reply = self._replies.get()
            self._listener = None
            self.last_used_at = time.monotonic()
            match reply:
                case ModelLoaded():
                    self._loaded = reply
                    return reply
                case Failed():
                    self._child.close()
                    raise error_from(reply)
                case Exit():
                    raise self._death(reply, "while it loaded the model")
        raise self._protocol_error(reply)

    def generate(
        self,
        messages: Sequence[ChatMessage],
        ask: AskParameters,
        on_event: Callable[[GenerationEvent], None],
        *,
        ignore_eos: bool = False,
    ) -> Generated:
        """Answer; see Backend.generate."""
        child = self._child
        if child is None or self._loaded is None:
            raise WorkerDiedError("No model is loaded.", "Load one first.")

        def listen(message: Message) -> None:
            if isinstance(message, PromptRendered | PromptRead | Delta) and message.request_id == request_id:
                on_event(message)

        with self._busy:
            request_id = next(self._request_ids)
            self._listener = listen
            if not child.running:
                raise WorkerDiedError("The process of this model has ended.", _AGAIN)
            child.send(Generate(request_id=request_id, messages=tuple(messages), ask=ask, ignore_eos=ignore_eos))
            reply = self._replies.get()
            self._listener = None
            self.last_used_at = time.monotonic()
            match reply:
                case Generated():
                    return reply
                case GenerationFailed():
                    raise GardenError(reply.sentence, reply.action, reply.detail)
                case Failed():
                    raise error_from(reply)
                case Exit():
                    raise self._death(reply, "while it answered")
        raise self._protocol_error(reply)

    def cancel(self) -> None:
        """Stop the answer under way."""
        if self._child:
            self._child.send(Cancel())

    def close(self) -> None:
        """End the process; its memory is free when it has ended."""
        if self._child:
            self._child.stop()

    def wait_closed(self, timeout: float | None = None) -> bool:
        """Block until the process has ended; whether it has."""
        return self._child is None or self._child.wait(timeout) is not None

    def _on_message(self, message: Message) -> None:
        if isinstance(message, ModelLoaded | Generated | GenerationFailed | Failed):
            self._replies.put(message)
        elif self._listener:
            self._listener(message)

    def _on_exit(self, exit_: Exit) -> None:
        self._replies.put(exit_)
        if not exit_.cancelled and self._loaded is not None and self._on_death:
            self._on_death(self._death(exit_, ""))

    @staticmethod
    def _death(exit_: Exit, when: str) -> WorkerDiedError:
        sentence = exit_.sentence
        if when:
            sentence = f"{sentence.rstrip('.')} {when}." if exit_.code < 0 or exit_.code > 255 else sentence
        return WorkerDiedError(sentence, _AGAIN, exit_.log)

    @staticmethod
    def _protocol_error(reply: object) -> GardenError:
        return GardenError("The process of this model answered out of turn.", _AGAIN, repr(reply)[:500])
