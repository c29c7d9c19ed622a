"""The context slider: doublings of the context, filled in the colour of the KV cache that it moves."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractSlider, QSizePolicy, QWidget

from garden.core.quantity import format_tokens
from garden.gui.theme.theme import ThemeController

_STEP = 256
_KNOB = 14
_TRACK = 4
_HEIGHT = 28
_MARGIN = 14


class ContextSlider(QAbstractSlider):
    """Chooses a number of tokens on a logarithmic scale, in steps of 256.

    ``value`` counts tokens. Left and right move one step, page keys double and halve.

    Args:
        theme: Where colours come from.
        minimum: Fewest tokens.
        maximum: Most tokens, what the model was trained for.
        name: objectName.
        parent: Qt parent.
    """

    def __init__(
        self,
        theme: ThemeController,
        minimum: int = 2_048,
        maximum: int = 131_072,
        *,
        name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._controller = theme
        self.setObjectName(name)
        self.setAccessibleName("Context in tokens")
        self.setOrientation(Qt.Orientation.Horizontal)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setProperty("focusRadius", theme.theme.radius("badge"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._marks: tuple[tuple[int, str], ...] = ()
        self.set_span(minimum, maximum)
        theme.changed.connect(self.update)

    def set_span(self, minimum: int, maximum: int) -> None:
        """Choose between these; a model trained for less than the minimum gets a span that ends there."""
        low = max(_STEP, min(minimum, maximum // 2 or _STEP))
        self.setRange(low, max(maximum, low + _STEP))
        self.setSingleStep(max(_STEP, (self.maximum() - self.minimum()) // 160 // _STEP * _STEP))
        self.setPageStep(_STEP * 16)
        self.update()

    def set_marks(self, marks: Sequence[tuple[int, str]]) -> None:
        """Mark the largest contexts that something holds for: tokens, and what holds up to there."""
        marks = tuple(marks)
        if marks == self._marks:
            return
        self._marks = marks
        self.setToolTip("\n".join(f"{text} up to {tokens:,} tokens" for tokens, text in marks))
        self._describe()
        self.update()

    def _describe(self) -> None:
        told = [f"{self.value():,} tokens", *(f"{text} up to {tokens:,} tokens" for tokens, text in self._marks)]
        self.setAccessibleDescription("; ".join(told))

    def sizeHint(self) -> QSize:
        """Track and the numbers below."""
        theme = self._controller.theme
        return QSize(theme.px(236 + 2 * _MARGIN), theme.px(_HEIGHT))

    def minimumSizeHint(self) -> QSize:
        """Wide enough for the numbers."""
        theme = self._controller.theme
        return QSize(theme.px(160), theme.px(_HEIGHT))

    def position_of(self, tokens: int) -> float:
        """Where a number of tokens stands, pixels from the left."""
        left, width = self._span()
        low, high = math.log2(self.minimum()), math.log2(self.maximum())
        share = (math.log2(max(tokens, 1)) - low) / (high - low)
        return left + width * min(1.0, max(0.0, share))

    def tokens_at(self, position: float) -> int:
        """Number of tokens at a place, to the nearest step; a doubling nearby attracts."""
        left, width = self._span()
        low, high = math.log2(self.minimum()), math.log2(self.maximum())
        exponent = low + (high - low) * min(1.0, max(0.0, (position - left) / width))
        nearest = round(exponent)
        if abs(self.position_of(2**nearest) - position) <= 4 and self.minimum() <= 2**nearest <= self.maximum():
            return int(2**nearest)
        if position >= left + width - 2:
            return self.maximum()
        return max(self.minimum(), min(self.maximum(), round(2**exponent / _STEP) * _STEP))

    def ticks(self) -> list[int]:
        """The doublings, and the end."""
        first = math.ceil(math.log2(self.minimum()))
        last = math.floor(math.log2(self.maximum()))
        ticks = [2**exponent for exponent in range(first, last + 1)]
        if ticks and ticks[-1] != self.maximum():
            ticks.append(self.maximum())
        return ticks

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold of the knob, wherever the track is pressed."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self.setValue(self.tokens_at(event.position().x()))
            event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag the knob."""
        if self.isSliderDown():
            self.setValue(self.tokens_at(event.position().x()))
            event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go of the knob."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(False)
            event.accept()

    def sliderChange(self, change: QAbstractSlider.SliderChange) -> None:
        """Draw the new value."""
        self._describe()
        self.update()
        super().sliderChange(change)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw track, numbers and knob."""
        theme = self._controller.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        left, width = self._span()
        centre = theme.px(7)
        height = theme.px(_TRACK)
        track = QRectF(left, centre - height / 2, width, height)
        painter.setPen(QPen(theme.color("border.default"), 1))
        painter.setBrush(theme.color("memory.free"))
        painter.drawRoundedRect(track.adjusted(0.5, 0.5, -0.5, -0.5), 2, 2)
        knob = self.position_of(self.value())
        painter.setPen(Qt.PenStyle.NoPen)
        fill = theme.color("memory.kv" if self.isEnabled() else "memory.used")
        painter.setBrush(fill)
        painter.drawRoundedRect(QRectF(left, track.top(), knob - left, height), 2, 2)
        self._paint_ticks(painter)
        for tokens, _text in self._marks:
            if self.minimum() <= tokens < self.maximum():
                mark = QRectF(round(self.position_of(tokens)) - 0.75, centre - height, 1.5, 2 * height)
                painter.fillRect(mark, theme.color("memory.limit"))
        side = theme.px(_KNOB)
        painter.setBrush(theme.color("bg.raised"))
        painter.setPen(QPen(fill, 2))
        painter.drawEllipse(QPointF(knob, centre), side / 2 - 1, side / 2 - 1)

    def _paint_ticks(self, painter: QPainter) -> None:
        theme = self._controller.theme
        plain, strong = theme.font("caption", weight=400), theme.font("caption", weight=600)
        # The current value and the ends are named first; a number without room is left out, its tick is not.
        ticks = self.ticks()
        order = sorted(ticks, key=lambda tick: (tick != self.value(), tick not in (ticks[0], ticks[-1]), -tick))
        taken: list[tuple[float, float]] = []
        named: set[int] = set()
        for tick in order:
            width = QFontMetricsF(strong).horizontalAdvance(format_tokens(tick))
            start = self.position_of(tick) - width / 2
            if all(start > end + 6 or start + width < begin - 6 for begin, end in taken):
                taken.append((start, start + width))
                named.add(tick)
        for tick in ticks:
            position = round(self.position_of(tick))
            painter.fillRect(QRectF(position, theme.px(11), 1, theme.px(4)), theme.color("border.strong"))
            if tick not in named:
                continue
            current = tick == self.value()
            painter.setFont(strong if current else plain)
            painter.setPen(theme.color("text.primary" if current else "text.muted"))
            area = QRectF(position - 30, theme.px(15), 60, theme.px(14))
            painter.drawText(area, int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop), format_tokens(tick))

    def _span(self) -> tuple[float, float]:
        """Left end and width of the track."""
        margin = self._controller.theme.px(_MARGIN)
        return margin, max(1.0, self.width() - 2.0 * margin)
