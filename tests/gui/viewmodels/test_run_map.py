from __future__ import annotations

import dataclasses

import pytest

from garden.core.fit_forecast import Placement, Verdict
from garden.core.hardware_snapshot import Cpu, Gpu, HardwareSnapshot
from garden.core.paths import resource_path
from garden.core.run_configuration import AUTO_GPU_LAYERS, LoadParameters
from garden.fit.estimator import forecast
from garden.fit.published_model import PublishedModel, published_models
from garden.gui.viewmodels.run_map import CONTEXTS, DenseFamily, RunMap, RunPoint, run_map

GIB = 1024**3
CPU = Cpu(name="CPU", physical_cores=8, threads=16)
GPU = Gpu(name="GPU", vendor="nvidia", memory_total_bytes=8 * GIB, memory_free_bytes=8 * GIB, device="CUDA0")
MACHINE = HardwareSnapshot(ram_total_bytes=32 * GIB, ram_available_bytes=24 * GIB, cpu=CPU, gpus=(GPU,))


@pytest.fixture(scope="module")
def models() -> tuple[PublishedModel, ...]:
    return published_models(resource_path("catalogue/models.json").read_bytes())


@pytest.fixture(scope="module")
def found(models: tuple[PublishedModel, ...]) -> RunMap:
    return run_map(models, MACHINE, "Q4_K_M", "q8_0")


def published(models: tuple[PublishedModel, ...], name: str) -> PublishedModel:
    return next(model for model in models if model.name == name)


def test_a_boundary_is_where_the_estimator_changes_its_verdict(
    models: tuple[PublishedModel, ...], found: RunMap
) -> None:
    family, point = DenseFamily(models), found.at(16_384)
    load = LoadParameters(
        context_length=point.context_length, type_k="q8_0", type_v="q8_0", n_gpu_layers=AUTO_GPU_LAYERS
    )

    def placed(parameters: float) -> tuple[Verdict, Placement]:
        answer = forecast(family.model(parameters).header("Q4_K_M"), load, MACHINE)
        return answer.verdict, answer.placement

    assert placed(point.on_gpu * 0.98)[1] is Placement.GPU
    assert placed(point.on_gpu * 1.02)[1] is Placement.SPLIT
    assert placed(point.at_all * 0.98)[0] is not Verdict.TOO_LARGE
    assert placed(point.at_all * 1.02)[0] is Verdict.TOO_LARGE


def test_a_longer_context_never_lets_a_larger_model_run(found: RunMap) -> None:
    assert [point.context_length for point in found.points] == list(CONTEXTS)
    for before, after in zip(found.points, found.points[1:], strict=False):
        assert after.on_gpu <= before.on_gpu
        assert after.at_all <= before.at_all
    assert found.points[-1].at_all < found.points[0].at_all / 1.5


def test_published_models_stand_on_their_side_of_the_boundary(
    models: tuple[PublishedModel, ...], found: RunMap
) -> None:
    point = found.at(16_384)
    load = LoadParameters(context_length=16_384, type_k="q8_0", type_v="q8_0", n_gpu_layers=AUTO_GPU_LAYERS)
    for name in ("Qwen3 4B Instruct 2507", "Qwen3 8B", "Qwen3 32B"):
        model = published(models, name)
        on_gpu = forecast(model.header("Q4_K_M"), load, MACHINE).placement is Placement.GPU
        assert on_gpu == (model.parameters < point.on_gpu), name


def test_a_model_of_a_published_size_has_the_published_shape(models: tuple[PublishedModel, ...]) -> None:
    real = published(models, "Qwen3 8B")
    made = DenseFamily(models).model(real.parameters)

    for key in ("block_count", "embedding_length", "feed_forward_length", "attention.head_count_kv"):
        assert made.shape[f"qwen3.{key}"] == real.shape[f"qwen3.{key}"]
    size = real.header("Q4_K_M").data_bytes
    assert made.header("Q4_K_M").data_bytes == pytest.approx(size, rel=0.001)


def test_a_smaller_cache_type_lets_larger_models_run(models: tuple[PublishedModel, ...], found: RunMap) -> None:
    wide = run_map(models, MACHINE, "Q4_K_M", "f16")

    assert wide.at(65_536).at_all < found.at(65_536).at_all * 0.9


def test_without_a_gpu_there_is_one_boundary(models: tuple[PublishedModel, ...]) -> None:
    found = run_map(models, dataclasses.replace(MACHINE, gpus=()), "Q4_K_M", "q8_0")

    assert not found.has_gpu
    assert {point.on_gpu for point in found.points} == {0.0}
    assert 20e9 < found.at(16_384).at_all < 60e9


def test_a_machine_without_room_runs_nothing(models: tuple[PublishedModel, ...]) -> None:
    full = dataclasses.replace(MACHINE, gpus=(), ram_available_bytes=16 * 1024**2)
    found = run_map(models, full, "Q8_0", "f16")

    assert found.sentence(16_384) == "At 16k: no model fits"


def test_what_is_read_at_a_context_is_a_sentence() -> None:
    def sentence(on_gpu: float, at_all: float, *, has_gpu: bool = True) -> str:
        point = RunPoint(context_length=16_384, on_gpu=on_gpu, at_all=at_all)
        found = RunMap(quant_type="Q4_K_M", kv_type="f16", has_gpu=has_gpu, points=(point,))
        return found.sentence(16_384)

    assert sentence(9.3e9, 45e9) == "At 16k: up to 9.3B on the GPU, 45.0B split over GPU and RAM"
    assert sentence(9.3e9, 9.3e9) == "At 16k: up to 9.3B on the GPU"
    assert sentence(0, 45e9) == "At 16k: up to 45.0B, split over GPU and RAM"
    assert sentence(0, 45e9, has_gpu=False) == "At 16k: up to 45.0B on the CPU"
