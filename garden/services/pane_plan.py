"""The plan of a configuration that is there already, and the configuration after another choice."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Any

from garden.core.expert_placement import blocks_on_cpu
from garden.core.fit_forecast import FitForecast
from garden.core.load_choice import LoadChoice, choice_behind
from garden.core.run_configuration import AUTO_GPU_LAYERS, LoadParameters, RunConfiguration
from garden.gguf.header import GgufHeader
from garden.services.load_plan import Forecaster, LoadPlan, load_plan, wanted_load


def plan_behind(
    fit: Forecaster,
    run: RunConfiguration,
    header: GgufHeader,
    forecast: FitForecast,
    *,
    without: Collection[int] = (),
) -> LoadPlan:
    """What was chosen to make a configuration, and what would be found.

    Args:
        fit: Forecasts.
        run: The configuration; the plan's own.
        header: Of its file.
        forecast: Of it.
        without: Processes of loaded models to think away: what they hold counts as free.
    """
    usual = fit.default_load(header)
    found = None
    if usual.n_gpu_layers == AUTO_GPU_LAYERS:
        open_load = dataclasses.replace(run.load, n_gpu_layers=AUTO_GPU_LAYERS)
        found = fit.forecast_header(header, open_load, without=without).n_gpu_layers
    choice = choice_behind(run.load, usual, blocks=header.block_count or 0, found_layers=found)
    plan = load_plan(fit, run.model, header, choice, forecast, without=without)
    return dataclasses.replace(plan, configuration=run)


def chosen_anew(
    fit: Forecaster, run: RunConfiguration, header: GgufHeader, choice: LoadChoice, *, without: Collection[int] = ()
) -> LoadPlan:
    """The plan of a configuration after another choice; what no choice tells of stays as it was.

    Args:
        fit: Forecasts.
        run: The configuration until now.
        header: Of its file.
        choice: How it is to be loaded.
        without: Processes of loaded models to think away: what they hold counts as free.
    """
    kept = _kept(run.load, header, choice)
    wanted = dataclasses.replace(wanted_load(fit, header, choice), **kept)
    forecast = fit.forecast_header(header, wanted, without=without)
    plan = load_plan(fit, run.model, header, choice, forecast, without=without)
    load = dataclasses.replace(plan.load, **kept)
    return dataclasses.replace(plan, configuration=dataclasses.replace(run, load=load))


def _kept(load: LoadParameters, header: GgufHeader, choice: LoadChoice) -> dict[str, Any]:
    """Fields that are no choice of the advanced view: adapters, and a placement that was written by hand."""
    kept: dict[str, Any] = {"adapters": load.adapters}
    by_hand = blocks_on_cpu(load.tensor_placement, header.block_count or 0) is None
    if by_hand and choice.cpu_experts is None:
        kept["tensor_placement"] = load.tensor_placement
    return kept
