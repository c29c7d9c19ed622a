"""What the colours of a bar or a chart mean."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from garden.gui.theme.theme import Theme, ThemeController
from garden.gui.widgets.themed_widget import ThemedWidget


class Legend(ThemedWidget):
    """What the colours of the memory bar mean.

    Args:
        theme: Where colours come from.
        items: Token and title of each colour.
        at_least: With room for fewer titles than this it shows none.
        parent: Qt parent.
    """

    _ITEMS = (("memory.weights", "Weights"), ("memory.kv", "KV cache"), ("memory.compute", "Compute"))

    def __init__(
        self,
        theme: ThemeController,
        items: Sequence[tuple[str, str]] = _ITEMS,
        at_least: int = 1,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, parent)
        self._at_least = at_least
        self._items = tuple(items)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(", ".join(title for _token, title in items))

    def set_items(self, items: Sequence[tuple[str, str]]) -> None:
        """Name other colours: token and title of each."""
        self._items = tuple(items)
        self.setAccessibleName(", ".join(title for _token, title in items))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Squares and titles."""
        return QSize(round(legend_width(self.look, self._items)), self.look.px(16))

    def minimumSizeHint(self) -> QSize:
        """One title; those without room are left out."""
        return QSize(self.look.px(60), self.look.px(16))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw them."""
        if self.width() + 1 >= legend_width(self.look, self._items[: self._at_least]):
            paint_legend(QPainter(self), self.look, QRectF(self.rect()), self._items)


def legend_width(theme: Theme, items: Sequence[tuple[str, str]]) -> float:
    """Room that a legend takes."""
    metrics = QFontMetricsF(theme.font("caption", weight=400))
    width = sum(theme.px(13) + metrics.horizontalAdvance(title) + theme.px(12) for _token, title in items)
    return max(0.0, width - theme.px(12)) + 2


def paint_legend(painter: QPainter, theme: Theme, rect: QRectF, items: Sequence[tuple[str, str]]) -> None:
    """Draw a legend, centred on the height of a rectangle; titles without room are left out."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setFont(theme.font("caption", weight=400))
    left = rect.left()
    side = theme.px(8)
    metrics = QFontMetricsF(painter.font())
    for token, title in items:
        width = metrics.horizontalAdvance(title)
        if left + theme.px(13) + width > rect.right() + 1:
            break
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(token))
        painter.drawRoundedRect(QRectF(round(left), round(rect.center().y() - side / 2), side, side), 2, 2)
        left += theme.px(13)
        painter.setPen(theme.color("text.secondary"))
        painter.drawText(QRectF(left, rect.top(), width + 2, rect.height()), int(Qt.AlignmentFlag.AlignVCenter), title)
        left += width + theme.px(12)
    painter.restore()
