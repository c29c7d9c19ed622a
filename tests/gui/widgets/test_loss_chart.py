from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from garden.core.quantity import GIB, MIB
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.loss_points import LossPoint, SizeBand
from garden.gui.widgets.loss_chart import LossChart, LossLegend, nice_ticks


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

    assert inked[0] > 80
    assert inked[1] == 0


def test_published_points_are_joined_by_dashes(qtbot: QtBot, theme: ThemeController) -> None:
    images = []
    for measured in (True, False):
        chart = LossChart(theme)
        qtbot.addWidget(chart)
        chart.resize(500, 240)
        points = [LossPoint(name, size, 0.03 - size * 1e-15, measured) for name, size in (("A", GIB), ("B", 2 * GIB))]
        chart.show_points(points, (), "16k")
        images.append(chart.grab().toImage())
    across = range(120, 420)
    # Both points lie at the same height: between them, the row in which the two pictures differ most is the line's.
    row = max(range(240), key=lambda y: sum(images[0].pixelColor(x, y) != images[1].pixelColor(x, y) for x in across))
    ground = images[0].pixelColor(120, row - 20)
    gaps = [sum(image.pixelColor(x, row) == ground for x in across) for image in images]

    assert gaps[0] == 0
    assert 60 < gaps[1] < 240


def test_the_legend_explains_what_is_drawn_and_nothing_else(qtbot: QtBot, theme: ThemeController) -> None:
    legend = LossLegend(theme)
    qtbot.addWidget(legend)
    told = []
    for measured, published in ((True, True), (True, False), (False, True), (False, False)):
        legend.show_series(measured=measured, published=published)
        told.append(legend.accessibleName())

    assert told == [
        "Measured here, Llama-3-8B, published, Line: best at its size",
        "Measured here, Line: best at its size",
        "Llama-3-8B, published, Line: best at its size",
        "",
    ]


def test_an_empty_chart_says_why(qtbot: QtBot, theme: ThemeController) -> None:
    chart = LossChart(theme)
    qtbot.addWidget(chart)

    chart.show_points((), (), "8k", "No loss was measured yet.")

    assert chart.accessibleDescription() == "No loss was measured yet."


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
