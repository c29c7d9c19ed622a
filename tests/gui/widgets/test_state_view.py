from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from garden.core.errors import HubUnreachableError
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.button import Button
from garden.gui.widgets.state_view import StateView


def _action(view: StateView, number: int) -> Button:
    found = view.findChild(Button, f"{view.objectName()}.action{number}")
    assert isinstance(found, Button)
    return found


def test_it_says_what_happened_and_offers_what_to_do(qtbot: QtBot, theme: ThemeController) -> None:
    view = StateView(theme, name="library.state")
    qtbot.addWidget(view)
    done: list[str] = []
    view.show_state(
        "library",
        "Nothing here yet",
        "Download one.",
        actions=(("Find", "primary", None, lambda: done.append("find")),),
    )
    view.show()

    QTest.mouseClick(_action(view, 1), Qt.MouseButton.LeftButton)

    assert done == ["find"]
    assert (view.accessibleName(), view.accessibleDescription()) == ("Nothing here yet", "Download one.")
    assert not _action(view, 2).isVisible()


def test_an_error_shows_its_sentence_and_a_second_try(qtbot: QtBot, theme: ThemeController) -> None:
    view = StateView(theme)
    qtbot.addWidget(view)
    tries: list[int] = []
    view.show_error(HubUnreachableError("The Hub does not answer.", "Check the network."), lambda: tries.append(1))
    view.show()

    QTest.mouseClick(_action(view, 1), Qt.MouseButton.LeftButton)

    assert view.title == "The Hub does not answer"
    assert tries == [1]
