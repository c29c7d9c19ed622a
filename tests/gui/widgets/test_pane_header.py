from __future__ import annotations

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.pane_header import PaneHeader
from garden.gui.widgets.tool_tip import plain_tool_tip

TAGS = ("temp 0.2", "context 4,096", "seed 7")


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(800, 60)
    return window


def header(window: QWidget, theme: ThemeController, width: int) -> PaneHeader:
    made = PaneHeader(theme, "B", window)
    made.resize(width, 44)
    made.set_model("Qwen3-8B", "Q5_K_M")
    made.set_tags(TAGS, baseline=False)
    window.show()
    made.show()
    return made


def test_tags_give_way_to_the_name(window: QWidget, theme: ThemeController) -> None:
    assert header(window, theme, 700).shown_tags == TAGS
    assert header(window, theme, 400).shown_tags == ("temp 0.2", "+2")
    assert header(window, theme, 310).shown_tags == ("3 differ",)
    assert header(window, theme, 276).shown_tags == ("≠ 3",)


def test_a_busy_pane_offers_to_stop(window: QWidget, theme: ThemeController) -> None:
    made = header(window, theme, 500)
    assert not made.stop.isVisible()
    made.set_busy(True)
    assert made.stop.isVisible()
    assert made.settings.isVisible()
    made.resize(300, 44)
    assert not made.settings.isVisible()


def test_the_baseline_says_so(window: QWidget, theme: ThemeController) -> None:
    made = header(window, theme, 500)
    made.set_tags((), baseline=True)
    assert made.shown_tags == ("Baseline",)


def test_a_name_is_no_html(window: QWidget, theme: ThemeController) -> None:
    made = header(window, theme, 500)
    made.set_model("<img src='file:///etc/passwd'>", "")
    assert "<img" not in made.model.toolTip()
    assert plain_tool_tip("Qwen3-8B") == "Qwen3-8B"
