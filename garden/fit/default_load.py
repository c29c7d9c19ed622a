"""How a model is loaded on a machine unless the user chooses otherwise."""

from __future__ import annotations

import dataclasses

from garden.core.fit_forecast import FitForecast
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.run_configuration import AUTO_GPU_LAYERS, DEFAULT_CONTEXT_LENGTH, LoadParameters
from garden.fit.devices import usable_gpus
from garden.gguf.header import GgufHeader


def default_load(header: GgufHeader, machine: HardwareSnapshot) -> LoadParameters:
    """Context min(trained, 16,384), one thread per physical core, as many layers on the GPU as fit.

    The number of layers is left to the forecast, which knows the context that is asked for; without a GPU that the
    engine can use it is 0.
    """
    cores = max(1, machine.cpu.physical_cores)
    trained = header.context_length
    context = min(trained, DEFAULT_CONTEXT_LENGTH) if trained and trained > 0 else DEFAULT_CONTEXT_LENGTH
    return LoadParameters(
        context_length=context,
        n_gpu_layers=AUTO_GPU_LAYERS if usable_gpus(machine) else 0,
        threads=cores,
        threads_batch=cores,
    )


def with_found_layers(load: LoadParameters, forecast: FitForecast) -> LoadParameters:
    """The load with the number of layers that a forecast of it found; none on the GPU where it found no number."""
    if load.n_gpu_layers != AUTO_GPU_LAYERS:
        return load
    return dataclasses.replace(load, n_gpu_layers=forecast.n_gpu_layers or 0)
