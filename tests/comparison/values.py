"""Conversations that the tests of comparisons look at."""

from __future__ import annotations

from garden.core.conversation import Answer, Conversation, FinishReason, GenerationMetrics, Turn
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import RunConfiguration


def configuration(name: str = "Tiny", **ask: object) -> RunConfiguration:
    ref = ModelRef(name=name, filenames=("t.gguf",), path="/home/someone/t.gguf", quant_type="Q4_1", sha256="ab" * 32)
    return RunConfiguration(model=ref).with_ask(**ask)


def answer(text: str, tokens: tuple[int, ...] = (), *, pane: str = "A", **fields: object) -> Answer:
    base: dict[str, object] = {
        "pane": pane,
        "configuration": configuration(),
        "text": text,
        "token_ids": tokens,
        "finish_reason": FinishReason.STOP,
        "rendered_prompt": "<|im_start|>user\nWhy?",
        "prompt_token_ids": (1, 2),
        "metrics": GenerationMetrics(time_to_first_token_ms=212.4, completion_tokens=len(tokens)),
    }
    return Answer(**{**base, **fields})  # type: ignore[arg-type]  # named by the tests


def conversation(*answers: Answer, prompt: str = "Why?", title: str = "Why?") -> Conversation:
    panes = tuple((a.pane, a.configuration) for a in answers)
    turn = Turn(prompt=prompt, answers=answers, order="".join(a.pane for a in answers), asked_at=1.0)
    return Conversation(id="c", title=title, panes=panes, turns=(turn,), created_at=1.0)
