"""The foot of a pane: five figures in the same columns in every pane, so that they read as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.themed_widget import ThemedWidget, paint_edges
from garden.gui.widgets.tool_tip import plain_tool_tip

if TYPE_CHECKING:
    from garden.gui.viewmodels.pane_state import Figure

_LINE = 16
_ROW_GAP = 4

#: Shares of the width; the same in every pane. A speed with its unit is longer than a count of tokens.
_NARROW_SHARES = (1.08, 0.86, 0.92, 1.18, 0.96)
_SHARES = (1.12, 1.16, 0.78, 1.12, 0.9)

#: Below this width short names and values are shown.
_NARROW = 340

#: Below this one they stand in two rows: none is ever cut, and none left out.
_NARROWEST = 240
_FIRST_ROW = 3


class PaneFoot(ThemedWidget):
    """First token, decode, tokens, peak, finish.

    Args:
        theme: Where colours come from.
        name: objectName.
        parent: Qt parent.
    """

    def __init__(self, theme: ThemeController, *, name: str = "paneFoot", parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self._figures: tuple[Figure, ...] = ()
        self.setObjectName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def figures(self) -> tuple[Figure, ...]:
        """What is shown."""
        return self._figures

    def set_figures(self, figures: Sequence[Figure], told: str = "") -> None:
        """Show these; ``told`` says in sentences what they have no room for."""
        self.setToolTip(plain_tool_tip(told))
        self.setAccessibleDescription(told)
        if tuple(figures) != self._figures:
            self._figures = tuple(figures)
            self.setAccessibleName(", ".join(f"{figure.name}: {figure.value}" for figure in figures))
            self.update()

    def value(self, name: str) -> str:
        """What stands under a name, empty when it is not shown."""
        return next((figure.value for figure in self._figures if figure.name == name), "")

    def sizeHint(self) -> QSize:
        """As high in every pane of a width."""
        height = self.look.size("pane_metrics")
        return QSize(self.look.px(240), height + (self.look.px(2 * _LINE + _ROW_GAP) if self._two_rows else 0))

    def minimumSizeHint(self) -> QSize:
        """It takes any width."""
        return QSize(0, self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width may need another row."""
        super().resizeEvent(event)
        self.updateGeometry()

    @property
    def _two_rows(self) -> bool:
        return self.width() < self.look.px(_NARROWEST)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw names above values."""
        painter = QPainter(self)
        theme = self.look
        painter.fillRect(self.rect(), theme.color("bg.sunken"))
        paint_edges(painter, QRectF(self.rect()), "t", theme.color("border.default"))
        if not self._figures:
            return
        narrow = self.width() < theme.px(_NARROW)
        shares: tuple[float, ...] = _NARROW_SHARES if narrow else _SHARES
        if len(self._figures) != len(shares):
            shares = (1.0,) * len(self._figures)
        line = theme.px(_LINE)
        if not self._two_rows:
            top = round((self.height() + 1 - 2 * line) / 2)
            self._paint_row(painter, self._figures, shares, top, narrow=narrow)
            return
        gap = theme.px(_ROW_GAP)
        top = round((self.height() + 1 - 4 * line - gap) / 2)
        columns = (1.0,) * _FIRST_ROW
        self._paint_row(painter, self._figures[:_FIRST_ROW], columns, top, narrow=True)
        self._paint_row(painter, self._figures[_FIRST_ROW:], columns, top + 2 * line + gap, narrow=True)

    def _paint_row(
        self, painter: QPainter, figures: Sequence[Figure], shares: Sequence[float], top: int, *, narrow: bool
    ) -> None:
        theme = self.look
        margin, line = theme.px(14), theme.px(_LINE)
        unit = (self.width() - 2 * margin) / sum(shares)
        caption, value_font = theme.font("caption"), theme.font("small", weight=500)
        captions, values = QFontMetricsF(caption), QFontMetricsF(value_font)
        centre = int(Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine)
        left = float(margin)
        for share, figure in zip(shares, figures, strict=False):
            width = unit * share - theme.px(3)
            painter.setFont(caption)
            painter.setPen(theme.color("text.muted"))
            name = captions.elidedText(figure.short_name if narrow else figure.name, Qt.TextElideMode.ElideRight, width)
            painter.drawText(QRectF(left, top, width, line), centre, name)
            painter.setFont(value_font)
            painter.setPen(theme.color("text.primary" if figure.known else "text.muted"))
            told = figure.short_value if narrow else figure.value
            value = values.elidedText(told, Qt.TextElideMode.ElideRight, width + theme.px(3))
            painter.drawText(QRectF(left, top + line, width + theme.px(4), line), centre, value)
            left += unit * share
