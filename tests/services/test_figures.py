from __future__ import annotations

from garden.core.conversation import Answer, FinishReason, GenerationMetrics
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import RunConfiguration
from garden.services.figures import FIGURE_NAMES, answer_figures, figures


def said(**metrics: float | int) -> Answer:
    return Answer(
        pane="A",
        configuration=RunConfiguration(model=ModelRef(name="Tiny", filenames=("Tiny.gguf",))),
        finish_reason=FinishReason.STOP,
        metrics=GenerationMetrics(**metrics),  # type: ignore[arg-type]  # named by the tests
    )


def test_known_figures_have_their_units() -> None:
    answer = said(
        time_to_first_token_ms=103.6,
        prefill_tokens_per_second=409.2,
        decode_tokens_per_second=58.64,
        completion_tokens=80,
        peak_memory_bytes=355_000_000,
    )

    assert (
        figures(answer)
        == "first token 104 ms · prompt 409 tok/s · answer 58.6 tok/s · 80 tokens · peak 338.6 MiB · stop"
    )


def test_unknown_figures_are_never_zero() -> None:
    assert figures(said()) == "stop"
    assert answer_figures(said()) == ("–", "–", "–", "–", "–", "stop")
    assert len(answer_figures(said())) == len(FIGURE_NAMES)
