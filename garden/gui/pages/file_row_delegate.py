"""Cells of the Files table: type, size, memory, verdict, speed, and the one action of a row."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter

from garden.core.quantity import format_gib
from garden.gui.viewmodels.file_table import MOST_NAMES, FileColumn, FileRole, FileRow, size_beside
from garden.gui.viewmodels.wording import verdict_word
from garden.gui.widgets.memory_bar import paint_memory_rows
from garden.gui.widgets.progress_bar import paint_progress
from garden.gui.widgets.row_delegate import Index, RowDelegate
from garden.gui.widgets.tag import paint_tag, tag_size
from garden.gui.widgets.verdict_label import paint_verdict
from garden.services.files_beside import FilesBeside

#: Icon and colour of what a click on the last cell does.
_ACTION_ICONS = {
    "Download": ("download", "text.secondary"),
    "Resume": ("play", "text.secondary"),
    "Pause": ("pause", "text.secondary"),
    "In library": ("check", "verdict.gpu.fg"),
}

_LEFT = 20
_GAP = 14


class FileRowDelegate(RowDelegate):
    """Draws one cell of a FileRow."""

    def paint_content(self, painter: QPainter, rect: QRectF, index: Index, *, selected: bool) -> None:
        """Draw what the column says."""
        row = index.data(FileRole.ROW)
        if row is None:
            return
        px = self.look.px
        if isinstance(row, FilesBeside):
            self._paint_beside(painter, rect, row, FileColumn(index.column()))
            return
        match FileColumn(index.column()):
            case FileColumn.TYPE:
                self._paint_type(painter, rect.adjusted(px(_LEFT), 0, 0, 0), row, selected=selected)
            case FileColumn.SIZE:
                self._paint_figure(painter, rect.adjusted(0, 0, 0, -1), format_gib(row.file.size_bytes))
            case FileColumn.MEMORY:
                self._paint_memory(painter, rect.adjusted(px(_GAP), 0, 0, -1), row, selected=selected)
            case FileColumn.VERDICT:
                self._paint_verdict(painter, rect.adjusted(px(_GAP), 0, 0, -1), row)
            case FileColumn.SPEED:
                self._paint_speed(painter, rect.adjusted(0, 0, 0, -1), row)
            case FileColumn.ACTION:
                self._paint_action(painter, rect.adjusted(px(_GAP), 0, -px(16), -1), row)

    def _paint_beside(self, painter: QPainter, rect: QRectF, row: FilesBeside, column: FileColumn) -> None:
        """What it is, how large, and in all of the width right of that what it is for; its names below."""
        theme = self.look
        match column:
            case FileColumn.TYPE:
                area = rect.adjusted(theme.px(_LEFT), 0, 0, -1)
                self.text(painter, area, row.title, font=theme.font("small", weight=600), color="text.secondary")
            case FileColumn.SIZE:
                self._paint_figure(painter, rect.adjusted(0, 0, 0, -1), size_beside(row), "text.secondary")
            case FileColumn.MEMORY:
                lines = theme.px(18), theme.px(14)
                top = rect.top() + round((rect.height() - sum(lines)) / 2)
                left, width = rect.left() + theme.px(_GAP), rect.width() - theme.px(_GAP + 16)
                area = QRectF(left, top, width, lines[0])
                self.text(painter, area, row.note, font=theme.font("small"), color="text.secondary")
                area = QRectF(left, top + lines[0], width, lines[1])
                names = ", ".join(row.filenames[:MOST_NAMES])
                self.text(painter, area, names, font=theme.font("caption", weight=400), color="text.muted")

    def _paint_type(self, painter: QPainter, rect: QRectF, row: FileRow, *, selected: bool) -> None:
        theme = self.look
        note = row.note
        height = theme.px(18) + (theme.px(14) if note else 0)
        top = rect.top() + round((rect.height() - height) / 2)
        first = QRectF(rect.left(), top, rect.width(), theme.px(18))
        room = tag_size(theme, "Recommended").width() + theme.px(6) if row.recommended else 0
        font = theme.font("code", size=12.5, weight=600)
        area = first.adjusted(0, 0, -room, 0)
        left = rect.left() + self.text(
            painter, area, row.title, font=font, color="text.primary", elide=Qt.TextElideMode.ElideMiddle
        )
        if row.recommended:
            size = tag_size(theme, "Recommended")
            tag = QRectF(round(left + theme.px(6)), round(first.center().y() - 9), size.width(), size.height())
            paint_tag(painter, theme, tag, "Recommended", "accent", outlined=selected)
        if note:
            second = QRectF(rect.left(), first.bottom(), rect.width(), theme.px(14))
            self.text(painter, second, note, font=theme.font("caption", weight=400), color="text.muted")

    def _paint_figure(self, painter: QPainter, rect: QRectF, text: str, color: str = "text.primary") -> None:
        font = self.look.font("body", weight=500)
        self.text(painter, rect, text, font=font, color=color, align=Qt.AlignmentFlag.AlignRight)

    def _paint_memory(self, painter: QPainter, rect: QRectF, row: FileRow, *, selected: bool) -> None:
        if row.forecast is not None and row.forecast.devices:
            paint_memory_rows(painter, self.look, rect, row.forecast.devices, on_selected=selected)
            return
        if row.problem:
            font = self.look.font("small")
            self.text(painter, rect, row.problem, font=font, color="status.danger.fg")
            return
        # Its header is on the way: the place of the bar, still and empty.
        height = self.look.px(8)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.look.color("memory.free"))
        painter.drawRoundedRect(QRectF(rect.left(), rect.center().y() - height / 2, rect.width(), height), 3, 3)

    def _paint_verdict(self, painter: QPainter, rect: QRectF, row: FileRow) -> None:
        if row.forecast is not None:
            paint_verdict(painter, self.look, rect, row.forecast, verdict_word(row.forecast, layers=True))
        else:
            text = "Unreadable" if row.problem else "…"
            self.text(painter, rect, text, font=self.look.font("small"), color="text.muted")

    def _paint_speed(self, painter: QPainter, rect: QRectF, row: FileRow) -> None:
        speed = row.forecast.decode_tokens_per_second if row.forecast else None
        right = Qt.AlignmentFlag.AlignRight
        if speed is None:
            self.text(painter, rect, "–", font=self.look.font("body"), color="text.muted", align=right)
            return
        figure = f"{speed:.0f}" if speed >= 10 else f"{speed:.1f}"
        font = self.look.font("body", weight=500)
        self.text(painter, rect, figure, font=font, color="text.primary", align=right)
        if row.forecast is not None and row.forecast.speed_mark:
            room = QFontMetricsF(font).horizontalAdvance(figure)
            area = rect.adjusted(0, 0, -room - self.look.px(3), 0)
            self.text(
                painter, area, row.forecast.speed_mark, font=self.look.font("body"), color="text.muted", align=right
            )

    def _paint_action(self, painter: QPainter, rect: QRectF, row: FileRow) -> None:
        theme = self.look
        side = theme.px(16)
        place = QRectF(rect.right() - theme.px(22), rect.center().y() - side / 2, side, side)
        if row.downloading or row.paused:
            fraction = row.job.fraction if row.job is not None else None
            bar = QRectF(rect.right() - theme.px(26), place.bottom() + theme.px(3), theme.px(24), theme.px(3))
            paint_progress(painter, theme, bar, fraction or 0.0)
        icon, color = _ACTION_ICONS[row.action]
        pixmap = theme.pixmap(icon, color, 16, painter.device().devicePixelRatioF())
        painter.drawPixmap(round(place.left()), round(place.top()), pixmap)
