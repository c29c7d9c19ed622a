"""What one pane shows for one turn: where it is, what it has said, the figures at its foot."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from garden.core.conversation import Answer, FinishReason
from garden.core.events import PaneStage
from garden.core.fit_forecast import FitForecast
from garden.core.quantity import format_bytes, format_duration
from garden.core.run_configuration import RunConfiguration

if TYPE_CHECKING:
    from garden.services.load_plan import LoadPlan

#: Whether a pane's model is loaded: as its configuration says, or as it said before.
LoadState = Literal["not", "as chosen", "otherwise"]

#: States in which a pane is at work.
BUSY_STATES = frozenset({"queued", "loading", "reading", "answering"})

_NONE = "–"

_FINISHES = {
    FinishReason.STOP: "stop",
    FinishReason.LENGTH: "length",
    FinishReason.CONTEXT: "context full",
    FinishReason.CANCELLED: "stopped",
    FinishReason.ERROR: "failed",
}

#: What ended an answer before the model did: in a few words, and what helps.
CUT_OFF = {
    FinishReason.LENGTH: ("Token limit", "Raise “Max tokens” in the settings for a longer answer."),
    FinishReason.CONTEXT: ("Context is full", "Raise “Context” in the settings, or begin a new conversation."),
    FinishReason.CANCELLED: ("Stopped", "“Answer again” in the menu of the pane begins anew."),
}


@dataclass(slots=True)
class LiveAnswer:
    """An answer under way, as its events tell it.

    Attributes:
        state: Where it stands.
        fraction: How far loading or reading is, None when unknown.
        pieces: The text so far.
        tokens: Tokens so far.
        reading_since: When its model began to read, clock seconds.
        first_at: When its first token was seen, clock seconds.
        last_at: When its latest token was seen, clock seconds.
    """

    state: PaneStage = "queued"
    fraction: float | None = None
    pieces: list[str] = field(default_factory=list)
    tokens: int = 0
    reading_since: float | None = None
    first_at: float | None = None
    last_at: float | None = None

    @property
    def text(self) -> str:
        """The text so far."""
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]
        return self.pieces[0] if self.pieces else ""

    def enter(self, state: PaneStage, fraction: float | None, now: float | None = None) -> None:
        """Move on to a state."""
        if state == "reading" and self.state != "reading":
            self.reading_since = time.monotonic() if now is None else now
        self.state, self.fraction = state, fraction

    def add(self, text: str, tokens: int, now: float | None = None) -> None:
        """Take more text."""
        now = time.monotonic() if now is None else now
        if self.first_at is None:
            self.first_at = now
        self.last_at = now
        self.pieces.append(text)
        self.tokens += tokens
        self.state, self.fraction = "answering", None

    @property
    def first_token_ms(self) -> float | None:
        """From the start of reading to the first token, as seen here; the engine's own figure comes at the end."""
        if self.first_at is None or self.reading_since is None:
            return None
        return (self.first_at - self.reading_since) * 1000

    @property
    def tokens_per_second(self) -> float | None:
        """Speed as seen here, None until there is enough to tell."""
        if self.first_at is None or self.last_at is None or self.last_at - self.first_at < 0.25:
            return None
        return (self.tokens - 1) / (self.last_at - self.first_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of the foot: what it is, its value, whether it is known; and both again for a narrow pane."""

    name: str
    value: str = _NONE
    known: bool = True

    @property
    def short_name(self) -> str:
        """With the unit of its value, where that is always the same."""
        return {"First token": "First", "Decode": "tok/s"}.get(self.name, self.name)

    @property
    def short_value(self) -> str:
        """Without the unit that stands in the short name, and without decimals of sizes."""
        if self.name == "Decode":
            return self.value.removesuffix(" tok/s")
        if self.name in ("Need", "Peak", "Buffers") and self.known:
            number, _space, unit = self.value.partition(" ")
            return f"{float(number):.0f} {unit}" if unit == "MiB" else f"{float(number):.1f} {unit}"
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of what a waiting pane waits for: ``now`` or ``later``, and how far it is."""

    text: str
    detail: str = ""
    under_way: bool = False
    fraction: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaneState:
    """Everything that a pane shows.

    Attributes:
        letter: ``A`` … ``D``.
        configuration: What it will run with next.
        tags: What differs from pane A.
        baseline: Whether the others are held against it.
        state: Where it stands; ``empty`` before the first turn, ``absent`` when it took no part in this one.
        fraction: How far loading or reading is.
        text: What it said so far.
        answer: The stored answer of the turn, None while there is none.
        error: The sentence of what went wrong.
        action: What helps.
        lost: It failed after it had answered: the answer is whole, and the failure stands beside it.
        note: A sentence on the model that the user should know, empty for none.
        steps: What it waits for.
        plan: How its model is loaded and what that comes to, None until it was read.
        load_state: Whether the model is loaded now, and as the configuration says.
        figures: The five figures of the foot.
        memory: What its figure of memory is made of, in sentences.
    """

    letter: str
    configuration: RunConfiguration
    tags: tuple[str, ...] = ()
    baseline: bool = False
    state: PaneStage | Literal["empty", "absent"] = "empty"
    fraction: float | None = None
    text: str = ""
    answer: Answer | None = None
    error: str | None = None
    action: str = ""
    lost: bool = False
    note: str = ""
    steps: tuple[Step, ...] = ()
    plan: LoadPlan | None = None
    load_state: LoadState = "not"
    figures: tuple[Figure, ...] = ()
    memory: str = ""

    @property
    def forecast(self) -> FitForecast | None:
        """What its model will need here, None until it was read."""
        return self.plan.forecast if self.plan is not None else None

    @property
    def busy(self) -> bool:
        """Whether it is at work or waits for its turn."""
        return self.state in BUSY_STATES


def milliseconds(value: float) -> str:
    """``212 ms``, ``1.43 s``, ``10.3 s``."""
    if value < 999.5:
        return f"{value:.0f} ms"
    seconds = value / 1_000
    return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"


def speed(tokens_per_second: float) -> str:
    """``38.6 tok/s``, ``312 tok/s``, ``1.2k tok/s``: three figures, so that the column holds it."""
    if tokens_per_second >= 999.5:
        return f"{tokens_per_second / 1_000:.1f}k tok/s"
    digits = 1 if tokens_per_second < 100 else 0
    return f"{tokens_per_second:.{digits}f} tok/s"


def expected_speed(tokens_per_second: float) -> str:
    """The same without decimals: a forecast has none to give."""
    return speed(tokens_per_second) if tokens_per_second >= 100 else f"{tokens_per_second:.0f} tok/s"


def answer_facts(answer: Answer) -> str:
    """What the foot has no room for: ``51 tokens read at 312 tok/s · 20 reused · loaded in 0.4 s``."""
    metrics = answer.metrics
    parts = []
    if metrics.prompt_tokens is not None:
        reused = metrics.reused_tokens or 0
        read = f"{metrics.prompt_tokens - reused:,} tokens of the prompt read"
        if metrics.prefill_tokens_per_second:
            read += f" at {speed(metrics.prefill_tokens_per_second)}"
        parts.append(read)
        if reused:
            parts.append(f"{reused:,} still in the cache")
    if metrics.load_seconds is not None:
        parts.append(f"loaded in {format_duration(metrics.load_seconds)}")
    return " · ".join(parts)


def live_figures(live: LiveAnswer, forecast: FitForecast | None) -> tuple[Figure, ...]:
    """The foot of a pane at work."""
    first, measured = live.first_token_ms, live.tokens_per_second
    expected = forecast.decode_tokens_per_second if forecast else None
    decode = speed(measured) if measured else f"≈ {expected_speed(expected)}" if expected else _NONE
    first_text = f"≈ {milliseconds(first)}" if first is not None else _NONE
    return (
        Figure(name="First token", value=first_text, known=first is not None),
        Figure(name="Decode", value=decode, known=decode != _NONE),
        Figure(name="Tokens", value=f"{live.tokens:,}" if live.tokens else _NONE, known=bool(live.tokens)),
        _need(forecast),
        Figure(name="Finish", value=live.state),
    )


def answer_figures(answer: Answer, forecast: FitForecast | None) -> tuple[Figure, ...]:
    """The foot of a pane that has answered, failed or was stopped."""
    metrics = answer.metrics
    first, measured = metrics.time_to_first_token_ms, metrics.decode_tokens_per_second
    tokens = metrics.completion_tokens if metrics.completion_tokens is not None else len(answer.token_ids)
    finish = _FINISHES[answer.finish_reason] if answer.finish_reason else _NONE
    return (
        Figure(name="First token", value=milliseconds(first) if first is not None else _NONE, known=first is not None),
        Figure(name="Decode", value=speed(measured) if measured else _NONE, known=bool(measured)),
        Figure(name="Tokens", value=f"{tokens:,}" if tokens else _NONE, known=bool(tokens)),
        _held(answer, forecast),
        Figure(name="Finish", value=finish, known=answer.finish_reason is not None),
    )


def idle_figures(forecast: FitForecast | None) -> tuple[Figure, ...]:
    """The foot of a pane that was asked nothing yet."""
    expected = forecast.decode_tokens_per_second if forecast else None
    return (
        Figure(name="First token", known=False),
        Figure(name="Decode", value=f"≈ {expected_speed(expected)}" if expected else _NONE, known=bool(expected)),
        Figure(name="Tokens", known=False),
        _need(forecast),
        Figure(name="Finish", known=False),
    )


def memory_told(answer: Answer | None, forecast: FitForecast | None) -> str:
    """What the figure of memory is made of, and what was expected; empty while nothing is known."""
    need = forecast.need_bytes if forecast else None
    expected = ""
    if forecast is not None and forecast.total_bytes is not None and need is not None:
        beside = need - forecast.total_bytes
        expected = (
            f"Need {format_bytes(need)}: the engine's buffers {format_bytes(forecast.total_bytes)}, "
            f"vocabulary, process and driver {format_bytes(beside)}."
        )
    if answer is None:
        return expected
    metrics, told = answer.metrics, []
    if metrics.buffers_bytes:
        planned = f", planned {format_bytes(metrics.forecast_bytes)}" if metrics.forecast_bytes else ""
        told.append(f"The engine's buffers hold {format_bytes(metrics.buffers_bytes)}{planned}.")
    if metrics.peak_memory_bytes:
        told.append(f"Peak {format_bytes(metrics.peak_memory_bytes)}: the most RAM that the whole process held.")
    if metrics.gpu_peak_bytes:
        told.append(f"GPUs had {format_bytes(metrics.gpu_peak_bytes)} less free.")
    return " ".join(filter(None, (*told, expected)))


def _held(answer: Answer, forecast: FitForecast | None) -> Figure:
    metrics = answer.metrics
    if metrics.peak_memory_bytes:
        return Figure(name="Peak", value=format_bytes(metrics.peak_memory_bytes))
    if metrics.buffers_bytes:
        return Figure(name="Buffers", value=format_bytes(metrics.buffers_bytes))
    return _need(forecast)


def _need(forecast: FitForecast | None) -> Figure:
    need = forecast.need_bytes if forecast else None
    return Figure(name="Need", value=format_bytes(need) if need else _NONE, known=bool(need))
