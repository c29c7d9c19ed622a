from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.button import Button
from garden.gui.widgets.chip import Chip
from garden.gui.widgets.hover import follow_pointer
from garden.gui.widgets.rail import RailButton, RailItem
from garden.gui.widgets.themed_widget import Surface


def test_a_widget_is_drawn_anew_when_the_pointer_comes_and_goes(
    qtbot: QtBot, theme: ThemeController, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[bool] = []
    monkeypatch.setattr(Surface, "paintEvent", lambda widget, _event: painted.append(widget.underMouse()))
    holder, column = _holder(qtbot)
    widget = Surface(theme)
    follow_pointer(widget)
    column.addWidget(widget)
    with qtbot.waitExposed(holder):
        holder.show()
    QTest.mouseMove(holder, QPoint(1, 1))
    QApplication.processEvents()
    painted.clear()

    QTest.mouseMove(widget)
    qtbot.waitUntil(lambda: painted == [True])
    QTest.mouseMove(holder, QPoint(1, 1))
    qtbot.waitUntil(lambda: painted == [True, False])


def test_controls_look_different_while_the_pointer_is_above_them(qtbot: QtBot, theme: ThemeController) -> None:
    holder, column = _holder(qtbot)
    controls: list[QWidget] = [
        Button(theme, "Export"),
        Chip(theme, "Fits here", name="chip", checkable=True),
        RailButton(theme, RailItem("discover", "Discover", "discover"), holder),
    ]
    for control in controls:
        column.addWidget(control)
    with qtbot.waitExposed(holder):
        holder.show()
    for control in controls:
        _check_looks_different(qtbot, control, holder)


def _check_looks_different(qtbot: QtBot, control: QWidget, holder: QWidget) -> None:
    QTest.mouseMove(holder, QPoint(1, 1))
    qtbot.waitUntil(lambda: not control.underMouse())
    without = control.grab().toImage()
    QTest.mouseMove(control)
    qtbot.waitUntil(control.underMouse)
    assert control.grab().toImage() != without


def _holder(qtbot: QtBot) -> tuple[QWidget, QVBoxLayout]:
    holder = QWidget()
    qtbot.addWidget(holder)
    holder.resize(300, 200)
    return holder, QVBoxLayout(holder)
