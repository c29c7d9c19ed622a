"""Cells of the table of types: check box, type, size, bits, tag, memory, verdict, speed, loss, published loss."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter

from garden.gui.pages.quant_columns import END
from garden.gui.viewmodels.quant_table import QuantColumn, QuantRole, QuantRow, loss_text
from garden.gui.viewmodels.wording import verdict_word
from garden.gui.widgets.memory_bar import device_fill, paint_memory_bar
from garden.gui.widgets.row_delegate import Index, RowDelegate
from garden.gui.widgets.switch import paint_check_box
from garden.gui.widgets.tag import Tone, paint_tag, tag_size
from garden.gui.widgets.verdict_label import paint_verdict

_LEFT = 20
_GAP = 16

_TONES: dict[str, Tone] = {"accent": "accent", "warning": "warning", "info": "info"}

#: Figures at the right of their column: style, weight and colour. What was published recedes behind what was measured.
_FIGURES: dict[QuantColumn, tuple[str, int | None, str]] = {
    QuantColumn.SIZE: ("body", None, "text.primary"),
    QuantColumn.BITS: ("body", None, "text.secondary"),
    QuantColumn.SPEED: ("body", 500, "text.primary"),
    QuantColumn.PUBLISHED: ("small", None, "text.muted"),
}


class QuantRowDelegate(RowDelegate):
    """Draws one cell of a QuantRow."""

    def paint_content(self, painter: QPainter, rect: QRectF, index: Index, *, selected: bool) -> None:
        """Draw what the column says."""
        row = index.data(QuantRole.ROW)
        if not isinstance(row, QuantRow):
            return
        theme = self.look
        area = rect.adjusted(theme.px(_GAP), 0, 0, -1)
        column = QuantColumn(index.column())
        text = str(index.data() or "")
        match column:
            case QuantColumn.CHOSEN:
                self._paint_choice(painter, rect.adjusted(theme.px(_LEFT), 0, 0, -1), row)
            case QuantColumn.SIZE if row.forecast is None:
                self._paint_pending(painter, area)
            case QuantColumn.NOTE:
                self._paint_note(painter, area, row, selected=selected)
            case QuantColumn.MEMORY:
                self._paint_memory(painter, area, row, selected=selected)
            case QuantColumn.VERDICT if row.fit is not None:
                paint_verdict(painter, theme, area, row.fit, verdict_word(row.fit))
            case QuantColumn.LOSS:
                self._paint_loss(painter, area.adjusted(0, 0, -theme.px(END), 0), row)
            case QuantColumn.TYPE:
                self.text(painter, area, text, font=theme.font("code", weight=600), color="text.primary")
            case _:
                style, weight, color = _FIGURES.get(column, _FIGURES[QuantColumn.SIZE])
                font = theme.font(style, weight=weight)
                self.text(painter, area, text, font=font, color=color, align=Qt.AlignmentFlag.AlignRight)

    def _paint_choice(self, painter: QPainter, rect: QRectF, row: QuantRow) -> None:
        theme = self.look
        side = theme.px(15)
        box = QRectF(rect.left(), round(rect.center().y() - side / 2), side, side)
        if row.can_be_chosen:
            paint_check_box(painter, theme, box, checked=row.chosen, enabled=row.forecast is not None)
            return
        icon, color = ("clock", "text.muted") if row.job is not None else ("check", "verdict.gpu.fg")
        pixmap = theme.pixmap(icon, color, 15, painter.device().devicePixelRatioF())
        painter.drawPixmap(round(box.left()), round(box.top()), pixmap)

    def _paint_pending(self, painter: QPainter, area: QRectF) -> None:
        """The dry run is under way: a still, grey line where the figure will stand."""
        height = self.look.px(8)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.look.color("memory.free"))
        painter.drawRoundedRect(QRectF(area.right() - 40, area.center().y() - height / 2, 40, height), 3, 3)

    def _paint_note(self, painter: QPainter, area: QRectF, row: QuantRow, *, selected: bool) -> None:
        text, tone = row.note
        if not text:
            return
        size = tag_size(self.look, text)
        tag = QRectF(area.left(), round(area.center().y() - size.height() / 2), size.width(), size.height())
        outlined = selected and tone == "accent"
        paint_tag(painter, self.look, tag, text, _TONES.get(tone, "plain"), outlined=outlined)

    def _paint_memory(self, painter: QPainter, area: QRectF, row: QuantRow, *, selected: bool) -> None:
        device = row.device
        if device is None:
            return
        height = self.look.size("memory_bar_track")
        track = QRectF(area.left(), round(area.center().y() - height / 2), area.width(), height)
        paint_memory_bar(painter, self.look, track, device_fill(device), on_selected=selected)

    def _paint_loss(self, painter: QPainter, area: QRectF, row: QuantRow) -> None:
        theme = self.look
        right = Qt.AlignmentFlag.AlignRight
        plain, strong = theme.font("small"), theme.font("small", weight=500)
        if row.loss is not None:
            rest, figure = f" ± {row.loss.kld_standard_error:.4f}", f"{row.loss.kld_mean:.4f}"
            self.text(painter, area, rest, font=plain, color="text.muted", align=right)
            width = QFontMetricsF(plain).horizontalAdvance(rest)
            self.text(painter, area.adjusted(0, 0, -width, 0), figure, font=strong, color="text.primary", align=right)
        else:
            self.text(painter, area, loss_text(row), font=plain, color="text.muted", align=right)
