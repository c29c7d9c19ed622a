"""GPUs too small for what prompts need: left alone, as if they were not there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from garden.core.fit_forecast import Placement, Verdict
from garden.core.held_memory import RAM
from garden.core.run_configuration import AUTO_GPU_LAYERS, LoadParameters
from garden.fit.estimator import forecast
from garden.services.dry_runs import DryRuns
from garden.services.exact_fit import ExactFit
from tests.fit.headers import gpu, machine
from tests.fit.hollow import published_for_engine

pytestmark = pytest.mark.engine

SIZES_MIB = (64, 96, 128, 160, 192, 256, 320, 384, 512, 600, 768, 1_024, 1_400, 2_048)


@pytest.fixture(scope="module")
def exact() -> Iterator[ExactFit]:
    runs = DryRuns()
    yield ExactFit(runs)
    runs.close()


@pytest.mark.parametrize(
    "repo_id",
    [
        "meta-llama/Llama-3.1-8B-Instruct",
        "Qwen/Qwen3-30B-A3B",
        "google/gemma-3-12b-it",
        "ibm-granite/granite-4.0-h-tiny",
        "deepseek-ai/DeepSeek-V2-Lite-Chat",
    ],
)
@pytest.mark.parametrize("as_is", [(), ("ram", "gpu")], ids=["margins", "to the byte"])
def test_a_small_gpu_never_makes_a_model_too_large(exact: ExactFit, repo_id: str, as_is: tuple[str, ...]) -> None:
    """Formula and engine agree, but for a layer in a split, whose buffer the formula knows between bounds only."""
    header = published_for_engine(repo_id)
    load = LoadParameters(context_length=8_192, n_gpu_layers=AUTO_GPU_LAYERS)
    alone = exact.forecast(header, load, machine(64), as_is=as_is)
    for size in SIZES_MIB:
        on = machine(64, gpu(size / 1024))
        planned = exact.forecast(header, load, on, as_is=as_is)
        formula = forecast(header, load, on, as_is=as_is)

        assert planned.verdict is Verdict.FITS, size
        # Where its own error decides between the two it says so.
        assert formula.verdict in (Verdict.FITS, Verdict.UNKNOWN), size
        assert formula.n_gpu_layers is not None
        assert planned.n_gpu_layers is not None
        assert abs(formula.n_gpu_layers - planned.n_gpu_layers) <= 1, size
        if formula.verdict is Verdict.FITS:
            assert formula.placement is planned.placement, size
        if planned.placement is Placement.CPU:
            assert planned.total_bytes == alone.total_bytes
            assert planned.max_context == alone.max_context
            assert all(device.required_bytes == 0 for device in planned.devices if device.kind == "gpu")
            assert next(device for device in planned.devices if device.name == RAM).compute_bytes == alone.compute_bytes
