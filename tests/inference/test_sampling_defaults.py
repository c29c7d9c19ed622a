"""What a file recommends is taken, within reason."""

from __future__ import annotations

import pytest

from garden.core.run_configuration import Sampling
from garden.inference.sampling_defaults import default_ask


def test_a_file_without_wishes_gets_llama_cpps_defaults() -> None:
    ask = default_ask({"tokenizer.chat_template": "{{ messages }}"})

    assert (ask.sampling, ask.template) == (Sampling(), "file")


def test_the_files_wishes_are_taken() -> None:
    wishes = {"general.sampling.temp": 0.6, "general.sampling.top_k": 20, "general.sampling.penalty_repeat": 1.1}

    assert default_ask(wishes).sampling == Sampling(temperature=0.6, top_k=20, repeat_penalty=1.1)


@pytest.mark.parametrize("value", [-1.0, 99.0, float("nan"), float("inf"), "0.5", True, None, (1,)])
def test_nonsense_is_not_taken(value: object) -> None:
    assert default_ask({"general.sampling.temp": value}).sampling.temperature == Sampling().temperature


def test_a_base_model_completes() -> None:
    assert default_ask({}).template == "none"


def test_the_seed_is_concrete_and_can_be_given() -> None:
    assert 0 <= default_ask({}).seed < 2**32 - 1
    assert default_ask({}).seed != default_ask({}).seed
    assert default_ask({}, seed=7).seed == 7
