"""Cells of the Library's table."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter

from garden.core.quantity import format_gib
from garden.gui.viewmodels.library_table import LibraryColumn, LibraryRole, LibraryRow
from garden.gui.viewmodels.wording import age, verdict_word
from garden.gui.widgets.row_delegate import Index, RowDelegate
from garden.gui.widgets.verdict_label import paint_verdict

_LEFT = 20
_GAP = 16

#: Icon and its colour for each word of LibraryRow.checked, and while it is being checked.
_CHECKED = {
    "Verified": ("check", "verdict.gpu.fg"),
    "No": ("warning", "status.danger.fg"),
    "Differs": ("warning", "status.danger.fg"),
    "Not yet": ("clock", "text.muted"),
}
_CHECKING = ("retry", "text.muted")


class LibraryRowDelegate(RowDelegate):
    """Draws one cell of a LibraryRow."""

    def paint_content(self, painter: QPainter, rect: QRectF, index: Index, *, selected: bool) -> None:
        """Draw what the column says."""
        row = index.data(LibraryRole.ROW)
        if row is None:
            return
        theme = self.look
        cell = rect.adjusted(theme.px(_LEFT if index.column() == 0 else _GAP), 0, 0, -1)
        body = theme.font("body")
        match LibraryColumn(index.column()):
            case LibraryColumn.NAME:
                self._paint_name(painter, cell, row)
            case LibraryColumn.TYPE:
                font = theme.font("code", weight=600)
                self.text(painter, cell, row.entry.ref.quant_type or "–", font=font, color="text.primary")
            case LibraryColumn.SIZE:
                self._paint_figure(painter, cell, format_gib(row.entry.ref.size_bytes))
            case LibraryColumn.SOURCE:
                area = cell.adjusted(theme.px(10), 0, 0, 0)
                self.text(painter, area, str(index.data()), font=body, color="text.secondary")
            case LibraryColumn.CHECKED:
                self._paint_checked(painter, cell, row)
            case LibraryColumn.FIT:
                self._paint_fit(painter, cell, row)
            case LibraryColumn.SPEED:
                self._paint_figure(painter, cell, row.speed)
            case LibraryColumn.LAST_USED:
                self.text(painter, cell, age(row.entry.last_used_at), font=theme.font("small"), color="text.muted")

    def _paint_name(self, painter: QPainter, cell: QRectF, row: LibraryRow) -> None:
        theme = self.look
        height = theme.px(18 + 16)
        top = cell.top() + round((cell.height() - height) / 2)
        first = QRectF(cell.left(), top, cell.width(), theme.px(18))
        second = QRectF(cell.left(), first.bottom(), cell.width(), theme.px(16))
        self.text(painter, first, row.entry.ref.name, font=theme.font("body", weight=500), color="text.primary")
        color = "status.danger.fg" if row.entry.problem else "text.muted"
        font = theme.font("small")
        note = f"{row.note} · " if row.note and row.news else row.note
        self.text(painter, second, note, font=font, color=color)
        if row.news:
            area = second.adjusted(QFontMetricsF(font).horizontalAdvance(note), 0, 0, 0)
            self.text(painter, area, row.news, font=font, color="status.info.fg")

    def _paint_figure(self, painter: QPainter, cell: QRectF, text: str) -> None:
        font = self.look.font("body", weight=500)
        self.text(painter, cell, text, font=font, color="text.primary", align=Qt.AlignmentFlag.AlignRight)

    def _paint_checked(self, painter: QPainter, cell: QRectF, row: LibraryRow) -> None:
        theme = self.look
        icon, color = _CHECKED[row.checked] if row.verifying is None else _CHECKING
        side = theme.px(14)
        pixmap = theme.pixmap(icon, color, 14, painter.device().devicePixelRatioF())
        painter.drawPixmap(round(cell.left()), round(cell.center().y() - side / 2), pixmap)
        area = cell.adjusted(side + theme.px(4), 0, 0, 0)
        self.text(painter, area, row.checked, font=theme.font("small"), color="text.secondary")

    def _paint_fit(self, painter: QPainter, cell: QRectF, row: LibraryRow) -> None:
        if row.forecast is not None:
            paint_verdict(painter, self.look, cell, row.forecast, verdict_word(row.forecast))
        elif row.entry.problem and row.resting is None:
            self.text(painter, cell, "Damaged", font=self.look.font("small"), color="status.danger.fg")
