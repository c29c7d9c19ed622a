"""The measured figures of an answer, for people to read."""

from __future__ import annotations

from garden.core.conversation import Answer
from garden.core.quantity import format_bytes

#: What ``answer_figures`` gives, in its order.
FIGURE_NAMES = ("First token", "Prompt", "Answer", "Tokens", "Peak memory", "Ended by")

_UNKNOWN = "–"


def answer_figures(answer: Answer) -> tuple[str, ...]:
    """One text per name of FIGURE_NAMES; what is unknown is a dash."""
    metrics = answer.metrics
    first, prefill, decode = (
        metrics.time_to_first_token_ms,
        metrics.prefill_tokens_per_second,
        metrics.decode_tokens_per_second,
    )
    return (
        _UNKNOWN if first is None else f"{first:.0f} ms",
        _UNKNOWN if prefill is None else f"{prefill:.0f} tok/s",
        _UNKNOWN if decode is None else f"{decode:.1f} tok/s",
        _UNKNOWN if metrics.completion_tokens is None else str(metrics.completion_tokens),
        _UNKNOWN if metrics.peak_memory_bytes is None else format_bytes(metrics.peak_memory_bytes),
        _UNKNOWN if answer.finish_reason is None else answer.finish_reason.value,
    )


def figures(answer: Answer) -> str:
    """First token, speeds, tokens, memory and end of an answer, in one line; what is unknown is left out."""
    first, prompt, decode, tokens, peak, ended = answer_figures(answer)
    parts = (
        ("first token ", first, ""),
        ("prompt ", prompt, ""),
        ("answer ", decode, ""),
        ("", tokens, " tokens"),
        ("peak ", peak, ""),
        ("", ended, ""),
    )
    return " · ".join(f"{before}{figure}{after}" for before, figure, after in parts if figure != _UNKNOWN)
