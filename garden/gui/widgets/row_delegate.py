"""What rows of lists and tables share: background, selection bar, hairline, focus, and painting text."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPen, QStaticText, QTransform
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from garden.gui.theme.theme import Theme, ThemeController

Index = QModelIndex | QPersistentModelIndex

_SELECTION_BAR = 3

#: Property of a table: the row below the pointer, of which Qt itself knows only the cell; −1 for none.
HOVERED_ROW = "hoveredRow"


#: Texts kept as they were shaped: those of some hundred rows. Beyond it all are shaped anew as they are painted.
_MOST_LINES = 4_096

_UNBOUNDED = 1e6


class _Line(NamedTuple):
    """One line of text, ready to be drawn.

    Attributes:
        shaped: Its glyphs.
        width: Logical pixels.
        height: Logical pixels.
    """

    shaped: QStaticText
    width: float
    height: float


class RowDelegate(QStyledItemDelegate):
    """Base of delegates that draw a row, or one cell of it.

    Subclasses implement ``paint_content``; the base draws everything around it. In a table the bar stands in the first
    column only, and focus is drawn around the row.

    Args:
        theme: Where colours come from.
        height: Name of the row's height among the sizes, e.g. ``row_model``.
        view: The view; drawn anew when the theme changes.
    """

    def __init__(self, theme: ThemeController, height: str, view: QAbstractItemView) -> None:
        super().__init__(view)
        self._controller = theme
        self._height = height
        self._view = view
        self._lines: dict[tuple[str, str, Qt.TextElideMode, int], _Line] = {}
        theme.changed.connect(self._on_theme_changed)

    @property
    def look(self) -> Theme:
        """The theme now."""
        return self._controller.theme

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        """As high as every row of its kind."""
        return QSize(self.look.px(100), self.look.size(self._height))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw background, content, hairline and focus."""
        painter.save()
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        rect: QRect = option.rect
        self.paint_background(painter, rect, option, index, selected=selected)
        self.paint_content(painter, QRectF(rect), index, selected=selected)
        painter.restore()

    def paint_background(
        self, painter: QPainter, rect: QRect, option: QStyleOptionViewItem, index: Index, *, selected: bool
    ) -> None:
        """Fill, mark the selection, part the row from the next one."""
        theme = self.look
        state = option.state
        if selected:
            has_focus = self._view.hasFocus() or not self._dims_selection()
            painter.fillRect(rect, theme.color("bg.selected" if has_focus else "bg.selected_inactive"))
        elif state & QStyle.StateFlag.State_MouseOver or self._view.property(HOVERED_ROW) == index.row():
            painter.fillRect(rect, theme.color("bg.hover"))
        line = QRectF(rect.left(), rect.bottom(), rect.width(), 1)
        # Between two selected rows the line is drawn on their tint.
        painter.fillRect(line, theme.color("border.default" if selected else "border.subtle"))
        if selected and index.column() == 0:
            bar = QRectF(rect.left(), rect.top(), _SELECTION_BAR, rect.height())
            painter.fillRect(bar, theme.color("accent.selected_bar"))
        if self._view.hasFocus() and self._view.property("keyboardFocus") and self._is_current(index):
            self._paint_focus(painter, QRectF(rect), index)

    def paint_content(self, painter: QPainter, rect: QRectF, index: Index, *, selected: bool) -> None:
        """Draw what the row says."""
        raise NotImplementedError

    def text(
        self,
        painter: QPainter,
        rect: QRectF,
        text: str,
        *,
        font: QFont,
        color: str,
        align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
        elide: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
    ) -> float:
        """Draw one line of text, elided to its area.

        Returns:
            Width that was drawn.
        """
        line = self._line(text, font, elide, rect.width())
        painter.setFont(font)
        painter.setPen(self.look.color(color))
        left = rect.left()
        if align & Qt.AlignmentFlag.AlignRight:
            left += rect.width() - line.width
        elif align & Qt.AlignmentFlag.AlignHCenter:
            left += (rect.width() - line.width) / 2
        painter.drawStaticText(QPointF(left, rect.top() + (rect.height() - line.height) / 2), line.shaped)
        return line.width

    def width_of(self, text: str, font: QFont) -> float:
        """Width of a text that is not elided."""
        return self._line(text, font, Qt.TextElideMode.ElideNone, _UNBOUNDED).width

    def _line(self, text: str, font: QFont, elide: Qt.TextElideMode, width: float) -> _Line:
        """A text, elided and shaped once for all paints of it."""
        key = (text, font.key(), elide, round(width * 4))
        line = self._lines.get(key)
        if line is None:
            if len(self._lines) >= _MOST_LINES:
                self._lines.clear()
            metrics = QFontMetricsF(font)
            shown = text if elide is Qt.TextElideMode.ElideNone else metrics.elidedText(text, elide, width)
            shaped = QStaticText(shown)
            shaped.setTextFormat(Qt.TextFormat.PlainText)
            shaped.setPerformanceHint(QStaticText.PerformanceHint.AggressiveCaching)
            shaped.prepare(QTransform(), font)
            line = self._lines[key] = _Line(shaped, metrics.horizontalAdvance(shown), metrics.height())
        return line

    def _dims_selection(self) -> bool:
        """Whether the tint turns grey without focus; lists that lead a detail panel keep it."""
        return self._view.property("dimsSelection") is not False

    def _is_current(self, index: Index) -> bool:
        return self._view.currentIndex().row() == index.row()

    def _paint_focus(self, painter: QPainter, rect: QRectF, index: Index) -> None:
        pen = QPen(self.look.color("focus.ring"), 2)
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        model = index.model()
        # A list has one column, and its model does not say how many (the method is private there).
        last = 0 if isinstance(self._view, QListView) or model is None else model.columnCount(index.parent()) - 1
        inner = rect.adjusted(1, 1, -1, -1)
        painter.drawLine(inner.topLeft(), inner.topRight())
        painter.drawLine(inner.bottomLeft(), inner.bottomRight())
        if index.column() == 0:
            painter.drawLine(inner.topLeft(), inner.bottomLeft())
        if index.column() == last:
            painter.drawLine(inner.topRight(), inner.bottomRight())

    @Slot()
    def _on_theme_changed(self) -> None:
        self._lines.clear()
        self._view.doItemsLayout()
        viewport: QWidget = self._view.viewport()
        viewport.update()
