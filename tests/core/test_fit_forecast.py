from __future__ import annotations

import pytest

from garden.core.fit_forecast import FitForecast, FitMethod, Placement, SpeedSource, Verdict


@pytest.mark.parametrize(
    ("rate", "source", "runs", "span", "basis"),
    [
        (None, SpeedSource.UNKNOWN, 0, None, ""),
        (14.0, SpeedSource.MEASURED, 0, None, "measured here"),
        (14.0, SpeedSource.RUNS, 1, (14.0, 14.0), "from one run here"),
        (14.0, SpeedSource.RUNS, 3, (13.5, 14.5), "from 3 runs here"),
        (14.0, SpeedSource.RUNS, 3, (8.0, 16.0), "from 3 runs here, between 8.0 and 16"),
        (14.0, SpeedSource.CALIBRATED, 0, (12.9, 15.2), "calibrated here, between 13 and 15"),
        (1.4, SpeedSource.CALIBRATED, 0, (1.3, 1.5), "calibrated here, between 1.3 and 1.5"),
        (14.0, SpeedSource.TWIN, 0, None, "measured on a sliced twin"),
    ],
)
def test_a_speed_says_what_it_rests_on(
    rate: float | None, source: SpeedSource, runs: int, span: tuple[float, float] | None, basis: str
) -> None:
    forecast = FitForecast(
        verdict=Verdict.FITS,
        placement=Placement.CPU,
        reason="",
        method=FitMethod.FORMULA,
        decode_tokens_per_second=rate,
        speed_source=source,
        speed_runs=runs,
        speed_range=span,
    )

    assert forecast.speed_basis == basis
    assert forecast.speed_is_measured == (source is SpeedSource.MEASURED)
