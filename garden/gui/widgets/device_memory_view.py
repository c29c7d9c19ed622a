"""What each device would hold, and in words what loaded models hold of it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from garden.core.fit_forecast import DeviceMemory
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.label import Label
from garden.gui.widgets.memory_bar import MemoryRows, held_words
from garden.gui.widgets.themed_widget import ThemedWidget

#: As in a legend: the colour, and where its words begin.
_SQUARE, _INDENT = 8, 13


class DeviceMemoryView(ThemedWidget):
    """A line per device; below, what other loaded models hold and what unloading this one would free, if anything.

    Args:
        theme: Where colours come from.
        figures_width: Of ``needed / free``, logical pixels at 100 %.
        name: Prefix of the names of its parts.
        parent: Qt parent.
    """

    def __init__(
        self, theme: ThemeController, figures_width: int = 66, *, name: str = "memory", parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, parent)
        self._rows = MemoryRows(theme, figures_width)
        self._words = Label(theme, style="small", color="text.muted", wrap=True, max_width=2_000)
        self._words.setObjectName(f"{name}.held")
        self._words.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.theme.px(6))
        column.addWidget(self._rows)
        # Beside the colour that they are about.
        beside = QHBoxLayout()
        beside.setContentsMargins(theme.theme.px(_INDENT), 0, 0, 0)
        beside.addWidget(self._words)
        column.addLayout(beside)

    @property
    def words(self) -> str:
        """What is said of loaded models, empty for nothing."""
        return self._words.text()

    def set_devices(self, devices: Sequence[DeviceMemory]) -> None:
        """Show what each device would hold."""
        self._rows.set_devices(devices)
        words = held_words(devices)
        self._words.setText(words)
        self._words.setVisible(bool(words))
        self._fit_words()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width breaks the words into other lines."""
        super().resizeEvent(event)
        self._fit_words()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the colour of loaded models before what is said of them."""
        if not self._words.text():
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.look.color("memory.loaded"))
        side = self.look.px(_SQUARE)
        top = self._words.y() + round((self._words.line_height() - side) / 2)
        painter.drawRoundedRect(QRectF(0, top, side, side), 2, 2)

    def _fit_words(self) -> None:
        # Layouts around this one ask for a height without a width.
        height = self._words.heightForWidth(max(1, self.width() - self.look.px(_INDENT)))
        if height == self._words.maximumHeight():
            return
        self._words.setFixedHeight(height)
        # All of them at once: told one after the other, the outer ones clip a line until the last has heard.
        above: QWidget | None = self
        while above is not None and not above.isWindow():
            above.updateGeometry()
            above = above.parentWidget()
