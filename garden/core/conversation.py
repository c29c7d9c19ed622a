"""Conversations: one to four panes, one prompt per turn, an answer per pane."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Literal

from garden.core.run_configuration import RunConfiguration

#: Who says a message.
Role = Literal["system", "user", "assistant"]


class Mode(enum.StrEnum):
    """How several panes share the machine."""

    FAIR = "fair"
    RELAY = "relay"


class FinishReason(enum.StrEnum):
    """Why an answer ended."""

    STOP = "stop"
    LENGTH = "length"
    CONTEXT = "context"
    CANCELLED = "cancelled"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    """One message of a chat: who says it, and its text."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationMetrics:
    """What one answer took. Unknown figures are None.

    Attributes:
        load_seconds: Time to load the model, None when it was loaded already.
        prompt_tokens: Tokens of the rendered prompt.
        reused_tokens: Tokens of the prompt that were still in the cache.
        completion_tokens: Tokens of the answer.
        time_to_first_token_ms: From the request to the first token.
        prefill_tokens_per_second: Prompt tokens decoded now / time.
        decode_tokens_per_second: (answer tokens − 1) / time between the first and the last.
        buffers_bytes: The engine's own buffers: weights + KV + recurrent state + compute.
        forecast_bytes: What the fit forecast said for the same.
        peak_memory_bytes: Resident high-water mark of the child.
        gpu_peak_bytes: By how much the GPUs had less free than before the load; None without any.
    """

    load_seconds: float | None = None
    prompt_tokens: int | None = None
    reused_tokens: int | None = None
    completion_tokens: int | None = None
    time_to_first_token_ms: float | None = None
    prefill_tokens_per_second: float | None = None
    decode_tokens_per_second: float | None = None
    buffers_bytes: int | None = None
    forecast_bytes: int | None = None
    peak_memory_bytes: int | None = None
    gpu_peak_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one pane said in one turn.

    Attributes:
        pane: Letter ``A`` … ``D``.
        configuration: What it ran with, as the engine resolved it.
        text: The answer.
        token_ids: The tokens of the answer, in order.
        finish_reason: Why it ended, None while it runs or waits.
        metrics: What it took.
        rendered_prompt: The exact text that the model received.
        prompt_token_ids: The tokens of that text.
        prompt_token_ids: The tokens of that text; tokenizing it again need not give them, since a marker that the
            user typed is text while one of the template is control. Empty when unknown.
        error: The sentence of what went wrong, None when nothing did.
        action: What helps.
    """

    pane: str
    configuration: RunConfiguration
    text: str = ""
    token_ids: tuple[int, ...] = ()
    finish_reason: FinishReason | None = None
    metrics: GenerationMetrics = field(default_factory=GenerationMetrics)
    rendered_prompt: str = ""
    prompt_token_ids: tuple[int, ...] = ()
    error: str | None = None
    action: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One prompt and the answers to it.

    Attributes:
        prompt: What the user asked.
        answers: One per pane that took part.
        order: Letters in the order in which they answered.
        asked_at: Seconds since the epoch.
        standalone: Asked as if it were the first: earlier turns were not sent along.
    """

    prompt: str
    answers: tuple[Answer, ...] = ()
    order: str = ""
    standalone: bool = False
    asked_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A conversation: its panes and turns.

    Attributes:
        id: Stable identifier.
        title: Shown in lists; from the first prompt unless renamed.
        mode: How panes share the machine.
        panes: Letter and configuration of each pane, in order.
        turns: Oldest first.
        created_at: Seconds since the epoch.
        updated_at: Seconds since the epoch.
    """

    id: str
    title: str
    mode: Mode = Mode.FAIR
    panes: tuple[tuple[str, RunConfiguration], ...] = ()
    turns: tuple[Turn, ...] = ()
    created_at: float = 0.0
    updated_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSummary:
    """A row of the list of conversations."""

    id: str
    title: str
    models: tuple[str, ...]
    turns: int
    updated_at: float
