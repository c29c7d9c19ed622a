"""What the colours of a bar or a chart mean."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from garden.gui.theme.theme import Theme, ThemeController
from garden.gui.widgets.themed_widget import ThemedWidget

#: Height of a line, logical pixels at 100 %.
_LINE = 16


class Legend(ThemedWidget):
    """What the colours of the memory bar mean.

    Args:
        theme: Where colours come from.
        items: Token and title of each colour.
        at_least: With room for fewer titles than this it shows none.
        wrap: Titles without room stand in further lines instead of being left out.
        parent: Qt parent.
    """

    _ITEMS = (("memory.weights", "Weights"), ("memory.kv", "KV cache"), ("memory.compute", "Compute"))

    def __init__(
        self,
        theme: ThemeController,
        items: Sequence[tuple[str, str]] = _ITEMS,
        at_least: int = 1,
        wrap: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, parent)
        self._wrap = wrap
        self._at_least = at_least
        self._items = tuple(items)
        policies = QSizePolicy.Policy
        self.setSizePolicy(policies.Preferred if wrap else policies.Maximum, policies.Fixed)
        self.setAccessibleName(", ".join(title for _token, title in items))

    def set_items(self, items: Sequence[tuple[str, str]]) -> None:
        """Name other colours: token and title of each."""
        self._items = tuple(items)
        self.setAccessibleName(", ".join(title for _token, title in items))
        self._fit_lines()
        self.updateGeometry()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width breaks it into other lines."""
        super().resizeEvent(event)
        self._fit_lines()

    def _fit_lines(self) -> None:
        if self._wrap:
            # Layouts around this one ask for a height without a width.
            self.setFixedHeight(self.look.px(_LINE) * len(self._lines()))

    def _lines(self) -> list[tuple[tuple[str, str], ...]]:
        """The titles that stand in each line."""
        if not self._wrap:
            return [self._items]
        lines: list[tuple[tuple[str, str], ...]] = [()]
        for item in self._items:
            if lines[-1] and legend_width(self.look, (*lines[-1], item)) > self.width() + 1:
                lines.append(())
            lines[-1] = (*lines[-1], item)
        return lines

    def sizeHint(self) -> QSize:
        """Squares and titles."""
        return QSize(round(legend_width(self.look, self._items)), self.look.px(_LINE))

    def minimumSizeHint(self) -> QSize:
        """One title; those without room are left out."""
        return QSize(self.look.px(60), self.look.px(_LINE))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw them."""
        if self.width() + 1 >= legend_width(self.look, self._items[: self._at_least]):
            height = self.look.px(_LINE)
            for number, items in enumerate(self._lines()):
                area = QRectF(0, number * height, self.width(), height)
                paint_legend(QPainter(self), self.look, area, items)


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
