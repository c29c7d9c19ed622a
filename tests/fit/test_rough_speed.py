from __future__ import annotations

import statistics

import pytest

from garden.core.catalog import ModelSummary
from garden.core.fit_forecast import FitForecast, Placement, SpeedSource
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.run_configuration import LoadParameters
from garden.fit.calibrated_speed import with_calibrated_speed
from garden.fit.estimator import forecast
from garden.fit.family_kind import guessed_active_parameters, kind_of
from garden.fit.rough_forecast import rough_forecast
from garden.fit.rough_speed import RoughModel, with_rough_speed
from garden.fit.speed import MeasuredSpeed
from tests.fit.headers import gpu, machine, published, published_items
from tests.fit.speeds import calibration, device

#: Room for every model of the catalogue.
ROOMY = machine(4_096)
LOAD = LoadParameters(context_length=16_384, threads=2, threads_batch=2)
MEASURED = MeasuredSpeed(bytes_per_second=20e9, t0_seconds=0.001, runs=3)


def roughly(repo_id: str, on: HardwareSnapshot = ROOMY) -> tuple[FitForecast, RoughModel]:
    item = published_items()[repo_id]
    name, total = repo_id.rpartition("/")[2], item["computed_parameters"]["value"]
    quant_type = "MXFP4" if item["architecture"] == "gpt-oss" else "Q4_K_M"
    row = ModelSummary(
        repo_id=repo_id,
        parameters=total,
        architecture=item["architecture"],
        context_length=item["context_length"],
        filenames=(f"{name}-{quant_type}.gguf",),
        has_gguf=True,
    )
    rough = rough_forecast(row, on, 16_384)
    assert rough.quant_type is not None
    kind = kind_of(item["architecture"], name)
    active = guessed_active_parameters(item["architecture"], name, total, kind)
    return rough, RoughModel(parameters=total, active_parameters=active, quant_type=rough.quant_type)


def errors(*, calibrated: bool) -> dict[str, float]:
    """Share by which each row's speed is off from what the file's header forecasts."""
    found = {}
    for repo_id, item in published_items().items():
        trained = item["context_length"] or 16_384
        load = LoadParameters(context_length=min(16_384, trained), threads=2, threads_batch=2)
        header = published(repo_id)
        from_header = forecast(header, load, ROOMY, speeds=None if calibrated else MEASURED)
        rough, model = roughly(repo_id)
        if calibrated:
            from_header = with_calibrated_speed(from_header, header, load, calibration())
        row = with_rough_speed(rough, model, calibration() if calibrated else None, MEASURED)
        assert from_header.decode_tokens_per_second and row.decode_tokens_per_second, repo_id
        found[repo_id] = row.decode_tokens_per_second / from_header.decode_tokens_per_second - 1
    return found


@pytest.mark.parametrize(
    ("calibrated", "average", "nine_of_ten", "largest"), [(True, 0.12, 0.28, 0.9), (False, 0.07, 0.25, 0.3)]
)
def test_a_rows_speed_is_near_that_of_its_header(
    calibrated: bool, average: float, nine_of_ten: float, largest: float
) -> None:
    found = errors(calibrated=calibrated)
    sizes = sorted(abs(error) for error in found.values())

    assert len(sizes) >= 40
    assert statistics.mean(sizes) < average
    assert sizes[int(0.9 * len(sizes))] < nine_of_ten
    assert sizes[-1] < largest


def test_nothing_is_said_where_nothing_was_measured() -> None:
    rough, model = roughly("Qwen/Qwen3-8B")

    assert with_rough_speed(rough, model, None, None).decode_tokens_per_second is None


def test_nothing_is_said_of_a_gpu_on_which_nothing_was_measured() -> None:
    rough, model = roughly("Qwen/Qwen3-8B", machine(21.3, gpu(8, free_gib=7.6), total_gib=32))

    assert rough.placement is Placement.GPU
    assert with_rough_speed(rough, model, calibration(), None).decode_tokens_per_second is None
    assert with_rough_speed(rough, model, None, MEASURED).decode_tokens_per_second is None
    both = calibration(device(), device(device="gpu", token_seconds=0.0))
    assert with_rough_speed(rough, model, both, None).decode_tokens_per_second


def test_what_does_not_run_has_no_speed() -> None:
    rough, model = roughly("meta-llama/Llama-3.3-70B-Instruct", machine(12, total_gib=16))

    assert with_rough_speed(rough, model, calibration(), MEASURED).decode_tokens_per_second is None


def test_a_mixture_of_experts_is_faster_than_a_dense_model_of_its_size() -> None:
    mixture, dense = (
        with_rough_speed(*roughly(repo_id), calibration(), None).decode_tokens_per_second
        for repo_id in ("Qwen/Qwen3-30B-A3B", "Qwen/Qwen3-32B")
    )

    assert mixture and dense
    assert mixture > 5 * dense


def test_the_basis_is_told() -> None:
    rough, model = roughly("Qwen/Qwen3-8B")

    assert with_rough_speed(rough, model, calibration(), MEASURED).speed_source is SpeedSource.CALIBRATED
    by_runs = with_rough_speed(rough, model, None, MEASURED)
    assert (by_runs.speed_source, by_runs.speed_runs) == (SpeedSource.RUNS, 3)
