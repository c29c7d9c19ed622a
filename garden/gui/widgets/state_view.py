"""Nothing here, or something failed: what happened, what it means, at most two things to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from garden.core.errors import GardenError
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.button import Button, Kind
from garden.gui.widgets.label import Label
from garden.gui.widgets.themed_widget import ThemedWidget

Mood = Literal["calm", "info", "warning", "danger"]

_MOODS: dict[Mood, str] = {
    "calm": "text.muted",
    "info": "status.info.fg",
    "warning": "status.warning.fg",
    "danger": "status.danger.fg",
}

_ICON = 34


class _Icon(ThemedWidget):
    """The large, thin icon."""

    def __init__(self, theme: ThemeController, parent: QWidget) -> None:
        super().__init__(theme, parent)
        self.name = "info"
        self.color = "text.muted"
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Icon and the gap below it."""
        return QSize(self.look.px(_ICON), self.look.px(_ICON + 8))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw it."""
        side = self.look.px(_ICON)
        pixmap = self.look.icons.pixmap(
            self.name, self.look.color(self.color), side, self.devicePixelRatioF(), stroke=1.1
        )
        QPainter(self).drawPixmap(QRectF(0, 0, side, side), pixmap, QRectF(pixmap.rect()))


class StateView(ThemedWidget):
    """Fills the area concerned; everything around it stays usable.

    Args:
        theme: Where colours come from.
        name: objectName; the actions are named ``name.action1`` and ``name.action2``.
        parent: Qt parent.
    """

    def __init__(self, theme: ThemeController, *, name: str = "stateView", parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self.setObjectName(name)
        px = theme.theme.px
        self._icon = _Icon(theme, self)
        centre = Qt.AlignmentFlag.AlignHCenter
        self._title = Label(theme, style="strong", align=centre, wrap=True, max_width=380)
        self._text = Label(
            theme, style="small", color="text.secondary", align=centre, wrap=True, line=17, max_width=340
        )
        self._title.setObjectName(f"{name}.title")
        self._text.setObjectName(f"{name}.text")
        self._buttons = [Button(theme, small=True, name=f"{name}.action{number}", parent=self) for number in (1, 2)]
        self._calls: list[Callable[[], None] | None] = [None, None]
        actions = QHBoxLayout()
        actions.setSpacing(px(6))
        actions.addStretch(1)
        for number, button in enumerate(self._buttons):
            actions.addWidget(button)
            button.clicked.connect(lambda _checked=False, which=number: self._run(which))
            button.hide()
        actions.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(22), px(10), px(22), px(10))
        column.setSpacing(0)
        column.addStretch(1)
        column.addWidget(self._icon, 0, centre)
        for label in (self._title, self._text):
            column.addWidget(label)
            column.addSpacing(px(3))
        column.addSpacing(px(10))
        column.addLayout(actions)
        column.addStretch(1)

    @property
    def title(self) -> str:
        """The sentence of what happened."""
        return self._title.text()

    def show_state(
        self,
        icon: str,
        title: str,
        text: str = "",
        *,
        mood: Mood = "calm",
        actions: tuple[tuple[str, Kind, str | None, Callable[[], None]], ...] = (),
    ) -> None:
        """Say what happened.

        Args:
            icon: Name of an icon.
            title: What happened, a few words.
            text: What it means, a sentence or two.
            mood: Colour of the icon.
            actions: At most two: label, kind of button, icon, what to call.
        """
        self._icon.name, self._icon.color = icon, _MOODS[mood]
        self._icon.update()
        self._title.setText(title)
        self._text.setText(text)
        self._text.setVisible(bool(text))
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)
        for number, button in enumerate(self._buttons):
            if number < len(actions):
                label, kind, button_icon, call = actions[number]
                button.set_text(label)
                button.set_kind(kind)
                button.set_icon(button_icon)
                self._calls[number] = call
            else:
                self._calls[number] = None
            button.setVisible(number < len(actions))
        self._title.updateGeometry()
        self._text.updateGeometry()

    def show_error(self, error: GardenError, retry: Callable[[], None] | None = None, *, icon: str = "warning") -> None:
        """Say an error: its sentence, what helps, and a second try where there is one."""
        actions: tuple[tuple[str, Kind, str | None, Callable[[], None]], ...] = ()
        if retry is not None:
            actions = (("Try again", "default", "retry", retry),)
        self.show_state(icon, error.sentence.rstrip("."), error.action, mood="danger", actions=actions)

    def _run(self, number: int) -> None:
        call = self._calls[number]
        if call is not None:
            call()
