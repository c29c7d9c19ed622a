from __future__ import annotations

from PySide6.QtWidgets import QApplication, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from garden.gui.theme.layout_scale import rescale_layouts
from garden.gui.theme.theme import ThemeController


def _built(qtbot: QtBot, scale: float) -> tuple[QWidget, QVBoxLayout]:
    def px(pixels: float) -> int:
        return round(pixels * scale)

    window = QWidget()
    qtbot.addWidget(window)
    column = QVBoxLayout(window)
    column.setContentsMargins(px(15), px(13), 1, 0)
    column.setSpacing(px(7))
    column.addWidget(QLabel("one"))
    column.addSpacing(px(11))
    row = QHBoxLayout()
    row.setSpacing(px(9))
    column.addLayout(row)
    grid = QGridLayout()
    grid.setHorizontalSpacing(px(10))
    grid.setVerticalSpacing(px(6))
    grid.setColumnMinimumWidth(0, px(84))
    grid.addWidget(QLabel("two"), 0, 0)
    column.addLayout(grid)
    return window, column


def _room(window: QWidget, column: QVBoxLayout) -> list[int]:
    column.activate()
    margins = column.contentsMargins()
    row, grid = window.findChild(QHBoxLayout), window.findChild(QGridLayout)
    space = column.itemAt(1)
    assert row is not None
    assert grid is not None
    assert space is not None
    spacings = [column.spacing(), row.spacing(), grid.horizontalSpacing(), grid.verticalSpacing()]
    extent = [space.sizeHint().height(), grid.columnMinimumWidth(0)]
    return [margins.left(), margins.top(), margins.right(), margins.bottom(), *spacings, *extent]


def test_rescaled_room_is_what_it_would_be_in_a_new_window_and_comes_back(qtbot: QtBot) -> None:
    window, column = _built(qtbot, 1.0)
    now = 1.0
    for scale in (1.1, 1.25, 1.5, 0.9, 1.0):
        rescale_layouts([window], now, scale)
        assert _room(window, column) == _room(*_built(qtbot, scale))
        now = scale


def test_room_that_its_widget_sets_since_is_kept(qtbot: QtBot) -> None:
    window, column = _built(qtbot, 1.0)
    rescale_layouts([window], 1.0, 1.5)
    column.setContentsMargins(60, 60, 60, 60)

    rescale_layouts([window], 1.5, 1.0)

    assert column.contentsMargins().left() == 40


def test_another_text_size_reaches_an_open_window(qtbot: QtBot, qapp: QApplication) -> None:
    window, column = _built(qtbot, 1.0)
    theme = ThemeController(qapp, "light")

    theme.choose(scale=1.5)

    try:
        assert _room(window, column) == _room(*_built(qtbot, 1.5))
    finally:
        theme.choose(scale=1.0)
