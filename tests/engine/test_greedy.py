"""Greedy steps, the made model that they are tried on, and how far two ways of computing are apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from garden.core.errors import EngineError
from garden.engine.greedy import GreedySteps, check_agreement, greedy_steps, largest_gap
from garden.engine.library import EngineLibrary
from garden.engine.probe_model import write_probe_model
from tests.engine.loading import greedy, load_parameters


def steps(logits: list[list[float]]) -> GreedySteps:
    array = np.array(logits, dtype=np.float32)
    return GreedySteps(tuple(int(token) for token in array.argmax(axis=1)), array, ())


def test_the_same_tokens_are_no_gap() -> None:
    assert largest_gap(steps([[0, 3], [2, 1]]), steps([[0, 1], [5, 1]])) == 0.0


def test_the_gap_is_what_the_chosen_token_trails_by_at_worst() -> None:
    reference = steps([[0, 3, 0], [2, 1, 0]])
    other = steps([[0, 1, 1.5], [1, 4, 0]])

    assert largest_gap(reference, other) == 3.0


def test_a_near_tie_is_agreement_and_more_is_not() -> None:
    reference = steps([[0, 3], [2, 1]])

    assert check_agreement("Made", reference, steps([[3.9, 3], [2, 1]])) == pytest.approx(0.9)
    wrong_ones: list[list[list[float]]] = [[[4.1, 3], [2, 1]], [[0, 3], [2, 9]], [[0, 3], [float("nan"), 1]]]
    for wrong in wrong_ones:
        with pytest.raises(EngineError, match="Made backend computes something else than the CPU, so it stays off"):
            check_agreement("Made", reference, steps(wrong))


@pytest.mark.engine
def test_the_made_model_goes_on_the_same_way_each_time(engine: EngineLibrary, tmp_path: Path) -> None:
    first = write_probe_model(tmp_path / "a.gguf")
    second = write_probe_model(tmp_path / "b.gguf")
    assert first == second
    assert (tmp_path / "a.gguf").read_bytes() == (tmp_path / "b.gguf").read_bytes()

    load = load_parameters(context_length=256)
    answers = [greedy_steps(engine, tmp_path / name, load, first, 16) for name in ("a.gguf", "b.gguf")]

    assert answers[0].tokens == answers[1].tokens
    assert len(set(answers[0].tokens)) > 8
    best = np.sort(answers[0].logits, axis=1)
    # So far ahead is each token that rounding of another device does not change it.
    assert (best[:, -1] - best[:, -2]).min() > 0.2


@pytest.mark.engine
def test_steps_are_what_the_sampler_picks(engine: EngineLibrary, tiny_model: Path) -> None:
    found = greedy_steps(engine, tiny_model, load_parameters(), "The quick brown fox", 16)

    assert list(found.tokens) == greedy(engine, tiny_model)
    assert sum(use.weights_bytes for use in found.buffers) > 0


@pytest.mark.engine
def test_forced_tokens_are_read_in_place_of_the_best(engine: EngineLibrary, tiny_model: Path) -> None:
    free = greedy_steps(engine, tiny_model, load_parameters(), "Hello", 6)
    other = [token + 1 for token in free.tokens[:2]]

    forced = greedy_steps(engine, tiny_model, load_parameters(), "Hello", 6, forced=other)

    assert np.array_equal(forced.logits[0], free.logits[0])
    assert not np.array_equal(forced.logits[1], free.logits[1])
