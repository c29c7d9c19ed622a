"""A switch for what takes effect at once, and a check box for what is chosen for later."""

from __future__ import annotations

import math

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QCheckBox, QSizePolicy, QWidget

from garden.gui.theme.theme import Theme, ThemeController


class Switch(QCheckBox):
    """On or off, with or without a text.

    Args:
        theme: Where colours come from.
        text: Written to the right; empty for a switch in a row that names it.
        name: objectName.
        label: Accessible name where the text is empty.
        parent: Qt parent.
    """

    def __init__(
        self,
        theme: ThemeController,
        text: str = "",
        *,
        name: str = "",
        label: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        self._controller = theme
        self.setObjectName(name)
        self.setAccessibleName(text or label)
        self.setProperty("focusRadius", 8.0)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._on_theme_changed)

    def sizeHint(self) -> QSize:
        """Track, gap and text."""
        theme = self._controller.theme
        width = theme.px(26)
        if self.text():
            metrics = QFontMetricsF(theme.font("body", size=12.5, weight=500))
            width += theme.px(7) + math.ceil(metrics.horizontalAdvance(self.text()))
        return QSize(width, theme.px(20 if self.text() else 16))

    def minimumSizeHint(self) -> QSize:
        """Never narrower than its text."""
        return self.sizeHint()

    def hitButton(self, position: QPoint) -> bool:
        """All of it can be pressed."""
        return self.rect().contains(position)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw track, knob and text."""
        theme = self._controller.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        height = theme.px(16)
        track = QRectF(0, (self.height() - height) / 2, theme.px(26), height)
        painter.setPen(Qt.PenStyle.NoPen)
        if not self.isEnabled():
            painter.setPen(QPen(theme.color("border.control"), 1, Qt.PenStyle.DashLine))
            track = track.adjusted(0.5, 0.5, -0.5, -0.5)
        else:
            painter.setBrush(theme.color("accent.base" if self.isChecked() else "border.control"))
        painter.drawRoundedRect(track, track.height() / 2, track.height() / 2)
        knob = theme.px(12)
        left = theme.px(12) if self.isChecked() else theme.px(2)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("bg.surface" if self.isEnabled() else "border.control"))
        painter.drawEllipse(QRectF(track.left() + left, track.center().y() - knob / 2, knob, knob))
        if self.text():
            color = "text.primary" if self.isChecked() else "text.secondary"
            painter.setPen(theme.color(color if self.isEnabled() else "text.disabled"))
            painter.setFont(theme.font("body", size=12.5, weight=500))
            area = QRectF(self.rect()).adjusted(theme.px(26) + theme.px(7), 0, 2, 0)
            painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter), self.text())

    @Slot()
    def _on_theme_changed(self) -> None:
        self.updateGeometry()
        self.update()


def paint_check_box(painter: QPainter, theme: Theme, rect: QRectF, *, checked: bool, enabled: bool = True) -> None:
    """Draw a check box of 15 pixels; used by rows that are painted as a whole."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    frame = rect.adjusted(0.5, 0.5, -0.5, -0.5)
    if checked and enabled:
        painter.setBrush(theme.color("accent.base"))
        painter.setPen(QPen(theme.color("accent.base"), 1))
    else:
        painter.setBrush(theme.color("bg.field") if enabled else Qt.BrushStyle.NoBrush)
        pen = QPen(theme.color("border.control"), 1)
        if not enabled:
            pen.setDashPattern([2, 2])
        painter.setPen(pen)
    painter.drawRoundedRect(frame, 3, 3)
    if checked:
        mark = rect.adjusted(1.5, 1.5, -1.5, -1.5)
        color = theme.color("text.on_accent" if enabled else "text.disabled")
        theme.icons.paint(painter, "check", mark, color, stroke=2.2)
    painter.restore()


class CheckBox(QCheckBox):
    """A check box with a text.

    Args:
        theme: Where colours come from.
        text: Written to the right.
        name: objectName.
        parent: Qt parent.
    """

    def __init__(self, theme: ThemeController, text: str, *, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self._controller = theme
        self.setObjectName(name)
        self.setAccessibleName(text)
        self.setProperty("focusRadius", 3.0)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._on_theme_changed)

    def sizeHint(self) -> QSize:
        """Box, gap and text."""
        theme = self._controller.theme
        width = QFontMetricsF(theme.font("small")).horizontalAdvance(self.text())
        return QSize(theme.px(15) + theme.px(6) + math.ceil(width) + 2, theme.px(20))

    def minimumSizeHint(self) -> QSize:
        """Never narrower than its text."""
        return self.sizeHint()

    def hitButton(self, position: QPoint) -> bool:
        """All of it can be pressed."""
        return self.rect().contains(position)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw box and text."""
        theme = self._controller.theme
        painter = QPainter(self)
        side = theme.px(15)
        box = QRectF(0, round((self.height() - side) / 2), side, side)
        paint_check_box(painter, theme, box, checked=self.isChecked(), enabled=self.isEnabled())
        painter.setFont(theme.font("small"))
        painter.setPen(theme.color("text.secondary" if self.isEnabled() else "text.disabled"))
        area = QRectF(self.rect()).adjusted(side + theme.px(6), 0, 2, 0)
        painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter), self.text())

    @Slot()
    def _on_theme_changed(self) -> None:
        self.updateGeometry()
        self.update()
