"""Tabs of a side: a word, a count where there is one, a line in the accent below the current one."""

from __future__ import annotations

import math

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QTabBar, QWidget

from garden.gui.theme.theme import ThemeController

_GAP = 20
_HEIGHT = 36


class TabBar(QTabBar):
    """A bar of tabs across a page's side.

    Args:
        theme: Where colours come from.
        name: objectName.
        label: Accessible name.
        parent: Qt parent.
    """

    def __init__(self, theme: ThemeController, *, name: str, label: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = theme
        self._counts: dict[int, str] = {}
        self.setObjectName(name)
        self.setAccessibleName(label)
        self.setDrawBase(False)
        self.setExpanding(False)
        self.setUsesScrollButtons(False)
        self.setProperty("focusRadius", theme.theme.radius("badge"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._on_theme_changed)

    def set_count(self, tab: int, count: int | None) -> None:
        """Write a number behind a tab's word; None writes none."""
        self._counts[tab] = "" if count is None else str(count)
        self.setTabToolTip(tab, "")
        self.updateGeometry()
        self.update()
        # Sizes of tabs are remembered until a text changes.
        self.setTabText(tab, self.tabText(tab))

    def sizeHint(self) -> QSize:
        """As wide as there is room, as high as every bar."""
        return QSize(super().sizeHint().width(), self._controller.theme.px(_HEIGHT))

    def tabSizeHint(self, index: int) -> QSize:
        """Word, count and the gap around them."""
        theme = self._controller.theme
        width = QFontMetricsF(theme.font("strong")).horizontalAdvance(self.tabText(index))
        count = self._counts.get(index, "")
        if count:
            width += QFontMetricsF(theme.font("body")).horizontalAdvance(f" {count}")
        return QSize(math.ceil(width) + theme.px(_GAP), theme.px(_HEIGHT))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw words, counts and the line."""
        theme = self._controller.theme
        painter = QPainter(self)
        painter.fillRect(QRectF(0, self.height() - 1, self.width(), 1), theme.color("border.default"))
        for index in range(self.count()):
            rect = QRectF(self.tabRect(index))
            inner = rect.adjusted(0, 0, -theme.px(_GAP), 0)
            current = index == self.currentIndex()
            font = theme.font("strong") if current else theme.font("body", weight=500)
            painter.setFont(font)
            painter.setPen(theme.color("text.primary" if current else "text.secondary"))
            text = self.tabText(index)
            painter.drawText(inner.adjusted(0, 0, 4, -1), int(Qt.AlignmentFlag.AlignVCenter), text)
            count = self._counts.get(index, "")
            if count:
                left = inner.left() + QFontMetricsF(font).horizontalAdvance(f"{text} ")
                painter.setFont(theme.font("body"))
                painter.setPen(theme.color("text.muted"))
                area = QRectF(left, inner.top(), inner.width(), inner.height() - 1)
                painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter), count)
            if current:
                line = QRectF(inner.left(), rect.bottom() - 1, inner.width(), 2)
                painter.fillRect(line, theme.color("accent.base"))

    @Slot()
    def _on_theme_changed(self) -> None:
        self.updateGeometry()
        self.update()
