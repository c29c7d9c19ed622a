"""Cells of the audit table; the bar shows by how much a load took less or more than was forecast."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter

from garden.gui.viewmodels.audit_rows import AuditRow
from garden.gui.viewmodels.audit_table import AUDIT_ROLE, AuditColumn, AuditTableModel
from garden.gui.widgets.row_delegate import Index, RowDelegate

LEFT = 16
GAP = 10
_BAR = 4


class AuditDelegate(RowDelegate):
    """Draws one cell of an AuditRow."""

    def paint_content(self, painter: QPainter, rect: QRectF, index: Index, *, selected: bool) -> None:
        """Draw what the column says."""
        theme = self.look
        row: AuditRow | None = index.data(AUDIT_ROLE)
        if row is None:
            return
        column = AuditColumn(index.column())
        area = rect.adjusted(theme.px(LEFT if column is AuditColumn.LOAD else GAP), 0, 0, -1)
        if column is AuditColumn.BAR:
            self._paint_bar(painter, area, row, index)
            return
        right = column in (AuditColumn.FORECAST, AuditColumn.SEEN, AuditColumn.ERROR)
        if column is AuditColumn.ERROR:
            area.adjust(0, 0, -theme.px(LEFT), 0)
        color = {AuditColumn.CONTEXT: "text.muted", AuditColumn.FORECAST: "text.secondary"}.get(column, "text.primary")
        self.text(
            painter,
            area,
            str(index.data() or ""),
            font=theme.font("small", weight=500 if column is AuditColumn.SEEN else 400),
            color=color,
            align=Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft,
        )

    def _paint_bar(self, painter: QPainter, area: QRectF, row: AuditRow, index: Index) -> None:
        theme = self.look
        middle = round(area.center().x())
        line = QRectF(middle, round(area.center().y()) - theme.px(6), 1, theme.px(12))
        painter.fillRect(line, theme.color("border.strong"))
        model = index.model()
        if row.error is None or not isinstance(model, AuditTableModel):
            return
        width = abs(row.error) / model.full * (area.width() / 2 - 1)
        if width < 0.5:
            # What rounds to nothing is drawn as nothing.
            return
        height = theme.px(_BAR)
        over = row.error > 0
        bar = QRectF(middle + 1 if over else middle - width, round(area.center().y() - height / 2), width, height)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("memory.weights" if over else "memory.compute"))
        painter.drawRoundedRect(bar, 1, 1)
