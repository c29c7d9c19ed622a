from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.button import Button


def test_a_button_without_text_is_named_by_its_hint(qtbot: QtBot, theme: ThemeController) -> None:
    button = Button(theme, icon="more", small=True, name="row.more", hint="More actions")
    qtbot.addWidget(button)

    assert button.accessibleName() == "More actions"
    assert button.sizeHint().width() == button.sizeHint().height() == 24


def test_a_disabled_button_says_why(qtbot: QtBot, theme: ThemeController) -> None:
    button = Button(theme, "Quantize", hint="Start")
    qtbot.addWidget(button)

    button.set_usable(False, "Choose a type first.")
    with qtbot.assertNotEmitted(button.clicked):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    assert button.toolTip() == "Choose a type first."
    assert button.accessibleDescription() == "Choose a type first."
    button.set_usable(True)
    assert button.toolTip() == "Start"


def test_enter_presses_it(qtbot: QtBot, theme: ThemeController) -> None:
    button = Button(theme, "Add it")
    qtbot.addWidget(button)

    with qtbot.waitSignal(button.clicked):
        QTest.keyClick(button, Qt.Key.Key_Return)


def test_a_new_text_is_what_a_screen_reader_says(qtbot: QtBot, theme: ThemeController) -> None:
    button = Button(theme, "Quantize 1")
    qtbot.addWidget(button)
    narrow = button.sizeHint().width()

    button.set_text("Quantize 12")

    assert button.accessibleName() == "Quantize 12"
    assert button.sizeHint().width() > narrow
