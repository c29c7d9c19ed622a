"""Forecasts against the buffers that the real worker reports after loading."""

from __future__ import annotations

from pathlib import Path

import pytest

from garden.core.fit_forecast import FitForecast
from garden.core.messages import ModelLoaded
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import LoadParameters, RunConfiguration
from garden.fit.estimator import forecast
from garden.gguf.byte_source import FileSource
from garden.gguf.header import read_header
from garden.hardware.probe import snapshot
from garden.inference.local_backend import LocalBackend
from tests.tiny_families import write_recurrent_model, write_sliding_model

pytestmark = pytest.mark.engine

LOADS = (
    LoadParameters(context_length=512),
    LoadParameters(context_length=2_048, type_k="q8_0", type_v="q8_0"),
    LoadParameters(context_length=1_000, n_batch=64, n_ubatch=64),
    LoadParameters(context_length=2_048, flash_attention="off"),
    LoadParameters(context_length=2_048, n_sequences=2, n_outputs_max=2),
    LoadParameters(context_length=2_048, swa_full=True, type_k="f32", type_v="f32"),
)


def loaded_and_forecast(path: Path, load: LoadParameters) -> tuple[ModelLoaded, FitForecast]:
    with FileSource(path) as source:
        header = read_header(source)
    ref = ModelRef(name=path.stem, filenames=(path.name,), path=str(path))
    backend = LocalBackend()
    try:
        loaded = backend.load(RunConfiguration(model=ref, load=load))
    finally:
        backend.close()
        assert backend.wait_closed(20)
    return loaded, forecast(header, load, snapshot())


def assert_equal(path: Path, load: LoadParameters, *, compute_off: float = 0.001) -> None:
    loaded, planned = loaded_and_forecast(path, load)

    assert planned.weights_bytes == sum(use.weights_bytes for use in loaded.buffers)
    assert (planned.kv_cache_bytes or 0) + (planned.recurrent_bytes or 0) == loaded.kv_cache_bytes
    compute = sum(use.compute_bytes for use in loaded.buffers)
    assert planned.compute_bytes == pytest.approx(compute, rel=compute_off, abs=4_096)


@pytest.mark.parametrize("load", LOADS)
def test_a_small_llama(tiny_model: Path, load: LoadParameters) -> None:
    assert_equal(tiny_model, load)


@pytest.mark.parametrize("load", LOADS[:3])
def test_a_model_with_sliding_windows(tmp_path: Path, load: LoadParameters) -> None:
    assert_equal(write_sliding_model(tmp_path / "sliding.gguf"), load)


@pytest.mark.parametrize("load", [LOADS[0], LOADS[2], LOADS[4]])
def test_a_model_with_recurrent_state(tmp_path: Path, load: LoadParameters) -> None:
    assert_equal(write_recurrent_model(tmp_path / "recurrent.gguf"), load, compute_off=0.02)


@pytest.mark.starter
@pytest.mark.parametrize("load", [LoadParameters(context_length=8_192), LOADS[1], LOADS[3]])
def test_the_starter(starter_path: Path, load: LoadParameters) -> None:
    assert_equal(starter_path, load)
