from __future__ import annotations

from garden.core.model_ref import ModelRef
from garden.core.run_configuration import RunConfiguration
from garden.gui.viewmodels.run_difference import differences, load_differences, summary
from garden.gui.viewmodels.run_settings import NUMBERS, asked_like, with_setting, with_settings_of

RUN = RunConfiguration(model=ModelRef(name="Tiny", filenames=("tiny.gguf",)))


def test_every_number_is_read_back_as_written() -> None:
    for setting in NUMBERS:
        value = setting.low + setting.step
        assert setting.read(with_setting(RUN, setting.name, value)) == value, setting.name


def test_a_number_out_of_bounds_is_brought_into_them() -> None:
    assert with_setting(RUN, "temperature", 99).ask.sampling.temperature == 5
    assert with_setting(RUN, "max_tokens", 0).ask.max_tokens == 1


def test_an_empty_system_prompt_sends_none() -> None:
    assert with_setting(RUN, "system_prompt", "  \n").ask.system_prompt is None
    assert with_setting(RUN, "system_prompt", "Be brief.").ask.system_prompt == "Be brief."


def test_differences_are_named_the_most_telling_first() -> None:
    other = RUN
    for name, value in (("seed", 7), ("temperature", 0.2), ("system_prompt", "Be brief.")):
        other = with_setting(other, name, value)
    other = other.with_load(type_k="q8_0")
    assert differences(other, RUN) == ("temp 0.2", "system prompt", "seed 7", "KV q8_0/f16")
    assert differences(RUN, RUN) == ()


def test_another_model_is_no_difference_of_settings() -> None:
    other = RunConfiguration(model=ModelRef(name="Other", filenames=("other.gguf",)))
    assert differences(other, RUN) == ()


def test_a_greedy_answer_needs_no_seed_in_its_summary() -> None:
    run = with_setting(with_setting(RUN, "max_tokens", 1_024), "seed", 4_217)
    assert summary(run) == "temp 0.8 · top-p 0.95 · seed 4217 · max 1,024"
    assert summary(with_setting(run, "temperature", 0)) == "temp 0 · max 1,024"


def test_asked_alike_takes_what_is_no_matter_of_the_model() -> None:
    first = with_setting(with_setting(RUN, "seed", 7), "temperature", 0.1)
    other = asked_like(RUN, first)
    assert other.ask.seed == 7
    assert other.ask.sampling.temperature == RUN.ask.sampling.temperature
    assert differences(with_settings_of(RUN, first), first) == ()


def test_layers_differ_only_between_panes_of_one_file() -> None:
    here = RunConfiguration(model=ModelRef(name="Tiny", filenames=("tiny.gguf",), path="/tiny.gguf"))
    other = RunConfiguration(model=ModelRef(name="Other", filenames=("other.gguf",), path="/other.gguf"))
    assert differences(here.with_load(n_gpu_layers=7), here) == ("7 on GPU",)
    assert differences(other.with_load(n_gpu_layers=7), here) == ()
    assert load_differences(here.with_load(n_sequences=2, load_mode="mmap"), here) == ("2 sequences", "mapped")
