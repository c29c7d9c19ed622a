from __future__ import annotations

import dataclasses

import pytest

from garden.core.fit_forecast import Placement, Verdict
from garden.core.run_configuration import LoadParameters
from garden.fit.devices import Budget
from garden.fit.needs import Needs
from garden.fit.placement import Leaning, Placed, Placer
from garden.fit.verdict import reason_of
from tests.fit.headers import GIB, MIB, published

LLAMA_8B = "meta-llama/Llama-3.1-8B-Instruct"
MIXTURE = "Qwen/Qwen3-30B-A3B"
TIED = "meta-llama/Llama-3.2-1B-Instruct"
LOAD = LoadParameters(context_length=8_192)


def budget(gib: float, name: str = "RAM", *, shared: bool = False) -> Budget:
    return Budget(
        name=name,
        kind="ram" if name == "RAM" else "gpu",
        total_bytes=round(gib * GIB),
        available_bytes=round(gib * GIB),
        beside_bytes=0,
        margin_bytes=0,
        device="CPU" if name == "RAM" else name,
        shared=shared,
    )


def place(
    repo_id: str,
    *gpus: Budget,
    layers: int | None = None,
    load: LoadParameters = LOAD,
    ram: float = 64,
    leaning: Leaning = Leaning.LIKELY,
) -> Placed:
    needs = Needs(published(repo_id), load)
    return Placer(needs, budget(ram), gpus, ("avx2", "avx512")).place(load.context_length, layers, leaning)


def mib(size_bytes: int) -> float:
    return round(size_bytes / MIB, 1)


# What the engine planned on an imagined GPU (llama-cpp-python 0.3.36, Q4_K_M, 8,192 tokens, micro-batches of 512):
# weights, cache and compute on the device and in RAM, in MiB. The engine's compute buffer in a split is 129.5 MiB.
@pytest.mark.parametrize(
    ("layers", "on_gpu", "in_ram"),
    [
        (0, (0.0, 0.0, 0.0), (4_685.3, 1_024.0, 124.0)),
        (1, (411.0, 0.0, 169.9), (4_274.3, 1_024.0, 24.0)),
        (16, (2_290.2, 480.0, 169.9), (2_395.1, 544.0, 24.0)),
        (33, (4_403.5, 1_024.0, 116.0), (281.8, 0.0, 24.0)),
    ],
)
def test_an_8b_model_as_the_engine_places_it(
    layers: int, on_gpu: tuple[float, float, float], in_ram: tuple[float, float, float]
) -> None:
    placed = place(LLAMA_8B, budget(24, "CUDA0"), layers=layers)

    (gpu,), ram = placed.gpus, placed.ram
    assert (mib(gpu.weights_bytes), mib(gpu.cache_bytes), mib(gpu.compute_bytes)) == on_gpu
    assert (mib(ram.weights_bytes), mib(ram.cache_bytes), mib(ram.compute_bytes)) == in_ram
    assert placed.kind is {0: Placement.CPU, 33: Placement.GPU}.get(layers, Placement.SPLIT)


@pytest.mark.parametrize("layers", [1, 16, 33])
def test_what_the_engine_plans_lies_between_the_bounds(layers: int) -> None:
    least, most = (
        place(LLAMA_8B, budget(24, "CUDA0"), layers=layers, leaning=leaning).gpus[0].compute_bytes
        for leaning in (Leaning.LEAST, Leaning.MOST)
    )

    assert mib(least) < (129.5 if layers < 33 else 116.0) < mib(most)


def test_small_batches_are_computed_where_their_weights_are() -> None:
    load = dataclasses.replace(LOAD, n_batch=16, n_ubatch=16)
    placed = place(LLAMA_8B, budget(24, "CUDA0"), layers=0, load=load)

    assert placed.gpus[0].compute_bytes == 0
    assert placed.ram.compute_bytes == place(LLAMA_8B, load=load).ram.compute_bytes


def test_two_gpus_share_the_layers_as_the_engine_does() -> None:
    placed = place(LLAMA_8B, budget(24, "CUDA0"), budget(24, "CUDA1"), layers=33)

    assert [mib(share.weights_bytes) for share in placed.gpus] == [2_113.3, 2_290.2]
    assert [mib(share.cache_bytes) for share in placed.gpus] == [544.0, 480.0]
    assert [mib(share.compute_bytes) for share in placed.gpus] == [172.0, 204.0]
    assert mib(placed.ram.compute_bytes) == 72.0


def test_unequal_gpus_share_by_what_is_free() -> None:
    placed = place(LLAMA_8B, budget(18, "CUDA0"), budget(6, "CUDA1"), layers=33)

    # 25 of 33 layers, and 8 of which the output layer has no cache.
    assert [share.cache_bytes for share in placed.gpus] == [25 * 32 * MIB, 7 * 32 * MIB]


def test_a_tied_embedding_is_copied_to_the_gpu_and_stays_in_ram() -> None:
    placed = place(TIED, budget(24, "CUDA0"), layers=17)

    assert (mib(placed.gpus[0].weights_bytes), mib(placed.ram.weights_bytes)) == (762.8, 205.5)


def test_as_many_layers_as_fit() -> None:
    placed = place(LLAMA_8B, budget(4, "CUDA0"))

    assert placed.kind is Placement.SPLIT
    assert placed.gpus[0].spare_bytes >= 0
    assert place(LLAMA_8B, budget(4, "CUDA0"), layers=placed.layers + 1).gpus[0].spare_bytes < 0


def test_all_layers_when_they_fit() -> None:
    assert (place(LLAMA_8B, budget(8, "CUDA0")).layers, place(LLAMA_8B, budget(8, "CUDA0")).kind) == (33, Placement.GPU)


def test_no_layers_when_not_even_one_fits() -> None:
    placed = place(LLAMA_8B, budget(0.1, "CUDA0"))

    assert (placed.layers, placed.kind) == (0, Placement.CPU)


def test_without_a_gpu_everything_is_in_ram() -> None:
    placed = place(LLAMA_8B)

    assert (placed.gpus, placed.layers, placed.kind) == ((), 0, Placement.CPU)


def test_more_layers_than_there_are_means_all() -> None:
    assert place(LLAMA_8B, budget(24, "CUDA0"), layers=999).layers == 33


def test_a_gpu_that_shares_the_ram_takes_from_it() -> None:
    placed = place(LLAMA_8B, budget(21, "MTL0", shared=True), ram=24)

    held = placed.gpus[0].required_bytes
    assert placed.ram.budget.available_bytes == 24 * GIB - held


def test_experts_can_stay_in_ram() -> None:
    load = dataclasses.replace(LOAD, tensor_placement=((r"\.ffn_(up|down|gate|gate_up)_(ch|)exps", "CPU"),))
    placed = place(MIXTURE, budget(24, "CUDA0"), layers=49, load=load)

    # The engine holds 784 MiB on the device then, for other types of the same tensors.
    assert 700 < mib(placed.gpus[0].weights_bytes) < 1_000
    assert mib(placed.ram.weights_bytes) > 16_000


def test_a_split_leaves_room_for_the_matrix_that_prompts_borrow() -> None:
    whole = place(MIXTURE, budget(64, "CUDA0"), layers=49).gpus[0].compute_bytes
    split = place(MIXTURE, budget(64, "CUDA0"), layers=48).gpus[0].compute_bytes

    assert split - whole > 100 * MIB


def test_several_gpus_are_counted_in_the_sentence() -> None:
    placed = place(LLAMA_8B, budget(24, "CUDA0"), budget(24, "CUDA1"), layers=33)

    assert reason_of(placed, Verdict.FITS).startswith("All 33 layers fit on 2 GPUs with ")
