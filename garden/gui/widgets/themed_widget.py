"""What every widget that draws itself shares: the theme, and drawing itself anew when it changes."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Slot
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QWidget

from garden.gui.theme.theme import Theme, ThemeController


class ThemedWidget(QWidget):
    """A widget that draws itself from the theme.

    Args:
        theme: Where colours, fonts and sizes come from.
        parent: Qt parent.
    """

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = theme
        theme.changed.connect(self._on_theme_changed)

    @property
    def look(self) -> Theme:
        """The theme now."""
        return self._controller.theme

    @Slot()
    def _on_theme_changed(self) -> None:
        self.updateGeometry()
        self.update()


class Surface(ThemedWidget):
    """A plain area in a token's colour, with hairlines where asked.

    Args:
        theme: Where colours come from.
        background: Token of the area.
        edges: Sides with a hairline, letters of ``l t r b``.
        edge: Token of the hairlines.
        parent: Qt parent.
    """

    def __init__(
        self,
        theme: ThemeController,
        background: str = "bg.surface",
        *,
        edges: str = "",
        edge: str = "border.default",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, parent)
        self._background = background
        self._edges = edges
        self._edge = edge
        inset = [1 if side in edges else 0 for side in "ltrb"]
        self.setContentsMargins(*inset)

    def paintEvent(self, _event: object) -> None:
        """Fill and draw the hairlines."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.look.color(self._background))
        paint_edges(painter, QRectF(self.rect()), self._edges, self.look.color(self._edge))


def paint_edges(painter: QPainter, rect: QRectF, edges: str, color: QColor) -> None:
    """Draw hairlines inside a rectangle.

    Args:
        painter: Where to draw.
        rect: The rectangle.
        edges: Sides, letters of ``l t r b``.
        color: Of the lines.
    """
    if "l" in edges:
        painter.fillRect(QRectF(rect.left(), rect.top(), 1, rect.height()), color)
    if "r" in edges:
        painter.fillRect(QRectF(rect.right() - 1, rect.top(), 1, rect.height()), color)
    if "t" in edges:
        painter.fillRect(QRectF(rect.left(), rect.top(), rect.width(), 1), color)
    if "b" in edges:
        painter.fillRect(QRectF(rect.left(), rect.bottom() - 1, rect.width(), 1), color)
