"""One model and how it would be loaded: what was chosen, what was found, what it comes to."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from garden.core.errors import GardenError
from garden.core.fit_forecast import FitForecast
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.load_choice import LoadChoice
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import AUTO_GPU_LAYERS, LoadParameters, RunConfiguration
from garden.export.llama_server import loading_line
from garden.fit.default_load import with_found_layers
from garden.gguf.header import GgufHeader


class Forecaster(Protocol):
    """What is asked of the fit service."""

    def default_load(self, header: GgufHeader, machine: HardwareSnapshot | None = None) -> LoadParameters:
        """How this machine, or another one, would load the model by itself."""

    def forecast_header(
        self,
        header: GgufHeader,
        load: LoadParameters,
        machine: HardwareSnapshot | None = None,
        *,
        ask_engine: bool = True,
        without: Collection[int] = (),
    ) -> FitForecast:
        """A forecast that never waits; what the processes ``without`` hold counts as free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """What a page says of one model and of how it would be loaded.

    Attributes:
        configuration: What would be loaded, to the last field; how it is asked is not chosen here.
        choice: What the user chose.
        usual: How this machine would load it by itself, the number of layers left to be found.
        forecast: What it comes to.
        found_layers: Most layers that fit on the GPUs when loaded like this; None where nothing was found.
        blocks: Blocks of the model.
        has_experts: Whether it has routed experts.
        trained_context: What it was trained for, None when unknown.
        gpu_context: Largest context with which all layers fit on the GPUs, 0 for none; None without a GPU.
        here: How it is loaded on this machine; the same, unless it is of another machine that is looked through: then
            what was chosen for any machine holds, and the number of layers is left to be found.
    """

    configuration: RunConfiguration
    choice: LoadChoice
    usual: LoadParameters
    forecast: FitForecast
    found_layers: int | None
    blocks: int
    has_experts: bool
    trained_context: int | None
    gpu_context: int | None
    here: LoadParameters

    @property
    def load(self) -> LoadParameters:
        """What would be loaded."""
        return self.configuration.load

    @property
    def has_gpu(self) -> bool:
        """Whether the engine has a GPU to put layers on."""
        return self.usual.n_gpu_layers == AUTO_GPU_LAYERS

    @property
    def max_context(self) -> int | None:
        """Largest context that fits, None when unknown, 0 for none."""
        return self.forecast.max_context

    @property
    def line(self) -> str:
        """The command line of llama-server that loads just that; empty when it cannot be written."""
        return line_of(self.configuration)


def line_of(configuration: RunConfiguration) -> str:
    """The command line of llama-server that loads just that; empty when it cannot be written."""
    try:
        return loading_line(configuration)
    except GardenError:
        return ""


def wanted_load(
    fit: Forecaster, header: GgufHeader, choice: LoadChoice, machine: HardwareSnapshot | None = None
) -> LoadParameters:
    """How a model is loaded with these choices, here or on another machine; layers may be left to be found."""
    usual = fit.default_load(header, machine)
    return choice.applied(usual, blocks=header.block_count or 0, trained_context=header.context_length)


def load_plan(
    fit: Forecaster,
    model: ModelRef,
    header: GgufHeader,
    choice: LoadChoice,
    forecast: FitForecast | None = None,
    machine: HardwareSnapshot | None = None,
    *,
    without: Collection[int] = (),
) -> LoadPlan:
    """Forecast a model with these choices; up to three forecasts, each below some milliseconds.

    Args:
        fit: Forecasts.
        model: The file.
        header: Its header.
        choice: How it is to be loaded.
        forecast: Of the load that is wanted, when that was made already.
        machine: Where; this machine when None.
        without: Processes of loaded models to think away: what they hold counts as free.
    """
    usual = fit.default_load(header, machine)
    wanted = wanted_load(fit, header, choice, machine)
    forecast = forecast or fit.forecast_header(header, wanted, machine, without=without)
    has_gpu = usual.n_gpu_layers == AUTO_GPU_LAYERS
    found, gpu_context = forecast.n_gpu_layers, None
    if has_gpu and forecast.n_layers:
        if wanted.n_gpu_layers != AUTO_GPU_LAYERS:
            found = _asked(fit, header, wanted, AUTO_GPU_LAYERS, machine, without).n_gpu_layers
        gpu_context = _asked(fit, header, wanted, forecast.n_layers, machine, without).max_context
    load = with_found_layers(wanted, forecast)
    return LoadPlan(
        configuration=RunConfiguration(model=model, load=load),
        choice=choice,
        usual=usual,
        forecast=forecast,
        found_layers=found,
        blocks=header.block_count or 0,
        has_experts=any("_exps." in tensor.name for tensor in header.tensors),
        trained_context=header.context_length,
        gpu_context=gpu_context,
        here=load if machine is None else wanted_load(fit, header, choice.anywhere),
    )


def _asked(
    fit: Forecaster,
    header: GgufHeader,
    load: LoadParameters,
    layers: int,
    machine: HardwareSnapshot | None,
    without: Collection[int],
) -> FitForecast:
    # Marks beside what is asked for: not worth the engine's time.
    asked = dataclasses.replace(load, n_gpu_layers=layers)
    return fit.forecast_header(header, asked, machine, ask_engine=False, without=without)
