"""Still grey lines where rows will come; they show only when the answer takes a moment."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt, QTimer
from PySide6.QtGui import QHideEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QWidget

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.themed_widget import ThemedWidget

#: Answers faster than this never flash grey lines.
DELAY_MS = 150

_FIRST = (120, 168, 104, 146)
_SECOND = (190, 160, 178, 150)


class Skeleton(ThemedWidget):
    """Rows to come.

    Args:
        theme: Where colours come from.
        row_height: Of the rows that will stand here, logical pixels at 100 %.
        parent: Qt parent.
    """

    def __init__(self, theme: ThemeController, row_height: int = 58, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self._row_height = row_height
        self._drawn = False
        self.setAccessibleName("Loading")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY_MS)
        self._timer.timeout.connect(self._on_late)

    def showEvent(self, event: QShowEvent) -> None:
        """Wait a moment before drawing."""
        self._drawn = False
        self._timer.start()
        super().showEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        """The answer is here."""
        self._timer.stop()
        super().hideEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw as many rows as there is room for."""
        if not self._drawn:
            return
        theme = self.look
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        height = theme.px(self._row_height)
        top, number = 0, 0
        margin = theme.px(16)
        while top < self.height():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("memory.free"))
            first, second = theme.px(_FIRST[number % 4]), theme.px(_SECOND[number % 4])
            block = theme.px(26)
            start = top + (height - block) / 2
            right = self.width() - margin
            for left, width, shift, line in (
                (margin, first, 0, 10),
                (right - theme.px(84), theme.px(84), 0, 10),
                (margin, second, 18, 8),
                (right - theme.px(60), theme.px(60), 18, 8),
            ):
                painter.drawRoundedRect(QRectF(left, start + theme.px(shift), width, theme.px(line)), 3, 3)
            painter.fillRect(QRectF(0, top + height - 1, self.width(), 1), theme.color("border.subtle"))
            top += height
            number += 1

    def _on_late(self) -> None:
        self._drawn = True
        self.update()
