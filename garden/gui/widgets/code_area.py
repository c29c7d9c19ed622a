"""Text as it is: read only, in the family of code, every character shown, nothing interpreted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QVBoxLayout, QWidget

from garden.gui.widgets.themed_widget import ThemedWidget

if TYPE_CHECKING:
    from garden.gui.theme.theme import ThemeController


class CodeArea(ThemedWidget):
    """A rounded area with text that can be selected and copied.

    Args:
        theme: Where colours come from.
        name: objectName of the text.
        label: Accessible name of the text.
        wrap: Break long lines instead of scrolling.
        parent: Qt parent.

    Attributes:
        edit: The text.
    """

    def __init__(
        self, theme: ThemeController, *, name: str, label: str, wrap: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, parent)
        self.setProperty("focusFrame", True)
        self.edit = QPlainTextEdit(self)
        self.edit.setObjectName(name)
        self.edit.setAccessibleName(label)
        self.edit.setReadOnly(True)
        self.edit.setTabChangesFocus(True)
        self.edit.setProperty("frameless", True)
        self.edit.setFrameShape(QFrame.Shape.NoFrame)
        self.edit.viewport().setAutoFillBackground(False)
        mode = QPlainTextEdit.LineWrapMode
        self.edit.setLineWrapMode(mode.WidgetWidth if wrap else mode.NoWrap)
        self.edit.document().setDocumentMargin(0)
        self.edit.setStyleSheet("QAbstractScrollArea::corner { background: transparent; border: none; }")
        px = theme.theme.px
        column = QVBoxLayout(self)
        column.setContentsMargins(px(10), px(8), px(2), px(2))
        column.addWidget(self.edit)
        self._take_font()

    @property
    def text(self) -> str:
        """What is shown."""
        return self.edit.toPlainText()

    def set_text(self, text: str) -> None:
        """Show another text, from its beginning."""
        if text != self.text:
            self.edit.setPlainText(text)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the area."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(self.look.color("bg.code"))
        painter.setPen(QPen(self.look.color("border.subtle"), 1))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)

    def _take_font(self) -> None:
        self.edit.setFont(self.look.font("code"))

    @Slot()
    def _on_theme_changed(self) -> None:
        self._take_font()
        self.update()
