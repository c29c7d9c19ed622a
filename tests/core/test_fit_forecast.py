from __future__ import annotations

import pytest

from garden.core.fit_forecast import FitForecast, FitMethod, Placement, Verdict


@pytest.mark.parametrize(
    ("rate", "measured", "runs", "span", "basis"),
    [
        (None, False, 0, None, ""),
        (14.0, True, 0, None, "measured here"),
        (14.0, False, 1, (14.0, 14.0), "from one run here"),
        (14.0, False, 3, (13.5, 14.5), "from 3 runs here"),
        (14.0, False, 3, (8.0, 16.0), "from 3 runs here, between 8 and 16"),
    ],
)
def test_a_speed_says_what_it_rests_on(
    rate: float | None, measured: bool, runs: int, span: tuple[float, float] | None, basis: str
) -> None:
    forecast = FitForecast(
        verdict=Verdict.FITS,
        placement=Placement.CPU,
        reason="",
        method=FitMethod.FORMULA,
        decode_tokens_per_second=rate,
        speed_is_measured=measured,
        speed_runs=runs,
        speed_range=span,
    )

    assert forecast.speed_basis == basis
