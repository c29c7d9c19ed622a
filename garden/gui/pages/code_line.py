"""One line of code in a box, cut where it is too long, copied whole."""

from __future__ import annotations

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

    Signals:
        copied: It lies on the clipboard.
    """

    copied = Signal()

    def __init__(self, theme: ThemeController, name: str, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        px = theme.theme.px
        row = QHBoxLayout(self)
        row.setContentsMargins(px(10), px(3), px(6), px(3))
        self._text = Label(theme, style="code", color="text.primary", elide=Qt.TextElideMode.ElideRight)
        self._text.setObjectName(f"{name}.text")
        self._text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._copy = Button(theme, icon="copy", kind="ghost", small=True, name=f"{name}.copy", hint="Copy the line")
        self._copy.clicked.connect(self._on_copy)
        row.addWidget(self._text, 1)
        row.addWidget(self._copy)

    def show_text(self, text: str) -> None:
        """Show a line."""
        self._text.setText(text)
        self._text.setAccessibleName(text)
        self._text.setToolTip(plain_tool_tip(text))

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
        QGuiApplication.clipboard().setText(self._text.text())
        self.copied.emit()
