"""Cells of the table of machines."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter

from garden.gui.viewmodels.what_if import WhatIfRow
from garden.gui.viewmodels.what_if_table import WHAT_IF_ROLE, WhatIfColumn
from garden.gui.widgets.row_delegate import Index, RowDelegate
from garden.gui.widgets.verdict_label import paint_verdict

LEFT = 16
GAP = 10
_EYE = 16


class WhatIfDelegate(RowDelegate):
    """Draws one cell of a WhatIfRow."""

    def paint_content(self, painter: QPainter, rect: QRectF, index: Index, *, selected: bool) -> None:
        """Draw what the column says."""
        theme = self.look
        row: WhatIfRow | None = index.data(WHAT_IF_ROLE)
        if row is None:
            return
        words = str(index.data() or "")
        match WhatIfColumn(index.column()):
            case WhatIfColumn.MACHINE:
                area = rect.adjusted(theme.px(LEFT), 0, -theme.px(GAP), -1)
                if row.chosen and row.machine is not None:
                    side = theme.px(_EYE)
                    pixmap = theme.pixmap("check", "accent.base", _EYE, painter.device().devicePixelRatioF())
                    painter.drawPixmap(round(area.left()), round(area.center().y() - side / 2), pixmap)
                    area.adjust(side + theme.px(6), 0, 0, 0)
                own = row.machine is None
                font = theme.font("small", weight=500 if own or row.chosen else 400)
                self.text(painter, area, words, font=font, color="text.primary" if own else "text.secondary")
            case WhatIfColumn.VERDICT:
                paint_verdict(painter, theme, rect.adjusted(theme.px(GAP), 0, 0, -1), row.forecast, words)
            case WhatIfColumn.SPEED:
                area = rect.adjusted(theme.px(GAP), 0, -theme.px(LEFT), -1)
                self.text(
                    painter,
                    area,
                    words,
                    font=theme.font("small", weight=600),
                    color="text.primary",
                    align=Qt.AlignmentFlag.AlignRight,
                )
