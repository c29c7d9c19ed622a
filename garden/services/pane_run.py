"""One pane answering one prompt: collects what comes from its model and tells it."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Sequence

from garden.core.conversation import Answer, ChatMessage, FinishReason, GenerationMetrics
from garden.core.errors import GardenError, WorkerDiedError
from garden.core.events import EventBus, PaneChanged, PaneStage, PaneText
from garden.core.messages import Delta, PromptRead, PromptRendered
from garden.core.run_configuration import RunConfiguration
from garden.inference.backend import GenerationEvent
from garden.inference.local_backend import LocalBackend

#: Said only where something was written, of what ``OpenConversations.keep`` does.
KEPT = "what was written stays here until another answer takes its place."


class PaneRun:
    """One pane answering one prompt: collects what comes and tells it."""

    def __init__(
        self, bus: EventBus, conversation_id: str, turn: int, letter: str, configuration: RunConfiguration
    ) -> None:
        self._bus = bus
        self._where = {"conversation_id": conversation_id, "turn": turn, "pane": letter}
        self._answer = Answer(pane=letter, configuration=configuration)
        self._text: list[str] = []
        self._tokens: list[int] = []
        self._asked_at = 0.0
        self._first: tuple[float, int] | None = None
        self._last_at = 0.0

    def report(self, state: PaneStage, fraction: float | None) -> None:
        """Say where the pane is."""
        self._bus.publish(PaneChanged(**self._where, state=state, fraction=fraction))  # type: ignore[arg-type]  # its fields

    def ask(
        self,
        backend: LocalBackend,
        messages: Sequence[ChatMessage],
        load_seconds: float | None,
        forecast_bytes: int | None,
        stopped: threading.Event,
    ) -> Answer:
        """Ask and collect; ``stopped`` is set by whoever stops the pane, before it cancels the backend."""
        loaded = backend.loaded
        assert loaded is not None
        asked = self._answer.configuration.ask
        resolved = loaded.configuration.ask
        # A file without a template was resolved to plain completion when it was loaded.
        template = resolved.template if asked.template == "file" else asked.template
        ask = dataclasses.replace(asked, template=template, template_sha256=resolved.template_sha256)
        configuration = dataclasses.replace(loaded.configuration, ask=ask)
        metrics = GenerationMetrics(load_seconds=load_seconds, forecast_bytes=forecast_bytes)
        self._answer = dataclasses.replace(self._answer, configuration=configuration, metrics=metrics)
        self._asked_at = time.perf_counter()
        done = backend.generate(messages, configuration.ask, self._on_event, cancelled=stopped)
        metrics = dataclasses.replace(done.metrics, load_seconds=load_seconds, forecast_bytes=forecast_bytes)
        return dataclasses.replace(
            self._answer,
            text=done.text,
            token_ids=done.token_ids,
            finish_reason=done.finish_reason,
            metrics=metrics,
        )

    def so_far(self) -> Answer:
        """What was written up to now: its text, which is what cannot be had again. Safe to call from any thread."""
        return dataclasses.replace(self._answer, text="".join(self._text), rendered_prompt="", prompt_token_ids=())

    def ended(self, reason: FinishReason, error: GardenError | None = None) -> Answer:
        """What there is when it did not end by itself."""
        text = "".join(self._text)
        action = error.action if error else ""
        if text and isinstance(error, WorkerDiedError):
            action = f"{action.removesuffix('.')}; {KEPT}"
        return dataclasses.replace(
            self._answer,
            text=text,
            token_ids=tuple(self._tokens),
            finish_reason=reason,
            metrics=self._seen(),
            error=error.sentence if error else None,
            action=action,
        )

    def _seen(self) -> GenerationMetrics:
        """What was seen here of an answer whose model could not tell its own figures any more."""
        metrics, tokens = self._answer.metrics, len(self._tokens)
        if self._first is None:
            return metrics
        first_at, at_first = self._first
        seconds = self._last_at - first_at
        return dataclasses.replace(
            metrics,
            prompt_tokens=len(self._answer.prompt_token_ids) or None,
            completion_tokens=tokens,
            time_to_first_token_ms=1_000 * (first_at - self._asked_at),
            decode_tokens_per_second=(tokens - at_first) / seconds if seconds > 0 and tokens > at_first else None,
        )

    def _on_event(self, event: GenerationEvent) -> None:
        match event:
            case PromptRendered():
                self._answer = dataclasses.replace(
                    self._answer, rendered_prompt=event.text, prompt_token_ids=event.token_ids
                )
            case PromptRead():
                self.report("reading", event.done / max(event.total, 1))
            case Delta():
                if not self._tokens:
                    self.report("answering", None)
                self._text.append(event.text)
                self._tokens += event.token_ids
                self._last_at = time.perf_counter()
                if self._first is None:
                    self._first = self._last_at, len(self._tokens)
                self._bus.publish(
                    PaneText(**self._where, text=event.text, tokens=len(event.token_ids))  # type: ignore[arg-type]  # its fields
                )
