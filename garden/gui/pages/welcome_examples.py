"""The table of Welcome: what this machine can run, a line per size class."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy

from garden.gui.theme.theme import Theme, ThemeController
from garden.gui.viewmodels.welcome import ExampleRow
from garden.gui.viewmodels.wording import verdict_word
from garden.gui.widgets.card import Card
from garden.gui.widgets.label import Label
from garden.gui.widgets.themed_widget import ThemedWidget, paint_edges
from garden.gui.widgets.tool_tip import plain_tool_tip
from garden.gui.widgets.verdict_label import paint_verdict

#: Columns of the table: parameters, example (grows), verdict, speed; and the gap between them.
_COLUMNS = (88, None, 118, 78)
_GAP = 14
_PADDING = 16


def _cells(theme: Theme, width: int, height: int) -> list[QRectF]:
    px = theme.px
    fixed = sum(px(column) for column in _COLUMNS if column is not None)
    room = width - 2 * px(_PADDING) - fixed - px(_GAP) * (len(_COLUMNS) - 1)
    cells, left = [], float(px(_PADDING))
    for column in _COLUMNS:
        span = float(room if column is None else px(column))
        cells.append(QRectF(left, 0, span, height))
        left += span + px(_GAP)
    return cells


class _ExampleHead(ThemedWidget):
    """Names of the columns."""

    def __init__(self, theme: ThemeController) -> None:
        super().__init__(theme)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """As high as every head of a table."""
        return QSize(self.look.px(300), self.look.size("table_header"))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw them."""
        theme = self.look
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.color("bg.sunken"))
        paint_edges(painter, QRectF(self.rect()), "tb", theme.color("border.default"))
        painter.setFont(theme.font("caption"))
        painter.setPen(theme.color("text.muted"))
        titles = ("Parameters", "For example", "Verdict", "Answer")
        for title, cell in zip(titles, _cells(theme, self.width(), self.height()), strict=True):
            side = Qt.AlignmentFlag.AlignRight if title == "Answer" else Qt.AlignmentFlag.AlignLeft
            painter.drawText(cell, int(Qt.AlignmentFlag.AlignVCenter | side), title)


class _ExampleLine(ThemedWidget):
    """One size class."""

    def __init__(self, theme: ThemeController) -> None:
        super().__init__(theme)
        self.row: ExampleRow | None = None
        self.last = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_row(self, row: ExampleRow, *, last: bool) -> None:
        """Show a size class."""
        self.row, self.last = row, last
        word = verdict_word(row.forecast, layers=True)
        self.setAccessibleName(f"{row.size_class}: {row.title}, {word}, {row.note}")
        self.setToolTip(plain_tool_tip(row.forecast.reason))
        self.update()

    def sizeHint(self) -> QSize:
        """Two lines and room."""
        return QSize(self.look.px(300), self.look.px(52))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw it."""
        row = self.row
        if row is None:
            return
        theme = self.look
        painter = QPainter(self)
        size, example, verdict, speed = _cells(theme, self.width(), self.height() - 1)
        middle = int(Qt.AlignmentFlag.AlignVCenter)
        painter.setFont(theme.font("strong"))
        painter.setPen(theme.color("text.primary"))
        painter.drawText(size.adjusted(0, 0, 6, 0), middle, row.size_class)
        top = round((self.height() - theme.px(34)) / 2)
        first = QRectF(example.left(), top, example.width(), theme.px(18))
        second = QRectF(example.left(), first.bottom(), example.width(), theme.px(16))
        for area, text, font, color in (
            (first, row.title, theme.font("body"), "text.primary"),
            (second, row.note, theme.font("small"), "text.muted"),
        ):
            painter.setFont(font)
            painter.setPen(theme.color(color))
            shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(area.width()))
            painter.drawText(area, middle, shown)
        paint_verdict(painter, theme, verdict, row.forecast, verdict_word(row.forecast, layers=True))
        told = row.forecast.decode_tokens_per_second
        painter.setFont(theme.font("body", weight=500))
        painter.setPen(theme.color("text.primary" if told is not None else "text.muted"))
        text = f"≈ {told:.0f} tok/s" if told is not None else "–"
        painter.drawText(speed, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight), text)
        if not self.last:
            painter.fillRect(QRectF(0, self.height() - 1, self.width(), 1), theme.color("border.subtle"))


class RunCard(Card):
    """What it can run: a line per size class."""

    def __init__(self, theme: ThemeController) -> None:
        super().__init__(theme)
        self.setObjectName("welcome.examples")
        px = theme.theme.px
        head = QHBoxLayout()
        head.setContentsMargins(px(_PADDING), px(11), px(_PADDING), px(11))
        head.addWidget(Label(theme, "What it can run", style="strong"))
        head.addStretch(1)
        self._basis = Label(theme, style="small", color="text.muted")
        head.addWidget(self._basis)
        self.column.addLayout(head)
        self.column.addWidget(_ExampleHead(theme))
        self._lines: list[_ExampleLine] = []

    def show_rows(self, rows: Sequence[ExampleRow], basis: str) -> None:
        """Show size classes and what the forecast assumes."""
        self._basis.setText(basis)
        self._basis.updateGeometry()
        while len(self._lines) < len(rows):
            line = _ExampleLine(self._controller)
            self._lines.append(line)
            self.column.addWidget(line)
        for number, line in enumerate(self._lines):
            line.setVisible(number < len(rows))
            if number < len(rows):
                line.show_row(rows[number], last=number == len(rows) - 1)
