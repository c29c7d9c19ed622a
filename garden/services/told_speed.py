"""Speeds put onto a forecast: another plan's, a measured one, or that of another machine."""

from __future__ import annotations

import dataclasses

from garden.core.fit_forecast import FitForecast, Placement, SpeedSource
from garden.core.run_configuration import LoadParameters
from garden.fit.pace import reads_alike
from garden.store.speeds import SpeedRecord


def elsewhere(forecast: FitForecast) -> FitForecast:
    """The forecast as one of another machine: its speed is no forecast of this one."""
    return dataclasses.replace(forecast, speed_source=SpeedSource.ELSEWHERE, speed_runs=0, speed_range=None)


def with_speed_of(forecast: FitForecast, formula: FitForecast) -> FitForecast:
    """The engine's plan, which tells no speeds, with the formula's."""
    if forecast.placement is Placement.NONE:
        return forecast
    return dataclasses.replace(
        forecast,
        decode_tokens_per_second=formula.decode_tokens_per_second,
        speed_source=formula.speed_source,
        speed_runs=formula.speed_runs,
        speed_range=formula.speed_range,
    )


def with_measured(forecast: FitForecast, load: LoadParameters, measured: SpeedRecord | None) -> FitForecast:
    """The forecast with the speed that the file, or a twin of it, showed here."""
    if measured is None:
        return forecast
    # Prompts hang on batches and threads as well; what was not measured with these is not known.
    alike = reads_alike(measured.load, load)
    return dataclasses.replace(
        forecast,
        decode_tokens_per_second=measured.decode_tokens_per_second,
        prefill_tokens_per_second=measured.prefill_tokens_per_second if alike else None,
        speed_source=SpeedSource.TWIN if measured.twin else SpeedSource.MEASURED,
        speed_runs=0,
        speed_range=None,
        prefill_range=None,
    )
