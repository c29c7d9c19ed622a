from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.run_chart import ChartArea, ChartDot, RunChart

XS = (2_048, 4_096, 8_192, 16_384, 32_768, 65_536, 131_072)
AREAS = (
    ChartArea(title="Runs on GPU", token="verdict.gpu", upper=(12e9, 12e9, 11e9, 10e9, 8e9, 5e9, 3e9)),
    ChartArea(title="Split", token="verdict.split", upper=(50e9, 49e9, 48e9, 45e9, 40e9, 32e9, 20e9)),
    ChartArea(title="Too large", token="verdict.too_large", upper=None),
)


@pytest.fixture
def chart(qtbot: QtBot, theme: ThemeController) -> RunChart:
    chart = RunChart(theme, name="chart", label="What this machine can run")
    qtbot.addWidget(chart)
    chart.resize(650, 500)
    chart.show_areas(XS, AREAS)
    chart.show()
    return chart


def color_at(chart: RunChart, context_length: int, parameters: float) -> QColor:
    """The colour drawn for a model of this size at this context."""
    point = chart._at(ChartDot(title="", x=context_length, y=parameters)).toPoint()
    image = chart.grab().toImage()
    ratio = image.devicePixelRatio()
    return image.pixelColor(QPoint(round(point.x() * ratio), round(point.y() * ratio)))


def test_each_area_has_the_colour_of_its_verdict(chart: RunChart, theme: ThemeController) -> None:
    look = theme.theme
    # Off the grid lines, the words and the line at 16k.
    assert color_at(chart, 8_192, 5.5e9) == look.color("verdict.gpu.bg")
    assert color_at(chart, 8_192, 22e9) == look.color("verdict.split.bg")
    assert color_at(chart, 65_536, 4.2e9) == look.color("verdict.gpu.bg")
    assert color_at(chart, 65_536, 5.8e9) == look.color("verdict.split.bg")
    over = color_at(chart, 65_536, 45e9)
    assert over.red() > over.green() and over.red() > over.blue()


def test_a_model_is_a_dot_where_it_stands(chart: RunChart, theme: ThemeController) -> None:
    chart.show_dots([ChartDot(title="Qwen3-8B", x=8_192, y=5.5e9)])

    assert color_at(chart, 8_192, 5.5e9) == theme.theme.color("text.primary")


def test_small_and_large_models_widen_the_scale(chart: RunChart) -> None:
    chart.show_dots([ChartDot(title="small", x=8_192, y=0.135e9), ChartDot(title="large", x=8_192, y=405e9)])
    plot = chart._plot()

    assert all(plot.contains(chart._at(dot)) for dot in chart._dots)


def test_keys_move_the_line_and_stop_at_the_ends(qtbot: QtBot, chart: RunChart) -> None:
    chart.set_marker(16_384)
    with qtbot.waitSignal(chart.marker_moved, check_params_cb=lambda context: context == 131_072):
        QTest.keyClick(chart, Qt.Key.Key_End)
    QTest.keyClick(chart, Qt.Key.Key_Home)
    assert chart.marker == 2_048
    QTest.keyClick(chart, Qt.Key.Key_Left)
    assert chart.marker == 2_048
    QTest.keyClick(chart, Qt.Key.Key_Right)
    assert chart.marker > 2_048


def test_a_press_reads_the_chart_there(chart: RunChart) -> None:
    at = chart._at(ChartDot(title="", x=32_768, y=4e9)).toPoint()
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=at)

    assert chart.marker == 32_768


def test_what_it_reads_is_told_to_a_screen_reader(chart: RunChart) -> None:
    chart.show_reading("At 16k: up to 10.0B on the GPU")

    assert chart.accessibleDescription() == "At 16k: up to 10.0B on the GPU"


def test_boundaries_that_no_model_reaches_leave_the_chart(chart: RunChart, theme: ThemeController) -> None:
    none = (0.0,) * len(XS)
    chart.show_areas(XS, (ChartArea(title="Runs on CPU", token="verdict.cpu", upper=none), AREAS[2]))

    over = color_at(chart, 8_192, 2.8e9)
    assert over != theme.theme.color("verdict.cpu.bg")
