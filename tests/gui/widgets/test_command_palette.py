from __future__ import annotations

from collections.abc import Sequence

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QListView, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.command_palette import CommandPalette, PaletteEntry, split_matches


class _Window(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.below = QPushButton("below", self)
        QVBoxLayout(self).addWidget(self.below)
        self.resize(900, 700)


class _Source:
    def __init__(self) -> None:
        self.ran: list[str] = []

    def __call__(self, text: str) -> Sequence[PaletteEntry]:
        titles = [("Library", "Qwen3-4B"), ("Go to", "Workshop"), ("Library", "SmolLM2-135M")]
        return [
            PaletteEntry(section=section, title=title, run=lambda title=title: self.ran.append(title))  # type: ignore[misc]  # a default binds the name
            for section, title in titles
            if text.lower() in title.lower()
        ]


@pytest.fixture
def window(qtbot: QtBot) -> _Window:
    window = _Window()
    qtbot.addWidget(window)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.below.setFocus()
    return window


@pytest.fixture
def source() -> _Source:
    return _Source()


@pytest.fixture
def palette(window: _Window, source: _Source, theme: ThemeController) -> CommandPalette:
    palette = CommandPalette(theme, window, source)
    palette.open()
    return palette


def _field(palette: CommandPalette) -> QLineEdit:
    found = palette.findChild(QLineEdit, "commandPalette.field")
    assert isinstance(found, QLineEdit)
    return found


def _shown(palette: CommandPalette) -> list[str]:
    view = palette.findChild(QListView, "commandPalette.list")
    assert isinstance(view, QListView)
    model = view.model()
    return [str(model.index(row, 0).data()) for row in range(model.rowCount())]


def test_entries_stand_below_the_names_of_their_sections(palette: CommandPalette) -> None:
    assert _shown(palette) == ["Library", "Qwen3-4B", "SmolLM2-135M", "Go to", "Workshop"]


def test_typing_narrows_and_enter_runs_what_is_marked(palette: CommandPalette, source: _Source, qtbot: QtBot) -> None:
    QTest.keyClicks(_field(palette), "work")
    QTest.keyClick(_field(palette), Qt.Key.Key_Return)

    assert source.ran == ["Workshop"]
    assert not palette.is_open


def test_arrows_skip_the_names_of_sections(palette: CommandPalette, source: _Source, qtbot: QtBot) -> None:
    for _ in range(2):
        QTest.keyClick(_field(palette), Qt.Key.Key_Down)
    QTest.keyClick(_field(palette), Qt.Key.Key_Return)

    assert source.ran == ["Workshop"]


def test_escape_closes_and_gives_the_focus_back(palette: CommandPalette, window: _Window, qtbot: QtBot) -> None:
    assert _field(palette).hasFocus()

    QTest.keyClick(_field(palette), Qt.Key.Key_Escape)

    assert not palette.is_open
    assert window.below.hasFocus()


def test_the_tab_key_stays_inside(palette: CommandPalette, qtbot: QtBot) -> None:
    QTest.keyClick(_field(palette), Qt.Key.Key_Tab)

    focused = QApplication.focusWidget()
    assert focused is not None
    assert palette.isAncestorOf(focused)


def test_a_click_beside_it_closes_it(palette: CommandPalette, qtbot: QtBot) -> None:
    QTest.mouseClick(palette, Qt.MouseButton.LeftButton, pos=palette.rect().bottomLeft())

    assert not palette.is_open


def test_it_stays_as_large_as_its_window(palette: CommandPalette, window: _Window) -> None:
    window.resize(1_200, 800)

    assert palette.size() == window.size()


def test_what_was_typed_is_marked_in_the_titles() -> None:
    assert split_matches("Quantize Qwen3-4B", ("quant", "4b")) == [
        ("Quant", True),
        ("ize Qwen3-", False),
        ("4B", True),
    ]
