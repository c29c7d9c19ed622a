"""A conversation as a JSON document: everything that is needed to look at it, or to run it, again."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from garden.comparison.first_difference import first_difference
from garden.core.conversation import Answer, Conversation, Turn

SCHEMA_VERSION = 1


def to_document(conversation: Conversation) -> dict[str, Any]:
    """Plain data; unknown figures are None, never 0."""
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "garden.comparison",
        "id": conversation.id,
        "title": conversation.title,
        "mode": conversation.mode.value,
        "created_at": conversation.created_at,
        "updated_at": conversation.updated_at,
        "panes": [
            {"pane": letter, "model": configuration.model.name, "run_configuration": configuration.to_document()}
            for letter, configuration in conversation.panes
        ],
        "turns": [_turn(turn) for turn in conversation.turns],
    }


def to_json(conversation: Conversation) -> str:
    """The document as text; half characters, which no file can hold, become question marks."""
    text = json.dumps(to_document(conversation), ensure_ascii=False, indent=2, allow_nan=False)
    return text.encode("utf-8", "replace").decode() + "\n"


def answer_document(answer: Answer) -> dict[str, Any]:
    """One answer with the names of the command line's contract."""
    metrics = answer.metrics
    return {
        "pane": answer.pane,
        "model": answer.configuration.model.name,
        "text": answer.text,
        "finish_reason": answer.finish_reason.value if answer.finish_reason else None,
        "prompt_tokens": metrics.prompt_tokens,
        "completion_tokens": metrics.completion_tokens,
        "time_to_first_token_ms": metrics.time_to_first_token_ms,
        "prefill_tokens_per_second": metrics.prefill_tokens_per_second,
        "decode_tokens_per_second": metrics.decode_tokens_per_second,
        "load_seconds": metrics.load_seconds,
        "buffers_bytes": metrics.buffers_bytes,
        "forecast_bytes": metrics.forecast_bytes,
        "peak_memory_bytes": metrics.peak_memory_bytes,
        "error": answer.error,
        "run_configuration": answer.configuration.to_document(),
    }


def _turn(turn: Turn) -> dict[str, Any]:
    baseline = turn.answers[0] if turn.answers else None
    answers = []
    for answer in turn.answers:
        difference = first_difference(baseline, answer) if baseline is not None and answer is not baseline else None
        answers.append(
            {
                **answer_document(answer),
                "action": answer.action,
                "token_ids": list(answer.token_ids),
                "rendered_prompt": answer.rendered_prompt,
                "prompt_token_ids": list(answer.prompt_token_ids),
                "first_difference": msgspec.to_builtins(difference) if difference else None,
            }
        )
    return {
        "prompt": turn.prompt,
        "order": turn.order,
        "asked_at": turn.asked_at,
        "baseline": baseline.pane if baseline else None,
        "answers": answers,
    }
