"""Tables of rows: whole rows are selected, and focus shows when keys move it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QModelIndex, QRect, QRectF, Qt, Signal, Slot
from PySide6.QtGui import QFontMetricsF, QHoverEvent, QKeyEvent, QMouseEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from garden.gui.pages.row_list import KEYBOARD_FOCUS, prepare_rows
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.legend import legend_width, paint_legend
from garden.gui.widgets.row_delegate import HOVERED_ROW


class RowHeader(QHeaderView):
    """Titles in small muted letters; the one that sorts is darker and points the way.

    Args:
        theme: Where colours come from.
        insets: Room left of each title, logical pixels at 100 %.
        legend: Column whose right side explains colours, and what it explains; None for none.
        end: Room right of the last title.
        parent: Qt parent.
    """

    def __init__(
        self,
        theme: ThemeController,
        insets: Sequence[int],
        legend: tuple[int, Sequence[tuple[str, str]]] | None = None,
        end: int = 0,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._end = end
        self._controller = theme
        self._insets = tuple(insets)
        self._legend = legend
        self.setHighlightSections(False)
        self.setSectionsMovable(False)
        self.setMinimumSectionSize(1)
        self.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)

    def paintSection(self, painter: QPainter, rect: QRect, logical_index: int) -> None:
        """Draw one title."""
        theme = self._controller.theme
        painter.save()
        painter.fillRect(rect, theme.color("bg.sunken"))
        painter.fillRect(QRectF(rect.left(), rect.bottom(), rect.width(), 1), theme.color("border.default"))
        model = self.model()
        title = str(model.headerData(logical_index, Qt.Orientation.Horizontal) or "")
        told = model.headerData(logical_index, Qt.Orientation.Horizontal, Qt.ItemDataRole.TextAlignmentRole)
        right = told is not None and bool(Qt.AlignmentFlag(told) & Qt.AlignmentFlag.AlignRight)
        sorts = self.isSortIndicatorShown() and self.sortIndicatorSection() == logical_index
        end = theme.px(self._end) if logical_index == len(self._insets) - 1 else 0
        area = QRectF(rect).adjusted(theme.px(self._insets[logical_index]), 0, -end, -1)
        painter.setFont(theme.font("caption"))
        painter.setPen(theme.color("text.primary" if sorts else "text.muted"))
        side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        width = QFontMetricsF(theme.font("caption")).horizontalAdvance(title)
        mark = theme.px(12)
        if sorts and right:
            area.adjust(0, 0, -mark, 0)
        painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter | side), title)
        if sorts:
            left = area.right() if right else area.left() + width + theme.px(4)
            self._paint_mark(painter, QRectF(left, area.center().y() - mark / 2, mark, mark))
        if self._legend is not None and self._legend[0] == logical_index:
            items = self._legend[1]
            room = legend_width(theme, items)
            if width + theme.px(10) + room <= area.width():
                paint_legend(painter, theme, QRectF(area.right() - room, area.top(), room, area.height()), items)
        painter.restore()

    def _paint_mark(self, painter: QPainter, rect: QRectF) -> None:
        theme = self._controller.theme
        painter.translate(rect.center())
        if self.sortIndicatorOrder() is Qt.SortOrder.AscendingOrder:
            painter.rotate(180)
        half = rect.width() / 2
        painter.drawPixmap(QRectF(-half, -half, 2 * half, 2 * half).toRect(), theme.pixmap("chevron-down", size=12))


class RowTable(QTableView):
    """Rows with columns; the first column takes the room that is left.

    Args:
        theme: Where sizes come from.
        height: Name of the row's height among the sizes.
        widths: Of every column, logical pixels at 100 %; None for the one that grows.
        insets: Room left of the title of every column.
        legend: As in RowHeader.
        end: As in RowHeader.
        name: objectName.
        label: Accessible name.
        sortable: Whether a press on a header sorts.
        parent: Qt parent.

    Signals:
        row_entered: Enter was pressed on a row, or it was double-clicked.
    """

    row_entered = Signal(QModelIndex)

    def __init__(
        self,
        theme: ThemeController,
        *,
        height: str,
        widths: Sequence[int | None],
        insets: Sequence[int],
        legend: tuple[int, Sequence[tuple[str, str]]] | None = None,
        end: int = 0,
        name: str,
        label: str,
        sortable: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._controller = theme
        self._height = height
        self._widths = tuple(widths)
        prepare_rows(self, name, label)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        # Arrow keys move between rows; Tab leaves the table instead of visiting each cell.
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setMinimumSectionSize(1)
        header = RowHeader(theme, insets, legend, end, self)
        self.setHorizontalHeader(header)
        self.setSortingEnabled(sortable)
        header.setSectionsClickable(sortable)
        header.setSortIndicatorShown(sortable)
        self.doubleClicked.connect(self.row_entered)
        theme.changed.connect(self._on_theme_changed)

    def apply_sizes(self) -> None:
        """Set heights and widths; needed once the model is there."""
        theme = self._controller.theme
        self.verticalHeader().setDefaultSectionSize(theme.size(self._height))
        header = self.horizontalHeader()
        header.setFixedHeight(theme.size("table_header"))
        self._share_width()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keys move the focus that is drawn; Enter opens the row."""
        self.setProperty(KEYBOARD_FOCUS, True)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.row_entered.emit(self.currentIndex())
            return
        super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """With the mouse, the selection alone shows where one is."""
        self.setProperty(KEYBOARD_FOCUS, False)
        super().mousePressEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:
        """Draw the whole row below the pointer as such, not only a cell of it."""
        if isinstance(event, QHoverEvent):
            self._hover(-1 if event.type() is QEvent.Type.HoverLeave else self.rowAt(event.position().toPoint().y()))
        return super().viewportEvent(event)

    def _hover(self, row: int) -> None:
        if row >= 0 and not self.model().flags(self.model().index(row, 0)) & Qt.ItemFlag.ItemIsEnabled:
            # What cannot be chosen does not look as if it could.
            row = -1
        before = self.property(HOVERED_ROW)
        if row == before:
            return
        self.setProperty(HOVERED_ROW, row)
        for number in (before, row):
            if isinstance(number, int) and number >= 0:
                top, height = self.rowViewportPosition(number), self.rowHeight(number)
                self.viewport().update(0, top, self.viewport().width(), height)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the growing column what is left; the current row stays in sight where what is below it grows."""
        super().resizeEvent(event)
        self._share_width()
        row, lost = self.visualRect(self.currentIndex()), event.oldSize().height() - event.size().height()
        if lost > 0 and row.top() >= 0 and row.bottom() <= event.oldSize().height():
            self.scrollTo(self.currentIndex())

    def _share_width(self) -> None:
        if self.model() is None:
            return
        px = self._controller.theme.px
        header = self.horizontalHeader()
        shown = [number for number in range(len(self._widths)) if not self.isColumnHidden(number)]
        fixed = sum(px(width) for number in shown if (width := self._widths[number]) is not None)
        for number in shown:
            width = self._widths[number]
            room = max(px(80), self.viewport().width() - fixed) if width is None else px(width)
            if header.sectionSize(number) != room:
                header.resizeSection(number, room)

    def hide_columns(self, columns: Sequence[int]) -> None:
        """Show all columns but these."""
        for number in range(len(self._widths)):
            self.setColumnHidden(number, number in columns)
        self._share_width()

    @Slot()
    def _on_theme_changed(self) -> None:
        if self.model() is not None:
            self.apply_sizes()
