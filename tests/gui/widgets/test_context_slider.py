from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.context_slider import ContextSlider


@pytest.fixture
def slider(qtbot: QtBot, theme: ThemeController) -> ContextSlider:
    slider = ContextSlider(theme, 2_048, 40_960)
    slider.resize(264, 28)
    qtbot.addWidget(slider)
    slider.show()
    return slider


def test_the_numbers_are_the_doublings_and_the_end(slider: ContextSlider) -> None:
    assert slider.ticks() == [2_048, 4_096, 8_192, 16_384, 32_768, 40_960]


def test_a_place_and_its_tokens_belong_together(slider: ContextSlider) -> None:
    for tokens in slider.ticks():
        assert slider.tokens_at(slider.position_of(tokens)) == tokens


def test_pressing_the_track_moves_the_knob_there(slider: ContextSlider, qtbot: QtBot) -> None:
    slider.setValue(2_048)

    place = QPoint(round(slider.position_of(8_192)), 7)
    QTest.mouseClick(slider, Qt.MouseButton.LeftButton, pos=place)

    assert slider.value() == 8_192


def test_dragging_beyond_the_end_stays_at_what_the_model_was_trained_for(slider: ContextSlider, qtbot: QtBot) -> None:
    QTest.mousePress(slider, Qt.MouseButton.LeftButton, pos=QPoint(100, 7))
    QTest.mouseMove(slider, QPoint(263, 7))
    QTest.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=QPoint(263, 7))

    assert slider.value() == 40_960


def test_keys_move_it_and_it_says_where_it_is(slider: ContextSlider, qtbot: QtBot) -> None:
    slider.setValue(4_096)

    QTest.keyClick(slider, Qt.Key.Key_Right)

    assert slider.value() == 4_096 + 256
    assert slider.accessibleDescription() == "4,352 tokens"


@pytest.mark.parametrize("trained", [512, 2_048, 1_048_576])
def test_any_trained_context_gives_a_span(trained: int, qtbot: QtBot, theme: ThemeController) -> None:
    slider = ContextSlider(theme, 2_048, trained)
    qtbot.addWidget(slider)
    slider.resize(264, 28)

    slider.setValue(trained)

    assert slider.minimum() < slider.maximum() == trained
    assert not slider.grab().isNull()
