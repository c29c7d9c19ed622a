from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.rail import Rail, RailButton, RailItem


@pytest.fixture
def rail(qtbot: QtBot, theme: ThemeController) -> Rail:
    items = (
        RailItem("discover", "Discover", "discover", "Ctrl+1"),
        RailItem("activity", "Activity", "activity", "Ctrl+6"),
        RailItem("settings", "Settings", "settings", below=True),
    )
    rail = Rail(theme, items)
    qtbot.addWidget(rail)
    rail.show()
    return rail


def _button(rail: Rail, name: str) -> RailButton:
    found = rail.findChild(RailButton, f"rail.{name}")
    assert isinstance(found, RailButton)
    return found


def test_a_click_asks_for_the_page(rail: Rail, qtbot: QtBot) -> None:
    with qtbot.waitSignal(rail.chosen) as heard:
        QTest.mouseClick(_button(rail, "activity"), Qt.MouseButton.LeftButton)

    assert heard.args == ["activity"]


def test_only_the_current_page_is_marked_and_one_outside_the_rail_marks_none(rail: Rail) -> None:
    rail.set_current("discover")
    assert _button(rail, "discover").isChecked()

    rail.set_current("welcome")
    assert not any(_button(rail, name).isChecked() for name in ("discover", "activity", "settings"))

    rail.set_current("settings")
    assert _button(rail, "settings").isChecked()


def test_the_badge_is_said_too(rail: Rail) -> None:
    rail.set_badge("activity", 3)

    assert _button(rail, "activity").accessibleName() == "Activity, 3 under way"


def test_collapsed_it_is_as_wide_as_its_icons(rail: Rail) -> None:
    assert rail.sizeHint().width() == 176

    rail.set_collapsed(True)

    assert rail.sizeHint().width() == 52
