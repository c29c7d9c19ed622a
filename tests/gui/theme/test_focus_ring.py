from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QHBoxLayout, QListWidget, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from garden.gui.theme.focus_ring import FocusRing
from garden.gui.theme.theme import ThemeController


class _Window(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.rows = QPushButton("one", self), QPushButton("two", self), QListWidget(self)
        row = QHBoxLayout(self)
        for widget in (self.first, self.second, self.rows):
            row.addWidget(widget)


@pytest.fixture
def ring(qapp: QApplication, theme: ThemeController) -> Iterator[FocusRing]:
    ring = FocusRing(qapp, theme)
    yield ring
    ring.setParent(None)
    ring.deleteLater()


@pytest.fixture
def window(qtbot: QtBot, ring: FocusRing) -> _Window:
    window = _Window()
    qtbot.addWidget(window)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.first.setFocus()
    return window


def _tab(window: QWidget) -> None:
    handle = window.windowHandle()
    assert handle is not None
    QTest.keyClick(handle, Qt.Key.Key_Tab)


def test_the_ring_stands_outside_what_the_tab_key_reached(window: _Window, ring: FocusRing) -> None:
    _tab(window)

    assert window.second.hasFocus()
    assert ring.isVisible()
    assert ring.geometry() == window.second.geometry().adjusted(-3, -3, 3, 3)


def test_no_ring_when_the_mouse_moved_the_focus(window: _Window, ring: FocusRing, qtbot: QtBot) -> None:
    handle = window.windowHandle()
    assert handle is not None
    QTest.mouseClick(handle, Qt.MouseButton.LeftButton, pos=window.second.geometry().center())

    assert window.second.hasFocus()
    assert not ring.isVisible()


def test_rows_are_told_to_draw_their_own(window: _Window, ring: FocusRing) -> None:
    _tab(window)
    _tab(window)

    assert window.rows.hasFocus()
    assert window.rows.property("keyboardFocus") is True
    assert not ring.isVisible()


def test_the_ring_outlives_what_it_stood_around(window: _Window, ring: FocusRing, qtbot: QtBot) -> None:
    _tab(window)
    with qtbot.waitSignal(window.second.destroyed):
        window.second.deleteLater()

    assert not ring.isVisible()
    window.rows.setFocus()
    _tab(window)
    assert window.first.hasFocus()
    assert ring.isVisible()
