"""The table of Welcome: what this machine can run, a line per size class."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from garden.core.fit_forecast import Verdict
from garden.gui.theme.theme import Theme, ThemeController
from garden.gui.viewmodels.welcome import ExampleRow
from garden.gui.viewmodels.wording import verdict_word
from garden.gui.widgets.card import Card
from garden.gui.widgets.label import Label
from garden.gui.widgets.themed_widget import ThemedWidget, paint_edges
from garden.gui.widgets.tool_tip import plain_tool_tip
from garden.gui.widgets.verdict_label import paint_verdict

#: Columns of the table: parameters, example (grows), verdict, speed where any is known; and the gap between them.
_COLUMNS = (88, None, 118)
_SPEED = 78
_GAP = 14
_PADDING = 16


def _cells(theme: Theme, width: int, height: int, *, speeds: bool) -> list[QRectF]:
    px = theme.px
    columns = (*_COLUMNS, _SPEED) if speeds else _COLUMNS
    fixed = sum(px(column) for column in columns if column is not None)
    room = width - 2 * px(_PADDING) - fixed - px(_GAP) * (len(columns) - 1)
    cells, left = [], float(px(_PADDING))
    for column in columns:
        span = float(room if column is None else px(column))
        cells.append(QRectF(left, 0, span, height))
        left += span + px(_GAP)
    return cells


def _speed(row: ExampleRow) -> str:
    """``≈ 12 tok/s``, forecast from what was measured on this machine; empty while nothing was."""
    told = row.forecast.decode_tokens_per_second
    if told is None or row.forecast.verdict is Verdict.TOO_LARGE:
        return ""
    return f"≈ {told:.0f} tok/s" if told >= 10 else f"≈ {told:.1f} tok/s"


class _ExampleHead(ThemedWidget):
    """Names of the columns."""

    def __init__(self, theme: ThemeController) -> None:
        super().__init__(theme)
        self.speeds = False
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
        cells = _cells(theme, self.width(), self.height(), speeds=self.speeds)
        for title, cell in zip(titles, cells, strict=False):
            side = Qt.AlignmentFlag.AlignRight if title == "Answer" else Qt.AlignmentFlag.AlignLeft
            painter.drawText(cell, int(Qt.AlignmentFlag.AlignVCenter | side), title)


class _ExampleLine(ThemedWidget):
    """One size class."""

    def __init__(self, theme: ThemeController) -> None:
        super().__init__(theme)
        self.row: ExampleRow | None = None
        self.last = False
        self.speeds = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_row(self, row: ExampleRow, *, last: bool, speeds: bool) -> None:
        """Show a size class, with its speed where the table has a column for it."""
        self.row, self.last, self.speeds = row, last, speeds
        word = verdict_word(row.forecast, layers=True)
        spoken = [f"{row.size_class}: {row.title}", word, row.note, _speed(row)]
        self.setAccessibleName(", ".join(filter(None, spoken)))
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
        cells = _cells(theme, self.width(), self.height() - 1, speeds=self.speeds)
        size, example, verdict = cells[: len(_COLUMNS)]
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
        if self.speeds:
            painter.setFont(theme.font("body", weight=500))
            painter.setPen(theme.color("text.primary"))
            painter.drawText(cells[-1], int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight), _speed(row))
        if not self.last:
            painter.fillRect(QRectF(0, self.height() - 1, self.width(), 1), theme.color("border.subtle"))


class _SpeedNote(QWidget):
    """Why no speeds are told yet."""

    def __init__(self, theme: ThemeController) -> None:
        super().__init__()
        px = theme.theme.px
        text = "How fast they answer is told once this machine was measured, or one of them has answered here."
        note = Label(theme, text, style="small", color="text.muted", wrap=True, max_width=700)
        note.setObjectName("welcome.noSpeeds")
        row = QHBoxLayout(self)
        row.setContentsMargins(px(_PADDING), px(9), px(_PADDING), px(9))
        row.addWidget(note, 1)


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
        self._titles = _ExampleHead(theme)
        self.column.addWidget(self._titles)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(0)
        self.column.addLayout(self._rows)
        self._speeds = _SpeedNote(theme)
        self.column.addWidget(self._speeds)
        self._lines: list[_ExampleLine] = []

    def show_rows(self, rows: Sequence[ExampleRow], basis: str) -> None:
        """Show size classes and what the forecast assumes."""
        self._basis.setText(basis)
        self._basis.updateGeometry()
        while len(self._lines) < len(rows):
            line = _ExampleLine(self._controller)
            self._lines.append(line)
            self._rows.addWidget(line)
        speeds = any(_speed(row) for row in rows)
        self._titles.speeds = speeds
        self._titles.update()
        self._speeds.setVisible(not speeds)
        for number, line in enumerate(self._lines):
            line.setVisible(number < len(rows))
            if number < len(rows):
                line.show_row(rows[number], last=speeds and number == len(rows) - 1, speeds=speeds)
