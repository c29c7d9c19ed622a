"""One model and how it would be loaded: what was chosen, what was found, what it comes to."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from garden.core.errors import GardenError
from garden.core.expert_placement import blocks_on_cpu
from garden.core.fit_forecast import FitForecast
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.load_choice import LoadChoice, choice_behind
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
        elsewhere: It is of another machine that is looked through: nothing is loaded like this here.
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
    elsewhere: bool = False

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
        try:
            return loading_line(self.configuration)
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
        without: Processes of loaded models to think away.
    """
    usual = fit.default_load(header, machine)
    wanted = wanted_load(fit, header, choice, machine)
    forecast = forecast or fit.forecast_header(header, wanted, machine, without=without)
    configuration = RunConfiguration(model=model, load=with_found_layers(wanted, forecast))
    asked = _Asked(fit, header, wanted, machine, without)
    return _plan(asked, configuration, choice, usual, forecast, asked.found(usual, forecast))


def plan_behind(
    fit: Forecaster,
    run: RunConfiguration,
    header: GgufHeader,
    forecast: FitForecast,
    *,
    without: Collection[int] = (),
) -> LoadPlan:
    """The plan of a configuration that is there already: what was chosen to make it, and what would be found.

    Args:
        fit: Forecasts.
        run: The configuration; the plan's own.
        header: Of its file.
        forecast: Of it.
        without: Processes of loaded models to think away.
    """
    usual = fit.default_load(header)
    asked = _Asked(fit, header, run.load, None, without)
    found = asked.found(usual, forecast)
    choice = choice_behind(run.load, usual, blocks=header.block_count or 0, found_layers=found)
    return _plan(asked, run, choice, usual, forecast, found)


def chosen_anew(
    fit: Forecaster, run: RunConfiguration, header: GgufHeader, choice: LoadChoice, *, without: Collection[int] = ()
) -> LoadPlan:
    """The plan of a configuration after another choice; what no choice tells of stays as it was.

    Args:
        fit: Forecasts.
        run: The configuration until now.
        header: Of its file.
        choice: How it is to be loaded.
        without: Processes of loaded models to think away.
    """
    blocks = header.block_count or 0
    usual = fit.default_load(header)
    load = choice.applied(usual, blocks=blocks, trained_context=header.context_length)
    by_hand = blocks_on_cpu(run.load.tensor_placement, blocks) is None
    placement = run.load.tensor_placement if by_hand and choice.cpu_experts is None else load.tensor_placement
    load = dataclasses.replace(load, adapters=run.load.adapters, tensor_placement=placement)
    forecast = fit.forecast_header(header, load, without=without)
    configuration = dataclasses.replace(run, load=with_found_layers(load, forecast))
    asked = _Asked(fit, header, load, None, without)
    return _plan(asked, configuration, choice, usual, forecast, asked.found(usual, forecast))


@dataclass(frozen=True, slots=True)
class _Asked:
    """One load, and the same with other layers."""

    fit: Forecaster
    header: GgufHeader
    load: LoadParameters
    machine: HardwareSnapshot | None
    without: Collection[int]

    def found(self, usual: LoadParameters, forecast: FitForecast) -> int | None:
        """As many layers as fit when loaded like this."""
        if usual.n_gpu_layers != AUTO_GPU_LAYERS or not forecast.n_layers or self.load.n_gpu_layers == AUTO_GPU_LAYERS:
            return forecast.n_gpu_layers
        return self.with_layers(AUTO_GPU_LAYERS).n_gpu_layers

    def with_layers(self, layers: int) -> FitForecast:
        """What it comes to with so many layers on the GPUs."""
        load = dataclasses.replace(self.load, n_gpu_layers=layers)
        return self.fit.forecast_header(self.header, load, self.machine, without=self.without)


def _plan(
    asked: _Asked,
    configuration: RunConfiguration,
    choice: LoadChoice,
    usual: LoadParameters,
    forecast: FitForecast,
    found_layers: int | None,
) -> LoadPlan:
    header, gpu_context = asked.header, None
    if usual.n_gpu_layers == AUTO_GPU_LAYERS and forecast.n_layers:
        gpu_context = asked.with_layers(forecast.n_layers).max_context
    return LoadPlan(
        configuration=configuration,
        choice=choice,
        usual=usual,
        forecast=forecast,
        found_layers=found_layers,
        blocks=header.block_count or 0,
        has_experts=any("_exps." in tensor.name for tensor in header.tensors),
        trained_context=header.context_length,
        gpu_context=gpu_context,
        elsewhere=asked.machine is not None,
    )
