"""The measured figures of an answer, as one line of text."""

from __future__ import annotations

from garden.core.conversation import Answer
from garden.core.quantity import format_bytes


def figures(answer: Answer) -> str:
    """First token, speed, tokens, memory and end of an answer, in one line."""
    metrics = answer.metrics
    parts = []
    if metrics.time_to_first_token_ms is not None:
        parts.append(f"first token {metrics.time_to_first_token_ms:.0f} ms")
    if metrics.prefill_tokens_per_second is not None:
        parts.append(f"prompt {metrics.prefill_tokens_per_second:.0f} tok/s")
    if metrics.decode_tokens_per_second is not None:
        parts.append(f"answer {metrics.decode_tokens_per_second:.1f} tok/s")
    if metrics.completion_tokens is not None:
        parts.append(f"{metrics.completion_tokens} tokens")
    if metrics.peak_memory_bytes is not None:
        parts.append(f"peak {format_bytes(metrics.peak_memory_bytes)}")
    if answer.finish_reason is not None:
        parts.append(answer.finish_reason.value)
    return " · ".join(parts)
