from __future__ import annotations

import pytest

from garden.core.fit_forecast import FitForecast, FitMethod, Placement, Verdict


@pytest.mark.parametrize(
    ("rate", "measured", "runs", "basis"),
    [
        (None, False, 0, ""),
        (14.0, True, 0, "measured here"),
        (14.0, False, 1, "from one run here"),
        (14.0, False, 3, "from 3 runs here"),
    ],
)
def test_a_speed_says_what_it_rests_on(rate: float | None, measured: bool, runs: int, basis: str) -> None:
    forecast = FitForecast(
        verdict=Verdict.FITS,
        placement=Placement.CPU,
        reason="",
        method=FitMethod.FORMULA,
        decode_tokens_per_second=rate,
        speed_is_measured=measured,
        speed_runs=runs,
    )

    assert forecast.speed_basis == basis
