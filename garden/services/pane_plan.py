"""The plan of a configuration that is there already, and the configuration after another choice."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from garden.core.expert_placement import blocks_on_cpu
from garden.core.fit_forecast import FitForecast, Verdict
from garden.core.load_choice import LoadChoice, choice_behind
from garden.core.run_configuration import AUTO_GPU_LAYERS, LoadParameters, RunConfiguration
from garden.fit.default_load import with_found_layers
from garden.gguf.header import GgufHeader
from garden.services.load_plan import Forecaster, LoadPlan, load_plan, wanted_load


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Processes of loaded models that make room for a load.

    Attributes:
        always: Unloaded in any case: the pane's own model, in relay those of all panes.
        at_need: Idle ones, unloaded when it does not fit otherwise.
    """

    always: tuple[int, ...] = ()
    at_need: tuple[int, ...] = ()

    @property
    def most(self) -> tuple[int, ...]:
        """All that may be unloaded."""
        return (*self.always, *self.at_need)

    def settled(self, ask: Callable[[Collection[int]], FitForecast]) -> tuple[FitForecast, tuple[int, ...]]:
        """The forecast with no more unloaded than has to be, and what that is.

        Args:
            ask: Forecasts without some processes.
        """
        forecast = ask(self.always)
        if forecast.verdict is Verdict.TOO_LARGE and self.at_need:
            return ask(self.most), self.most
        return forecast, self.always


def plan_behind(
    fit: Forecaster,
    run: RunConfiguration,
    header: GgufHeader,
    room: Room,
    ask: Callable[[Collection[int]], FitForecast] | None = None,
) -> LoadPlan:
    """What was chosen to make a configuration, what would be found, and what it comes to.

    Args:
        fit: Forecasts.
        run: The configuration; the plan's own.
        header: Of its file.
        room: Loaded models that make room for it.
        ask: Forecasts the configuration without some processes, when that is worth more than a quick look.
    """
    usual = fit.default_load(header)
    found = _found_layers(fit, header, run.load, usual, room)
    choice = choice_behind(run.load, usual, blocks=header.block_count or 0, found_layers=found)
    forecast, without = room.settled(ask or (lambda pids: fit.forecast_header(header, run.load, without=pids)))
    plan = load_plan(fit, run.model, header, choice, forecast, without=without)
    return dataclasses.replace(plan, configuration=run, found_layers=found)


def chosen_anew(fit: Forecaster, run: RunConfiguration, header: GgufHeader, choice: LoadChoice, room: Room) -> LoadPlan:
    """The plan of a configuration after another choice; what no choice tells of stays as it was.

    As many layers go on the GPUs as fit with all idle models unloaded: which of them is loaded at the moment does not
    decide how a model is compared.

    Args:
        fit: Forecasts.
        run: The configuration until now.
        header: Of its file.
        choice: How it is to be loaded.
        room: Loaded models that make room for it.
    """
    kept = _kept(run.load, header, choice)
    wanted = dataclasses.replace(wanted_load(fit, header, choice), **kept)
    load = with_found_layers(wanted, fit.forecast_header(header, wanted, without=room.most))
    forecast, without = room.settled(lambda pids: fit.forecast_header(header, load, without=pids))
    plan = load_plan(fit, run.model, header, choice, forecast, without=without)
    found = _found_layers(fit, header, load, plan.usual, room)
    return dataclasses.replace(plan, configuration=dataclasses.replace(run, load=load), found_layers=found)


def _found_layers(
    fit: Forecaster, header: GgufHeader, load: LoadParameters, usual: LoadParameters, room: Room
) -> int | None:
    """As many layers as fit on the GPUs when loaded like this, None without one."""
    if usual.n_gpu_layers != AUTO_GPU_LAYERS:
        return None
    open_load = dataclasses.replace(load, n_gpu_layers=AUTO_GPU_LAYERS)
    return fit.forecast_header(header, open_load, without=room.most).n_gpu_layers


def _kept(load: LoadParameters, header: GgufHeader, choice: LoadChoice) -> dict[str, Any]:
    """Fields that are no choice of the advanced view: adapters, and a placement that was written by hand."""
    kept: dict[str, Any] = {"adapters": load.adapters}
    by_hand = blocks_on_cpu(load.tensor_placement, header.block_count or 0) is None
    if by_hand and choice.cpu_experts is None:
        kept["tensor_placement"] = load.tensor_placement
    return kept
