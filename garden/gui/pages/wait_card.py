"""The card in a pane that has not begun to answer: what it waits for, and what it will need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from garden.core.quantity import format_tokens
from garden.gui.widgets.card import Card, Divider
from garden.gui.widgets.device_memory_view import DeviceMemoryView
from garden.gui.widgets.label import Label
from garden.gui.widgets.themed_widget import ThemedWidget
from garden.gui.widgets.verdict_label import VerdictLabel

if TYPE_CHECKING:
    from garden.gui.theme.theme import ThemeController
    from garden.gui.viewmodels.pane_state import PaneState, Step

_ROW = 24
_GLYPH = 12


class _Steps(ThemedWidget):
    """One line per step: a ring that fills while it is under way, what it is, a detail."""

    def __init__(self, theme: ThemeController, parent: QWidget) -> None:
        super().__init__(theme, parent)
        self._steps: tuple[Step, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_steps(self, steps: Sequence[Step]) -> None:
        """Show these."""
        if tuple(steps) == self._steps:
            return
        changed = len(steps) != len(self._steps)
        self._steps = tuple(steps)
        self.setAccessibleName(", ".join(_spoken(step) for step in steps))
        if changed:
            self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """One row per step."""
        return QSize(self.look.px(200), self.look.px(_ROW) * len(self._steps))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the rows."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme = self.look
        row, side = theme.px(_ROW), theme.px(_GLYPH)
        for number, step in enumerate(self._steps):
            top = number * row
            glyph = QRectF(0, top + (row - side) / 2, side, side)
            self._paint_glyph(painter, glyph, step)
            detail = f"{step.fraction:.0%}" if step.fraction is not None else step.detail
            painter.setFont(theme.font("body"))
            painter.setPen(theme.color("text.muted"))
            right = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)
            painter.drawText(QRectF(0, top, self.width(), row), right, detail)
            room = self.width() - theme.px(26) - painter.fontMetrics().horizontalAdvance(detail) - theme.px(8)
            painter.setFont(theme.font("body", weight=500 if step.under_way else 400))
            painter.setPen(theme.color("text.primary" if step.under_way else "text.secondary"))
            text = painter.fontMetrics().elidedText(step.text, Qt.TextElideMode.ElideRight, room)
            painter.drawText(QRectF(theme.px(26), top, room + 2, row), int(Qt.AlignmentFlag.AlignVCenter), text)

    def _paint_glyph(self, painter: QPainter, rect: QRectF, step: Step) -> None:
        theme = self.look
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if not step.under_way:
            painter.setPen(QPen(theme.color("text.muted"), 1.8))
            painter.drawEllipse(rect.center(), rect.width() * 0.37, rect.width() * 0.37)
            return
        color = theme.color("accent.base")
        painter.setPen(QPen(color, 1.3))
        painter.drawEllipse(rect.center(), rect.width() * 0.4, rect.width() * 0.4)
        pie = QPainterPath(QPointF(rect.center()))
        circle = rect.adjusted(1, 1, -1, -1)
        pie.arcTo(circle, 90, -360 * (step.fraction if step.fraction is not None else 0.5))
        pie.closeSubpath()
        painter.fillPath(pie, color)


def _spoken(step: Step) -> str:
    if step.fraction is not None:
        return f"{step.text}: {step.fraction:.0%}"
    return f"{step.text}, under way" if step.under_way else step.text


class WaitCard(QWidget):
    """Title, steps, planned peak with its verdict, memory of each device.

    Args:
        theme: Where colours come from.
        name: objectName.
        parent: Qt parent.
    """

    def __init__(self, theme: ThemeController, *, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        px = theme.theme.px
        card = Card(theme, "bg.sunken", self)
        card.column.setContentsMargins(px(14), px(12), px(14), px(14))
        self._title = Label(theme, style="strong", elide=Qt.TextElideMode.ElideRight)
        self._title.setObjectName(f"{name}.title")
        self._detail = Label(theme, style="body", weight=500)
        self._steps = _Steps(theme, card)
        self._line = Divider(theme, "border.default")
        self._planned = Label(theme, "Planned peak", style="small", color="text.secondary")
        self._verdict = VerdictLabel(theme, layers=True)
        self._memory = DeviceMemoryView(theme, 84, name=name)
        head = QHBoxLayout()
        head.addWidget(self._title)
        head.addStretch(1)
        head.addWidget(self._detail)
        card.column.addLayout(head)
        card.column.addSpacing(px(6))
        card.column.addWidget(self._steps)
        card.column.addSpacing(px(10))
        card.column.addWidget(self._line)
        card.column.addSpacing(px(10))
        peak = QHBoxLayout()
        peak.addWidget(self._planned)
        peak.addStretch(1)
        peak.addWidget(self._verdict)
        card.column.addLayout(peak)
        card.column.addSpacing(px(8))
        card.column.addWidget(self._memory)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(px(14), px(14), px(14), 0)
        outer.addWidget(card)

    def show_pane(self, pane: PaneState) -> None:
        """Show what a pane waits for."""
        title, detail = _head(pane)
        self._title.setText(title)
        self._detail.setText(detail)
        self._steps.set_steps(pane.steps)
        self._steps.setVisible(bool(pane.steps))
        forecast = pane.forecast
        known = forecast is not None and bool(forecast.devices)
        for widget in (self._line, self._planned, self._verdict, self._memory):
            widget.setVisible(known)
        if forecast is not None and known:
            self._verdict.set_forecast(forecast)
            self._memory.set_devices(forecast.devices)
        self.updateGeometry()


def _head(pane: PaneState) -> tuple[str, str]:
    """Title and what stands to its right."""
    match pane.state:
        case "loading":
            return "Loading the model", ""
        case "reading" | "answering":
            return "Reading the prompt", ""
        case "queued":
            # Each pane before it is one step of its own.
            before = sum(step.text[1:2] == " " and not step.text.endswith("unloaded") for step in pane.steps)
            relay = any(step.text.endswith("unloaded") for step in pane.steps)
            title = "Waiting" if before > 1 else "Next"
            return f"{title} in the relay" if relay else f"{title} in turn", f"after {before}" if before > 1 else ""
        case _:
            return "Ready to be asked", f"{format_tokens(pane.configuration.load.context_length)} context"
