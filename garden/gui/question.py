"""A question that must be answered before something is lost: one sentence, what it means, two answers."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.button import Kind
from garden.gui.widgets.overlay import Overlay
from garden.gui.widgets.state_view import Mood, StateView

_WIDTH = 420
_HEIGHT = 220


class Question(Overlay):
    """Opens over a window. Esc and a click beside it are the answer that loses nothing.

    Args:
        theme: Where colours come from.
        window: The window to cover.
        name: objectName; the answers are named ``name.view.action1`` and ``name.view.action2``.
    """

    def __init__(self, theme: ThemeController, window: QWidget, *, name: str) -> None:
        super().__init__(theme, window, name=name)
        self._view = StateView(theme, name=f"{name}.view")
        self.sheet.column.addWidget(self._view)
        self.sheet.setFixedWidth(theme.theme.px(_WIDTH))
        self.sheet.setMinimumHeight(theme.theme.px(_HEIGHT))

    def ask(
        self,
        icon: str,
        title: str,
        text: str,
        *,
        yes: tuple[str, Kind, str | None],
        no: str,
        then: Callable[[], None],
        otherwise: Callable[[], None] | None = None,
        mood: Mood = "calm",
    ) -> None:
        """Ask.

        Args:
            icon: Name of an icon.
            title: What is asked or would be lost.
            text: What it means.
            yes: Label, kind and icon of the answer that goes on.
            no: Label of the other.
            then: Called when the answer is yes.
            otherwise: Called when the other button is pressed, where both answers do something.
            mood: Colour of the icon.
        """

        def go_on() -> None:
            self.dismiss()
            then()

        def leave_it() -> None:
            self.dismiss()
            if otherwise is not None:
                otherwise()

        label, kind, button_icon = yes
        stay: tuple[str, Kind, str | None, Callable[[], None]] = (no, "default", None, leave_it)
        self._view.show_state(icon, title, text, mood=mood, actions=((label, kind, button_icon, go_on), stay))
        self.setAccessibleName(title)
        self.open()
