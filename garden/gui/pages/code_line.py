"""One line of code in a box, cut or broken where it is too long, copied whole."""

from __future__ import annotations

import re

from PySide6.QtCore import QRectF, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.button import Button
from garden.gui.widgets.label import Label
from garden.gui.widgets.themed_widget import ThemedWidget
from garden.gui.widgets.tool_tip import plain_tool_tip


class CodeLine(ThemedWidget):
    """One line of code in a box, with a button that copies all of it.

    Args:
        theme: Where colours come from.
        name: Prefix of the names of its parts.
        wrap: Show all of it, in as many lines as it takes.
        parent: Qt parent.

    Signals:
        copied: It lies on the clipboard.
    """

    copied = Signal()

    def __init__(self, theme: ThemeController, name: str, *, wrap: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        px = theme.theme.px
        row = QHBoxLayout(self)
        above = px(5 if wrap else 3)
        row.setContentsMargins(px(10), above, px(6), above)
        self._wrap = wrap
        self._whole = ""
        if wrap:
            self._text = Label(theme, style="code", size=11.5, wrap=True, max_width=1_000)
        else:
            self._text = Label(theme, style="code", elide=Qt.TextElideMode.ElideRight)
            self._text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._text.setObjectName(f"{name}.text")
        self._copy = Button(theme, icon="copy", kind="ghost", small=True, name=f"{name}.copy", hint="Copy the line")
        self._copy.clicked.connect(self._on_copy)
        row.addWidget(self._text, 1)
        row.addWidget(self._copy, 0, Qt.AlignmentFlag.AlignTop if wrap else Qt.AlignmentFlag.AlignVCenter)

    def show_text(self, text: str) -> None:
        """Show a line."""
        self._whole = text
        self._text.setText(_held_together(text) if self._wrap else text)
        self._text.setAccessibleName(text)
        self._text.setToolTip(plain_tool_tip(text))
        self._text.updateGeometry()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the box."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(self.look.color("bg.code"))
        painter.setPen(QPen(self.look.color("border.default"), 1))
        radius = self.look.radius("control")
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self._whole)
        self.copied.emit()


def _held_together(line: str) -> str:
    """The line so that it is broken before an option alone, not within one nor before its value."""
    return re.sub(r" (?=[^- ])", "\N{NO-BREAK SPACE}", line).replace("-", "-\N{WORD JOINER}")
