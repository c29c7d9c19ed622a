from __future__ import annotations

import pytest

from garden.core import quantity


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (512, "512 B"), (1024, "1.00 KiB"), (98_362_432, "93.8 MiB"), (5_850_000_000, "5.45 GiB")],
)
def test_bytes(size: int, text: str) -> None:
    assert quantity.format_bytes(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.42, "0.4 s"), (9.96, "10 s"), (59.6, "1 min"), (130, "2 min 10 s"), (3600, "1 h"), (11_100, "3 h 5 min")],
)
def test_durations_never_show_sixty_of_anything(seconds: float, text: str) -> None:
    assert quantity.format_duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(312, "312"), (1_234, "1.2k"), (184_321, "184k"), (1_240_000, "1.2M")])
def test_counts(count: int, text: str) -> None:
    assert quantity.format_count(count) == text


@pytest.mark.parametrize(
    ("parameters", "text"),
    [(134_515_008, "135M"), (8_190_735_360, "8.2B"), (671_026_419_200, "671B"), (999_900_000, "1.0B")],
)
def test_parameters(parameters: int, text: str) -> None:
    assert quantity.format_parameters(parameters) == text


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (0.5, "today"),
        (1, "1 d"),
        (13.9, "13 d"),
        (14, "2 wk"),
        (69, "9 wk"),
        (70, "2 mo"),
        (719, "23 mo"),
        (800, "2 y"),
    ],
)
def test_ages(days: float, text: str) -> None:
    now = 1_800_000_000.0
    assert quantity.format_age(now - days * 86_400, now) == text


def test_sizes_of_models() -> None:
    assert quantity.format_model_size(8_200_000_000) == "8.2B"
    assert quantity.format_model_size(30_500_000_000, 3_000_000_000) == "30.5B · A3B"
    assert quantity.format_model_size(20_900_000_000, 3_610_000_000) == "20.9B · A3.6B"
    assert quantity.format_model_size(None, 3) == ""
