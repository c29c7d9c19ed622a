from __future__ import annotations

import pytest

from garden.core.expert_placement import EXPERTS_ON_CPU
from garden.core.run_configuration import LoadParameters
from garden.fit.estimator import forecast
from garden.fit.needs import Needs
from garden.fit.speed import MIN_BYTES_READ, MeasuredSpeed, Run, decode_bytes
from tests.fit.headers import GIB, gpu, machine, published


def run(gib: float, seconds: float, *, on_gpu: bool = False) -> Run:
    return Run(bytes_read=round(gib * GIB), tokens_per_second=1 / seconds, on_gpu=on_gpu)


def test_one_run_says_the_bandwidth() -> None:
    speed = MeasuredSpeed.from_runs([run(5, 0.1)])

    assert speed is not None
    assert speed.bytes_per_second == pytest.approx(50 * GIB)
    assert (speed.t0_seconds, speed.gpu_bytes_per_second) == (0, None)


def test_two_sizes_tell_the_fixed_part_apart() -> None:
    speed = MeasuredSpeed.from_runs([run(1, 0.005 + 1 / 50), run(5, 0.005 + 5 / 50)])

    assert speed is not None
    assert speed.bytes_per_second == pytest.approx(50 * GIB)
    assert speed.t0_seconds == pytest.approx(0.005)


def test_runs_that_contradict_each_other_are_averaged() -> None:
    # The smaller took longer: another program was busy.
    speed = MeasuredSpeed.from_runs([run(1, 0.2), run(5, 0.1)])

    assert speed is not None
    assert speed.bytes_per_second == pytest.approx(6 * GIB / 0.3)
    assert speed.t0_seconds == 0


def test_how_far_runs_are_apart_is_kept() -> None:
    # 50 GiB/s by themselves, 25 GiB/s beside another program; the mean time is 0.15 s.
    speed = MeasuredSpeed.from_runs([run(5, 0.1), run(5, 0.2)])

    assert speed is not None
    assert speed.slowest == pytest.approx(0.75)
    assert speed.fastest == pytest.approx(1.5)


def test_a_small_model_says_nothing_of_large_ones() -> None:
    assert MeasuredSpeed.from_runs([Run(bytes_read=MIN_BYTES_READ - 1, tokens_per_second=80)]) is None
    assert MeasuredSpeed.from_runs([]) is None


def test_a_gpu_is_measured_apart() -> None:
    speed = MeasuredSpeed.from_runs([run(5, 0.1), run(5, 0.02, on_gpu=True)])

    assert speed is not None
    assert speed.gpu_bytes_per_second == pytest.approx(250 * GIB)
    assert speed.bytes_per_second == pytest.approx(50 * GIB)


def test_a_token_reads_weights_and_the_cache_so_far() -> None:
    needs = Needs(published("Qwen/Qwen3-8B"), LoadParameters(context_length=16_384))
    empty, deep = decode_bytes(needs, 16_384, depth=0), decode_bytes(needs, 16_384, depth=16_384)

    # 36 layers · 8 heads · 128 · (K + V) · 2 bytes · 16,384 tokens
    assert deep - empty == 36 * 8 * 128 * 2 * 2 * 16_384
    assert empty == pytest.approx(4.34 * GIB, rel=0.01)


def test_where_experts_are_placed_changes_nothing_without_a_gpu() -> None:
    speed = MeasuredSpeed(bytes_per_second=50 * GIB)
    mixture = published("Qwen/Qwen3-30B-A3B")
    plain, placed = (
        forecast(mixture, LoadParameters(tensor_placement=placement), machine(30, total_gib=32), speeds=speed)
        for placement in ((), (EXPERTS_ON_CPU,))
    )

    assert placed.decode_tokens_per_second == pytest.approx(plain.decode_tokens_per_second, rel=1e-6)


def test_experts_in_ram_beside_a_gpu_are_read_at_the_pace_of_the_ram() -> None:
    speed = MeasuredSpeed(bytes_per_second=50 * GIB, gpu_bytes_per_second=500 * GIB)
    mixture = published("Qwen/Qwen3-30B-A3B")
    on = machine(30, gpu(24), total_gib=32)
    load = LoadParameters(context_length=4_096, n_gpu_layers=49, tensor_placement=(EXPERTS_ON_CPU,))
    placed = forecast(mixture, load, on, speeds=speed).decode_tokens_per_second
    # By hand: of each of 48 layers 8 of 128 experts of three matrices of 2,048 by 768 come from RAM.
    experts = sum(tensor.size_bytes for tensor in mixture.tensors if "_exps." in tensor.name) * 8 / 128
    others = decode_bytes(Needs(mixture, load), 4_096) - experts

    assert placed == pytest.approx(1 / (experts / (50 * GIB) + others / (500 * GIB)), rel=0.01)
