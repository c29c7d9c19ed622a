from __future__ import annotations

import dataclasses
import math

import pytest

from garden.core.calibration import CacheSpeed
from garden.core.fit_forecast import Placement, SpeedSource, Verdict
from garden.core.run_configuration import LoadParameters
from garden.fit import estimator
from garden.fit.calibrated_speed import (
    SpeedForecast,
    decode_seconds,
    prompt_pairs,
    shares,
    speed_of,
    type_speed,
    with_calibrated_speed,
)
from garden.fit.work import work_of
from garden.gguf.made_up_model import MadeUpModel
from tests.fit.headers import gpu, machine, published
from tests.fit.speeds import F16_CACHE, TYPES, calibration, device

LOAD = LoadParameters(context_length=8_192, threads=2, threads_batch=2)
QWEN = "Qwen/Qwen3-8B"


def test_a_token_takes_what_its_bytes_take_and_something_per_block() -> None:
    work = work_of(published(QWEN, "Q8_0"))
    told = speed_of(work, calibration(device(caches={})), LOAD)
    read = sum(t.size_bytes for t in published(QWEN, "Q8_0").tensors if len(t.shape) > 1)
    read -= next(t.size_bytes for t in published(QWEN, "Q8_0").tensors if t.name == "token_embd.weight")

    matrices = [t for t in published(QWEN, "Q8_0").tensors if len(t.shape) > 1 and t.name != "token_embd.weight"]
    rows = sum(t.shape[1] for t in matrices)

    assert told is not None
    kind = TYPES["Q8_0"]
    assert 1 / told.decode == pytest.approx(
        read * kind.byte_seconds + rows * kind.row_seconds + 36 * 10e-6 + 20e-6 + 151_936 * 1e-9, rel=1e-3
    )


def test_a_deeper_cache_answers_more_slowly_until_its_window_is_full() -> None:
    def decode(repo_id: str, depth: int) -> float:
        load = dataclasses.replace(LOAD, context_length=32_768)
        told = speed_of(work_of(published(repo_id)), calibration(), load, depth=depth)
        assert told is not None
        return 1 / told.decode

    full, sliding = QWEN, "google/gemma-3-12b-it"
    assert decode(full, 8_192) - decode(full, 4_096) == pytest.approx(decode(full, 12_288) - decode(full, 8_192))
    # Five of six layers see a window only.
    near, far = (decode(sliding, 1_024) - decode(sliding, 0)) / 1_024, (decode(sliding, 9_216) - decode(sliding, 8_192))
    assert far / 1_024 == pytest.approx(near / 6, rel=0.1)


def test_the_depth_is_never_beyond_the_context() -> None:
    short = dataclasses.replace(LOAD, context_length=512)

    assert speed_of(work_of(published(QWEN)), calibration(), short) == speed_of(
        work_of(published(QWEN)), calibration(), short, depth=511
    )


def test_a_quantized_cache_counts_with_its_own_times() -> None:
    def decode(kind: str) -> float:
        load = dataclasses.replace(LOAD, type_k=kind, type_v=kind)
        told = speed_of(work_of(published(QWEN)), calibration(), load)
        assert told is not None
        return told.decode

    assert decode("q8_0") < decode("f16")
    # Not measured: as q8_0, of fewer bytes.
    assert decode("q8_0") < decode("q4_0") < decode("f16")
    assert decode("f32") < decode("f16")


def test_a_prompt_in_two_batches_takes_its_overhead_twice() -> None:
    work = work_of(published(QWEN))
    small = dataclasses.replace(LOAD, n_ubatch=256)
    one, two = (speed_of(work, calibration(), load, prompt_tokens=512) for load in (LOAD, small))

    assert one is not None and two is not None and one.prefill and two.prefill
    overhead = 20e-6 + 36 * 10e-6
    output = sum(m.bytes * TYPES[kind].byte_seconds for kind, m in work.output.matrices.items())
    assert 512 / two.prefill - 512 / one.prefill > overhead + output


def test_experts_take_longer_than_their_bytes() -> None:
    work = work_of(published("Qwen/Qwen3-30B-A3B"))

    def told(factor: float) -> SpeedForecast | None:
        types = {
            kind: dataclasses.replace(one, expert_operation_seconds=factor * one.operation_seconds)
            for kind, one in TYPES.items()
        }
        return speed_of(work, calibration(device(expert_token_factor=factor, types=types)), LOAD)

    slow, plain = told(2.0), told(1.0)
    assert slow is not None and plain is not None and slow.prefill and plain.prefill
    assert slow.decode < 0.75 * plain.decode
    assert slow.prefill < 0.75 * plain.prefill


def test_layers_on_the_gpu_take_the_gpus_time() -> None:
    work = work_of(published(QWEN))
    fast = device(
        device="gpu",
        types={kind: dataclasses.replace(one, byte_seconds=one.byte_seconds / 20) for kind, one in TYPES.items()},
        # Attention that is as quick as a processor's would take most of the time.
        caches={"f16": CacheSpeed(**{name: each / 20 for name, each in dataclasses.asdict(F16_CACHE).items()})},
    )
    both = calibration(device(), fast)

    def decode(layers: int) -> float:
        told = speed_of(work, both, LOAD, gpu_layers=layers, of_layers=37)
        assert told is not None
        return told.decode

    speeds = [decode(layers) for layers in (0, 1, 18, 37)]
    assert speeds == sorted(speeds)
    assert speeds[-1] > 8 * speeds[0]
    split = speed_of(work, both, LOAD, gpu_layers=18, of_layers=37)
    assert split is not None and split.prefill is None
    # Without a measurement of the GPU nothing is known of what runs there.
    assert speed_of(work, calibration(), LOAD, gpu_layers=18, of_layers=37) is None


def test_the_output_layer_goes_to_the_gpu_first() -> None:
    work = work_of(published(QWEN))

    one = shares(work, 1, 37)
    assert one["gpu"] == [work.output]
    assert len(one["cpu"]) == 36
    assert list(shares(work, 37, 37)) == ["gpu"]
    assert list(shares(work, 0, 37)) == ["cpu"]


def test_what_was_placed_in_ram_is_read_from_there() -> None:
    work = work_of(published("Qwen/Qwen3-30B-A3B"), ((r"_exps\.", "CPU"),))
    parts = shares(work, 49, 49)

    assert all(not block.experts for block in parts["gpu"])
    assert sum(bool(block.experts) for block in parts["cpu"]) == 48
    assert all(not block.heads for block in parts["cpu"])


def test_a_type_that_was_not_measured_is_taken_for_a_similar_one_with_less_trust() -> None:
    work = work_of(published(QWEN, "Q4_K_M"))
    known = calibration()
    less = calibration(device(types={kind: one for kind, one in TYPES.items() if kind != "Q4_K"}))
    told, guessed = speed_of(work, known, LOAD), speed_of(work, less, LOAD)

    assert told is not None and guessed is not None
    assert guessed.decode == pytest.approx(told.decode, rel=0.3)
    assert guessed.decode_range[0] / guessed.decode < told.decode_range[0] / told.decode
    assert speed_of(work, calibration(device(types={})), LOAD) is None


def test_a_type_is_taken_for_one_that_is_packed_like_it() -> None:
    grid = dataclasses.replace(TYPES["Q4_0"], byte_seconds=1.0)
    speed = device(types={**TYPES, "IQ4_XS": grid})

    assert type_speed(speed, "IQ4_NL") == TYPES["Q4_0"]
    assert type_speed(speed, "IQ3_S") == grid


def test_the_range_widens_with_the_error_and_with_other_programs() -> None:
    work = work_of(published(QWEN))

    def width(**facts: float) -> float:
        busy = facts.pop("busy_share", None)
        told = speed_of(work, calibration(device(**facts), busy_share=busy), LOAD)
        assert told is not None
        low, high = told.decode_range
        assert low * high == pytest.approx(told.decode**2)
        return math.log(high / told.decode)

    # What real models showed stays, whatever the checks say.
    assert width(decode_error=0.0) == pytest.approx(0.32)
    assert width(decode_error=0.3) == pytest.approx(0.6)
    assert width(decode_error=0.3, busy_share=0.6) == pytest.approx(2 * math.hypot(0.3, 0.3))


def test_a_forecast_says_that_it_was_calibrated() -> None:
    header = published(QWEN)
    plain = estimator.forecast(header, LOAD, machine(32))

    told = with_calibrated_speed(plain, header, LOAD, calibration())

    assert told.speed_source is SpeedSource.CALIBRATED
    assert told.speed_basis.startswith("calibrated here, between ")
    assert told.decode_tokens_per_second is not None and told.prefill_tokens_per_second is not None
    assert told.prefill_range is not None
    assert told.prefill_range[0] < told.prefill_tokens_per_second < told.prefill_range[1]
    assert (
        dataclasses.replace(
            told,
            decode_tokens_per_second=None,
            prefill_tokens_per_second=None,
            speed_source=SpeedSource.UNKNOWN,
            speed_range=None,
            prefill_range=None,
        )
        == plain
    )


def test_what_does_not_run_has_no_speed() -> None:
    header = published(QWEN)
    small = estimator.forecast(header, LOAD, machine(2))
    assert small.verdict is Verdict.TOO_LARGE

    assert with_calibrated_speed(small, header, LOAD, calibration()) == small


def test_a_gpu_that_was_not_measured_leaves_the_forecast_as_it_is() -> None:
    header = published(QWEN)
    on_gpu = estimator.forecast(header, dataclasses.replace(LOAD, n_gpu_layers=-1), machine(32, gpu(24)))
    assert on_gpu.placement is Placement.GPU

    assert with_calibrated_speed(on_gpu, header, LOAD, calibration()) == on_gpu


def test_heads_in_wide_rows_are_read_from_far_apart() -> None:
    def token_seconds(kv_heads: int, head: int = 128) -> float:
        heads = MadeUpModel(
            width=16 * head, feed_forward=64, heads=16, kv_heads=kv_heads, blocks=1, vocabulary=256, weights="Q4_0"
        )
        blocks = work_of(heads.header()).blocks
        speed = device(token_seconds=0.0, layer_seconds=0.0, types={"Q4_0": TYPES["Q4_0"]})
        near, far = (decode_seconds(blocks, speed, LOAD, depth) or 0.0 for depth in (0, 1_000))
        return (far - near) / 1_000

    plain = 16 * (F16_CACHE.head_seconds + 256 * F16_CACHE.value_seconds)
    assert token_seconds(1) == pytest.approx(plain)
    assert token_seconds(2) == pytest.approx(plain)
    assert token_seconds(8) == pytest.approx(plain + 8 * 512 * F16_CACHE.byte_seconds)
    assert token_seconds(4) == pytest.approx(plain + 4 * 512 * F16_CACHE.half_byte_seconds)
    narrow = 16 * (F16_CACHE.head_seconds + 128 * F16_CACHE.value_seconds)
    assert token_seconds(16, 64) == pytest.approx(narrow + 16 * 256 * F16_CACHE.narrow_byte_seconds)


def test_states_with_rates_of_their_own_take_their_time() -> None:
    work = work_of(published("state-spaces/mamba-130m-hf", "F16"))
    assert sum(block.scanned_values for block in work.blocks) == 24 * 1_536 * 16

    slow, free = (
        speed_of(work, calibration(device(scan_seconds=each, prompt_scan_seconds=each)), LOAD) for each in (5e-9, 0.0)
    )

    assert slow is not None and free is not None and slow.prefill and free.prefill
    for with_it, without in ((slow.decode, free.decode), (slow.prefill, free.prefill)):
        assert 1 / with_it - 1 / without == pytest.approx(24 * 1_536 * 16 * 5e-9)


def test_an_unsteady_machine_makes_intervals_wider() -> None:
    work = work_of(published(QWEN))
    calm, unsteady = (speed_of(work, calibration(device(unrest=unrest)), LOAD) for unrest in (0.0, 0.3))

    assert calm is not None and unsteady is not None and unsteady.prefill_range and calm.prefill_range
    assert unsteady.decode == calm.decode
    assert unsteady.decode_range[0] < calm.decode_range[0] < calm.decode_range[1] < unsteady.decode_range[1]
    assert unsteady.prefill_range[1] > calm.prefill_range[1]


def test_attention_of_prompts_is_computed_in_tiles() -> None:
    cpu, gpu_ = device(), device(device="gpu")
    quantized = dataclasses.replace(LOAD, type_k="q8_0", type_v="q8_0")

    # One of 350 tokens fills six rows of tiles in part: one tile, two, and so on.
    assert prompt_pairs(350, cpu, LOAD) == 64 * 64 * (1 + 2 + 3 + 4 + 5 + 6)
    assert prompt_pairs(32, cpu, LOAD) == 32 * 33 / 2
    assert prompt_pairs(350, cpu, quantized) == prompt_pairs(350, gpu_, LOAD) == 350 * 351 / 2
    # Within a window of 128 tokens, which begins in one tile and ends in another.
    assert prompt_pairs(320, cpu, LOAD, 128) == 64 * 64 * (1 + 2 + 3 + 3 + 3)
    assert prompt_pairs(100_000, cpu, LOAD) == pytest.approx(100_000**2 / 2, rel=1e-2)
