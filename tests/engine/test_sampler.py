"""Samplers: each parameter reaches the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from garden.core.run_configuration import Sampling
from garden.engine.context import Context
from garden.engine.library import EngineLibrary
from garden.engine.model import Model
from garden.engine.sampler import Sampler
from tests.engine.loading import answer, load_parameters

pytestmark = pytest.mark.engine

#: Everything possible: the draw is over the whole distribution.
OPEN: dict[str, Any] = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0}
PROMPT = list(range(40, 60))


@pytest.fixture(scope="module")
def model(engine: EngineLibrary, tiny_model: Path) -> Model:
    return Model(engine, tiny_model, load_parameters())


@pytest.fixture(scope="module")
def context(model: Model) -> Context:
    context = Context(model, load_parameters())
    context.reuse(PROMPT)
    context.read(PROMPT)
    return context


def drawn(model: Model, context: Context, count: int = 200, **sampling: Any) -> set[int]:
    """Tokens that come up first with many seeds."""
    context.reuse(PROMPT)
    context.read(PROMPT)
    found = set()
    for seed in range(count):
        sampler = Sampler(model, Sampling(**{**OPEN, **sampling}), seed, context_length=512)
        sampler.remember(PROMPT)
        found.add(sampler.sample(context.pointer))
        sampler.close()
    return found


def ranked(model: Model, context: Context) -> list[int]:
    """All tokens, the most probable first."""
    pointer = model.library.c.llama_get_logits_ith(context.pointer, -1)
    logits = np.ctypeslib.as_array(pointer, shape=(model.vocabulary.size,))
    return [int(token) for token in np.argsort(-logits)]


def test_greedy_takes_the_most_probable_token(model: Model, context: Context) -> None:
    drawn(model, context, 1)
    assert drawn(model, context, 5, temperature=0) == {ranked(model, context)[0]}


def test_top_k_leaves_so_many(model: Model, context: Context) -> None:
    drawn(model, context, 1)
    assert drawn(model, context, top_k=3) == set(ranked(model, context)[:3])


@pytest.mark.parametrize(
    "sampling",
    [
        {"top_p": 0.2},
        {"min_p": 0.5},
        {"typical_p": 0.2},
        {"top_n_sigma": 0.5},
        {"temperature": 0.05},
    ],
)
def test_each_filter_narrows_the_choice(model: Model, context: Context, sampling: dict[str, Any]) -> None:
    narrow, wide = drawn(model, context, **sampling), drawn(model, context)

    assert len(narrow) < len(wide) / 2


def test_xtc_leaves_the_best_out(model: Model, context: Context) -> None:
    drawn(model, context, 1)
    best = ranked(model, context)[0]

    assert best in drawn(model, context, top_k=4)
    assert best not in drawn(model, context, top_k=4, xtc_probability=1.0, xtc_threshold=0.01)


@pytest.mark.parametrize("penalty", [{"repeat_penalty": 10.0}, {"frequency_penalty": 50.0}, {"presence_penalty": 50.0}])
def test_penalties_count_what_the_prompt_said(model: Model, context: Context, penalty: dict[str, Any]) -> None:
    drawn(model, context, 1)
    best = ranked(model, context)[0]
    prompt = [*PROMPT[:-1], best, PROMPT[-1]]
    plain = answer(context, model, prompt, count=1)
    expected = ranked_after(model, context, prompt)[0]

    assert plain == [expected]
    repeated = [*PROMPT[:-1], expected, PROMPT[-1]]
    again = answer(context, model, repeated, count=1, sampling=Sampling(temperature=0, repeat_last_n=-1, **penalty))
    assert again[0] not in repeated


def ranked_after(model: Model, context: Context, prompt: list[int]) -> list[int]:
    context.reuse(prompt)
    context.read(prompt)
    return ranked(model, context)


def test_dry_breaks_a_loop(model: Model, context: Context) -> None:
    looping = [41, 42, 43, 44, 45] * 6
    dry = Sampling(temperature=0, dry_multiplier=100.0, dry_allowed_length=1)
    plain = answer(context, model, looping, count=40)
    broken = answer(context, model, looping, count=40, sampling=dry)

    def longest_repeat(tokens: list[int]) -> int:
        return max(
            length
            for length in range(len(tokens))
            if any(
                tokens[a : a + length] == tokens[b : b + length]
                for a in range(len(tokens) - length)
                for b in range(a + 1, len(tokens) - length + 1)
            )
        )

    assert longest_repeat(broken) <= 2 < longest_repeat(plain)


def test_one_seed_is_one_answer(model: Model, context: Context) -> None:
    first = answer(context, model, PROMPT, sampling=Sampling(**OPEN), seed=7)

    assert answer(context, model, PROMPT, sampling=Sampling(**OPEN), seed=7) == first
    assert answer(context, model, PROMPT, sampling=Sampling(**OPEN), seed=8) != first
