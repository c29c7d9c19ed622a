from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from garden.core.quantity import GIB, MIB
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.loss_points import LossPoint, SizeBand
from garden.gui.widgets.loss_chart import LossChart, nice_ticks


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (1.3, 4.2, [1.5, 2, 2.5, 3, 3.5, 4]),
        (78.0, 144.0, [80, 90, 100, 110, 120, 130, 140]),
        (0.0, 0.01, [0, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.007, 0.008, 0.009, 0.01]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, ticks: list[float]) -> None:
    assert nice_ticks(low, high) == pytest.approx(ticks)


def _count(chart: LossChart, theme: ThemeController, token: str) -> int:
    image = chart.grab().toImage()
    wanted = theme.theme.color(token)
    points = ((x, y) for x in range(image.width()) for y in range(image.height()))
    return sum(image.pixelColor(x, y) == wanted for x, y in points)


def test_measured_points_are_filled_and_published_ones_hollow(qtbot: QtBot, theme: ThemeController) -> None:
    inked = []
    for measured in (True, False):
        chart = LossChart(theme)
        qtbot.addWidget(chart)
        chart.resize(500, 240)
        points = [LossPoint(name, size, loss, measured) for name, size, loss in (("A", GIB, 0.1), ("B", 2 * GIB, 0.01))]
        chart.show_points(points, (), "16k")
        inked.append(_count(chart, theme, "accent.base"))

    assert inked[0] > inked[1] + 40


def test_it_says_every_point(qtbot: QtBot, theme: ThemeController) -> None:
    chart = LossChart(theme)
    qtbot.addWidget(chart)

    chart.show_points([LossPoint("Q3_K_M", 90 * MIB, 0.1441, measured=True)], (), "8k")

    assert chart.accessibleDescription() == "Q3_K_M: 90.0 MiB, KLD 0.1441, measured here"


def test_a_limit_is_drawn_where_memory_ends(qtbot: QtBot, theme: ThemeController) -> None:
    chart = LossChart(theme)
    qtbot.addWidget(chart)
    chart.resize(500, 240)
    points = [LossPoint("A", GIB, 0.1, measured=False), LossPoint("B", 3 * GIB, 0.01, measured=False)]
    chart.show_points(points, (), "16k")
    before = _count(chart, theme, "memory.limit")

    chart.show_points(
        points,
        (SizeBand(0.7 * GIB, 2 * GIB, "gpu", "Runs on GPU"), SizeBand(2 * GIB, 3.3 * GIB, "split", "Split")),
        "16k",
    )

    assert _count(chart, theme, "memory.limit") > before + 150
