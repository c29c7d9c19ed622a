"""Cards: rounded areas with a hairline, on Machine, Settings and Welcome only; and the hairline alone."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.themed_widget import ThemedWidget


class Card(ThemedWidget):
    """A card; ``column`` takes what stands in it.

    Args:
        theme: Where colours come from.
        background: Token of the area.
        parent: Qt parent.

    Attributes:
        column: Layout without margins or spacing.
    """

    def __init__(self, theme: ThemeController, background: str = "bg.surface", parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self._background = background
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(1, 1, 1, 1)
        self.column.setSpacing(0)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw area and hairline."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        radius = self.look.radius("card")
        painter.setBrush(self.look.color(self._background))
        painter.setPen(QPen(self.look.color("border.default"), 1))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)


class Divider(ThemedWidget):
    """A hairline across its parent.

    Args:
        theme: Where colours come from.
        color: Token of the line.
        vertical: Stands instead of lying.
        parent: Qt parent.
    """

    def __init__(
        self,
        theme: ThemeController,
        color: str = "border.subtle",
        *,
        vertical: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, parent)
        self._color = color
        self._vertical = vertical
        fixed, growing = QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding
        self.setSizePolicy(*((fixed, growing) if vertical else (growing, fixed)))

    def sizeHint(self) -> QSize:
        """One pixel."""
        return QSize(1, 1)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the line."""
        QPainter(self).fillRect(self.rect(), self.look.color(self._color))
