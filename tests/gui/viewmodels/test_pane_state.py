from __future__ import annotations

from garden.core.conversation import Answer, FinishReason, GenerationMetrics
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import RunConfiguration
from garden.gui.viewmodels.pane_state import LiveAnswer, answer_facts, answer_figures, live_figures, milliseconds, speed

RUN = RunConfiguration(model=ModelRef(name="Tiny", filenames=("tiny.gguf",), size_bytes=1_000))


def values(figures: object) -> list[str]:
    assert isinstance(figures, tuple)
    return [figure.value for figure in figures]


def test_a_live_answer_measures_itself() -> None:
    live = LiveAnswer()
    live.enter("reading", None, now=10.0)
    live.add("Hello", 1, now=10.2)
    live.add(" world", 10, now=11.2)
    assert live.text == "Hello world"
    assert values(live_figures(live, None)) == ["≈ 200 ms", "10.0 tok/s", "11", "–", "answering"]


def test_a_waiting_pane_says_what_it_does() -> None:
    live = LiveAnswer()
    live.enter("loading", 0.42)
    assert values(live_figures(live, None)) == ["–", "–", "–", "–", "loading"]


def test_times_have_three_figures() -> None:
    assert [milliseconds(value) for value in (211.6, 999.7, 1_431, 10_300)] == ["212 ms", "1.00 s", "1.43 s", "10.3 s"]


def test_the_foot_of_an_answer_holds_the_engines_figures() -> None:
    metrics = GenerationMetrics(
        time_to_first_token_ms=1_431.0,
        decode_tokens_per_second=38.61,
        completion_tokens=231,
        peak_memory_bytes=7 * 1024**3,
    )
    answer = Answer(pane="A", configuration=RUN, finish_reason=FinishReason.STOP, metrics=metrics)
    figures = answer_figures(answer, None)
    assert [figure.name for figure in figures] == ["First token", "Decode", "Tokens", "Peak", "Finish"]
    assert values(figures) == ["1.43 s", "38.6 tok/s", "231", "7.00 GiB", "stop"]


def test_unknown_figures_stay_unknown() -> None:
    answer = Answer(pane="A", configuration=RUN, finish_reason=FinishReason.ERROR, error="It died.")
    figures = answer_figures(answer, None)
    assert values(figures) == ["–", "–", "–", "–", "failed"]
    assert [figure.known for figure in figures] == [False, False, False, False, True]


def test_facts_of_an_answer_leave_out_what_is_unknown() -> None:
    metrics = GenerationMetrics(prompt_tokens=51, reused_tokens=20, prefill_tokens_per_second=312.4, load_seconds=0.42)
    full = Answer(pane="A", configuration=RUN, metrics=metrics)
    assert answer_facts(full) == ("31 tokens of the prompt read at 312 tok/s · 20 still in the cache · loaded in 0.4 s")
    assert answer_facts(Answer(pane="A", configuration=RUN)) == ""


def test_speeds_have_three_figures() -> None:
    assert [speed(value) for value in (4.04, 38.61, 312.4, 1_231.0)] == [
        "4.0 tok/s",
        "38.6 tok/s",
        "312 tok/s",
        "1.2k tok/s",
    ]


def test_a_narrow_foot_says_the_same_in_fewer_letters() -> None:
    metrics = GenerationMetrics(decode_tokens_per_second=38.61, peak_memory_bytes=359_342_080)
    figures = answer_figures(Answer(pane="A", configuration=RUN, metrics=metrics), None)
    assert [figure.short_name for figure in figures] == ["First", "tok/s", "Tokens", "Peak", "Finish"]
    assert [figure.short_value for figure in figures] == ["–", "38.6", "–", "343 MiB", "–"]
