from __future__ import annotations

import dataclasses

from garden.comparison.differing_settings import differing_settings
from garden.core.run_configuration import Sampling
from tests.comparison.values import configuration


def test_only_what_differs_is_named() -> None:
    warm = configuration(sampling=Sampling(temperature=0.7), seed=4)
    cool = configuration(sampling=Sampling(temperature=0.2), seed=4).with_load(type_k="q8_0", type_v="q8_0")

    assert differing_settings([warm, cool]) == (("temp 0.7", "KV f16"), ("temp 0.2", "KV q8_0"))


def test_alike_panes_have_no_words() -> None:
    one = configuration()
    other_model = dataclasses.replace(one, model=dataclasses.replace(one.model, name="Other"))

    assert differing_settings([one, other_model]) == ((), ())


def test_a_long_system_prompt_is_cut() -> None:
    first, second = differing_settings([configuration(), configuration(system_prompt="You are\n a pirate " * 9)])

    assert first == ("no system prompt",)
    assert second == ("system “You are a pirate You ar…”",)
