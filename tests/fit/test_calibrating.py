"""Measuring as the inverse of forecasting: from the times that a known machine would take, the machine is found."""

from __future__ import annotations

import dataclasses
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from garden.core.calibration import DeviceSpeed
from garden.core.run_configuration import LoadParameters
from garden.fit import calibrating, trial_models
from garden.fit.calibrated_speed import decode_seconds, speed_of
from garden.fit.calibrating import UNCHECKED_ERROR, Times, with_errors
from garden.fit.work import work_of
from tests.fit.headers import published
from tests.fit.speeds import F16_CACHE, TYPES, calibration, device, measured_again, times

EXACT = pytest.approx


def assert_same(found: DeviceSpeed, known: DeviceSpeed, rel: float) -> None:
    assert found.layer_seconds == EXACT(known.layer_seconds, rel=rel)
    assert found.token_seconds == EXACT(known.token_seconds, rel=rel, abs=1e-7)
    assert found.expert_token_factor == EXACT(known.expert_token_factor, rel=rel)
    assert found.scan_seconds == EXACT(known.scan_seconds, rel=rel)
    assert found.prompt_scan_seconds == EXACT(known.prompt_scan_seconds, rel=rel)
    for kind, one in known.types.items():
        assert dataclasses.astuple(found.types[kind]) == EXACT(dataclasses.astuple(one), rel=rel)
    for kind, cache in known.caches.items():
        assert dataclasses.astuple(found.caches[kind]) == EXACT(dataclasses.astuple(cache), rel=rel)


def test_the_machine_behind_the_times_is_found() -> None:
    assert_same(measured_again(device()), device(), rel=1e-3)


RATES = st.floats(min_value=0.3, max_value=3.0)


@settings(max_examples=25, deadline=None)
@given(RATES, RATES, RATES, RATES)
def test_any_machine_is_found(bandwidth: float, compute: float, overhead: float, attention: float) -> None:
    known = device(
        layer_seconds=10e-6 * overhead,
        types={
            kind: dataclasses.replace(
                one,
                byte_seconds=one.byte_seconds * bandwidth,
                operation_seconds=one.operation_seconds * compute,
                value_seconds=one.value_seconds * compute,
                expert_operation_seconds=one.expert_operation_seconds * compute,
            )
            for kind, one in TYPES.items()
        },
        caches={
            "f16": dataclasses.replace(
                F16_CACHE,
                byte_seconds=F16_CACHE.byte_seconds * attention,
                prompt_value_seconds=F16_CACHE.prompt_value_seconds * attention,
            )
        },
    )

    assert_same(measured_again(known), known, rel=1e-2)


def test_noise_makes_nothing_negative_and_forecasts_a_little_worse() -> None:
    source = random.Random(1)
    known = device()
    work = work_of(published("Qwen/Qwen3-8B"))
    load = LoadParameters(threads=2, threads_batch=2)
    true = speed_of(work, calibration(known), load)
    assert true is not None and true.prefill is not None
    for _ in range(20):
        found = measured_again(known, noise=lambda: source.uniform(0.97, 1.03))

        assert min(dataclasses.astuple(one) for one in found.types.values()) >= (0, 0, 0)
        assert all(min(dataclasses.astuple(cache)) >= 0 for cache in found.caches.values())
        told = speed_of(work, calibration(found), load)
        assert told is not None and told.prefill is not None
        assert told.decode == EXACT(true.decode, rel=0.08)
        assert told.prefill == EXACT(true.prefill, rel=0.15)


def test_checks_say_how_far_forecasts_are_off() -> None:
    known = device()
    slower = dataclasses.replace(
        known,
        token_seconds=known.token_seconds * 1.1,
        layer_seconds=known.layer_seconds * 1.1,
        types={
            kind: dataclasses.replace(one, byte_seconds=one.byte_seconds * 1.1, row_seconds=one.row_seconds * 1.1)
            for kind, one in known.types.items()
        },
    )
    checks = [(model, times(slower, model, depths=(0,), prompts=(128,))) for model in trial_models.CHECKS]

    found = with_errors(known, checks)

    assert found.decode_error == EXACT(0.0953, abs=0.002)
    assert 0 < found.prefill_error < 0.02


def test_a_type_that_was_timed_at_a_bad_moment_says_nothing_of_what_blocks_cost() -> None:
    """Weights that seem to be read a fifth more slowly would explain all that a deep model takes, and more."""
    known = device()
    slow = dataclasses.replace(known.types["Q4_0"], byte_seconds=known.types["Q4_0"].byte_seconds * 1.25)
    told = dataclasses.replace(known, types={**known.types, "Q4_0": slow}, layer_seconds=0.0, token_seconds=0.0)
    deep, plain = trial_models.DEEP, trial_models.flat(trial_models.DEEP)

    found = calibrating._with_overheads(
        told,
        times(known, trial_models.SHALLOW, depths=(0,)),
        dataclasses.replace(
            times(known, deep, depths=(0,)), against_seconds=times(known, plain, depths=(0,)).token_seconds
        ),
    )

    assert found.layer_seconds == EXACT(known.layer_seconds, rel=0.1)


def test_without_a_check_an_error_is_assumed() -> None:
    found = with_errors(device(), [])

    assert (found.decode_error, found.prefill_error) == (UNCHECKED_ERROR, UNCHECKED_ERROR)


def test_an_attention_too_quick_to_time_costs_nothing() -> None:
    flat = Times(token_seconds=dict.fromkeys(trial_models.DEPTHS, 1e-3), prompt_seconds={128: 0.01, 512: 0.04})

    free = device(token_seconds=0.0, layer_seconds=0.0, types={})
    found = calibrating._cache_speed(free, "f16", *[flat] * 6)

    assert dataclasses.astuple(found) == EXACT((0,) * 8, abs=1e-15)


def test_no_type_is_read_faster_than_memory_gives_the_fastest() -> None:
    """A disturbed time of the narrow model would make its rows dear and its bytes cheap."""
    known = device()
    source = iter(range(10_000))

    def disturbed() -> float:
        # The narrow model of one type, wherever it comes in the list, took twice as long.
        return 1.0 if next(source) % 5 else 1.6

    found = measured_again(known, noise=disturbed)

    fastest = min(one.byte_seconds for one in known.types.values())
    assert min(one.byte_seconds for one in found.types.values()) >= 0.95 * fastest


def test_narrow_matrices_with_dear_rows_are_forecast_from_both_models() -> None:
    known = device()
    found = measured_again(known)
    blocks = trial_models.blocks_of(
        dataclasses.replace(trial_models.SHALLOW, width=768, heads=12, feed_forward=2_048, weights="Q6_K")
    )
    load = LoadParameters(threads=2, threads_batch=2)

    told, true = (decode_seconds(blocks, one, load, 0) for one in (found, known))
    without = {kind: dataclasses.replace(one, row_seconds=0.0) for kind, one in known.types.items()}
    plain = decode_seconds(blocks, dataclasses.replace(known, types=without), load, 0)

    assert told and true and plain
    assert told == EXACT(true, rel=1e-3)
    assert plain < 0.85 * true


def test_prompts_of_experts_are_forecast_in_the_ratio_of_the_type_most_like_them() -> None:
    known = device()

    def ratio(speed: DeviceSpeed, kind: str) -> float:
        one = speed.types[kind]
        return one.expert_operation_seconds / calibrating._dense_operation_seconds(kind, one)

    found = measured_again(known, experts=("Q4_K", "Q8_0"))

    for kind, like in (("Q4_K", "Q4_K"), ("Q6_K", "Q4_K"), ("Q8_0", "Q8_0"), ("Q4_0", "Q8_0")):
        assert ratio(found, kind) == EXACT(ratio(known, like), rel=1e-3)
    assert ratio(known, "Q6_K") != EXACT(ratio(known, "Q4_K"), rel=0.02)


def test_without_experts_nothing_is_told_of_them() -> None:
    found = measured_again(device(), experts=())

    assert found.expert_token_factor == 1.0
    assert {one.expert_operation_seconds for one in found.types.values()} == {0.0}
