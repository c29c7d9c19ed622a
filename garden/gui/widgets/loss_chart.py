"""Loss against size: what each type costs, measured here or published, and where memory sets limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from garden.core.quantity import GIB, MIB, format_bytes
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.loss_points import LossPoint, SizeBand, best_at_size
from garden.gui.viewmodels.quant_source import chart_range
from garden.gui.widgets.themed_widget import ThemedWidget
from garden.quantization.published import REFERENCE_MODEL

_LEFT = 44
_TOP = 18
_RIGHT = 6
_BOTTOM = 34
_LEAST = 100
_RADIUS = 4.5
_RING = 8.5
#: Width of a mark in the legend.
_MARK = 22
_PUBLISHED = f"{REFERENCE_MODEL}, published"


@dataclass(frozen=True, slots=True)
class _Item:
    """One entry of the legend; without a colour it has no mark."""

    title: str
    color: str | None
    filled: bool
    dashed: bool


def _line_pen(color: QColor, *, dashed: bool) -> QPen:
    pen = QPen(color, 1.5)
    if dashed:
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        pen.setDashPattern([3, 3])
    return pen


def nice_ticks(low: float, high: float, most: int = 11) -> list[float]:
    """Round numbers between two ends: steps of 1, 2, 2.5 or 5 times a power of ten, at most ``most`` of them."""
    if high <= low:
        return [low]
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    for factor in (1, 2, 2.5, 5, 10, 20, 25, 50, 100):
        if (high - low) / (step * factor) <= most:
            step *= factor
            break
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


class LossChart(ThemedWidget):
    """Sizes along the bottom, losses on a logarithmic axis.

    What was measured here is filled and in colour, its best joined by a line; what was published for another model is
    hollow and muted, its best joined by dashes.
    """

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self._points: tuple[LossPoint, ...] = ()
        self._bands: tuple[SizeBand, ...] = ()
        self._context = ""
        self._silence = ""
        self.setObjectName("workshop.chart")
        self.setAccessibleName("Loss against size")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_points(
        self, points: Sequence[LossPoint], bands: Sequence[SizeBand], context: str, silence: str = ""
    ) -> None:
        """Draw these.

        Args:
            points: Types whose size and loss are known.
            bands: Ranges of sizes that run in the same way.
            context: Of the forecasts behind the bands, e.g. ``16k``.
            silence: What is said where there are no points.
        """
        shown = (tuple(points), tuple(bands), context, silence)
        if shown == (self._points, self._bands, self._context, self._silence):
            return
        self._points, self._bands, self._context, self._silence = shown
        spoken = [
            f"{point.label}: {format_bytes(point.size_bytes)}, KLD {point.loss:.4g}, "
            f"{'measured here' if point.measured else _PUBLISHED}"
            for point in self._points
        ]
        self.setAccessibleDescription("; ".join(spoken) or silence)
        self.update()

    def sizeHint(self) -> QSize:
        """Takes the room it gets."""
        return QSize(self.look.px(500), self.look.px(220))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw axes, bands, the best at each size, points and their names."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.height() < self.look.px(_LEAST):
            return
        if not self._points:
            painter.setFont(self.look.font("small"))
            painter.setPen(self.look.color("text.muted"))
            centred = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
            painter.drawText(self.rect(), centred, self._silence)
            return
        px = self.look.px
        area = QRectF(px(_LEFT), px(_TOP), self.width() - px(_LEFT + _RIGHT), self.height() - px(_TOP + _BOTTOM))
        low, high = chart_range(
            min(point.size_bytes for point in self._points), max(point.size_bytes for point in self._points)
        )
        losses = [math.log10(point.loss) for point in self._points]
        bottom, top = min(losses) - 0.12, max(losses) + 0.25
        if top - bottom < 0.8:
            bottom, top = bottom - 0.4, top + 0.4

        def place(point: LossPoint) -> QPointF:
            across = (point.size_bytes - low) / (high - low)
            up = (math.log10(point.loss) - bottom) / (top - bottom)
            return QPointF(area.left() + across * area.width(), area.bottom() - up * area.height())

        self._paint_bands(painter, area, low, high)
        self._paint_losses(painter, area, bottom, top)
        self._paint_sizes(painter, area, low, high)
        # What was measured here is drawn last, over what was published.
        for measured, color in ((False, "text.muted"), (True, "accent.base")):
            self._paint_series(painter, measured, self.look.color(color), place)
        self._paint_names(painter, area, [(point, place(point)) for point in self._points])

    def _paint_series(
        self, painter: QPainter, measured: bool, color: QColor, place: Callable[[LossPoint], QPointF]
    ) -> None:
        faint = QColor(color)
        faint.setAlphaF(0.55)
        painter.setPen(_line_pen(faint, dashed=not measured))
        painter.drawPolyline(QPolygonF([place(point) for point in best_at_size(self._points, measured=measured)]))
        painter.setPen(QPen(color, 1.5))
        for point in self._points:
            if point.measured != measured:
                continue
            centre = place(point)
            painter.setBrush(color if measured else self.look.color("bg.surface"))
            painter.drawEllipse(centre, _RADIUS, _RADIUS)
            if point.marked:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawEllipse(centre, _RING, _RING)

    def _paint_bands(self, painter: QPainter, area: QRectF, low: float, high: float) -> None:
        """Tint what runs otherwise than the smallest; a line where it begins."""
        theme = self.look
        within = [band for band in self._bands if band.high_bytes > low and band.low_bytes < high]
        for number, band in enumerate(within):
            left = area.left() + (band.low_bytes - low) / (high - low) * area.width()
            right = min(area.right(), area.left() + (band.high_bytes - low) / (high - low) * area.width())
            if number == 0:
                continue
            tint = theme.color(f"verdict.{band.token}.bg")
            tint.setAlphaF(0.7)
            painter.fillRect(QRectF(left, area.top(), right - left, area.height()), tint)
            painter.fillRect(QRectF(left, area.top(), 1.5, area.height()), theme.color("memory.limit"))
            painter.setFont(theme.font("caption", weight=600))
            metrics = QFontMetricsF(painter.font())
            if right - left > metrics.horizontalAdvance(band.title) + 16:
                painter.setPen(theme.color(f"verdict.{band.token}.fg"))
                painter.drawText(QPointF(left + theme.px(8), area.top() + theme.px(12)), band.title)
            told = f"Limit at {self._context}, {format_bytes(band.low_bytes)}"
            painter.setFont(theme.font("caption", weight=400))
            width = QFontMetricsF(painter.font()).horizontalAdvance(told)
            if number == 1 and left - area.left() > width + 16:
                painter.setPen(theme.color("text.secondary"))
                painter.drawText(QPointF(left - theme.px(8) - width, area.top() + theme.px(12)), told)

    def _paint_losses(self, painter: QPainter, area: QRectF, bottom: float, top: float) -> None:
        theme = self.look
        font = theme.font("caption", weight=400)
        painter.setFont(font)
        painter.setPen(theme.color("text.muted"))
        painter.drawText(QPointF(theme.px(4), theme.px(12)), "KLD")
        decades = [10.0**exponent for exponent in range(math.ceil(bottom), math.floor(top) + 1)]
        if len(decades) < 2:
            decades = [
                factor * 10.0**exponent
                for exponent in range(math.floor(bottom), math.ceil(top) + 1)
                for factor in (1, 2, 5)
                if bottom <= math.log10(factor * 10.0**exponent) <= top
            ]
        for loss in decades:
            y = area.bottom() - (math.log10(loss) - bottom) / (top - bottom) * area.height()
            painter.fillRect(QRectF(area.left(), round(y), area.width(), 1), theme.color("border.subtle"))
            label = QRectF(0, y - 8, area.left() - theme.px(8), 16)
            painter.setPen(theme.color("text.muted"))
            painter.drawText(label, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), f"{loss:g}")

    def _paint_sizes(self, painter: QPainter, area: QRectF, low: float, high: float) -> None:
        theme = self.look
        unit, factor = ("GiB", GIB) if high >= GIB else ("MiB", MIB)
        painter.setFont(theme.font("caption", weight=400))
        base = round(area.bottom())
        painter.fillRect(QRectF(area.left(), base, area.width(), 1), theme.color("border.strong"))
        for tick in nice_ticks(low / factor, high / factor):
            x = area.left() + (tick * factor - low) / (high - low) * area.width()
            painter.fillRect(QRectF(round(x), base, 1, 4), theme.color("border.strong"))
            painter.setPen(theme.color("text.muted"))
            area_of_text = QRectF(x - 30, base + theme.px(5), 60, theme.px(14))
            painter.drawText(area_of_text, int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop), f"{tick:g}")
        label = QRectF(area.right() - 80, base + theme.px(19), 80, theme.px(14))
        painter.drawText(label, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop), f"Size, {unit}")

    def _paint_names(self, painter: QPainter, area: QRectF, places: Sequence[tuple[LossPoint, QPointF]]) -> None:
        """Name each point beside it, where no other name or point stands."""
        theme = self.look
        font = theme.font("code", size=11, weight=500)
        painter.setFont(font)
        metrics = QFontMetricsF(font)
        ground = theme.color("bg.surface")
        ground.setAlphaF(0.8)
        named: set[str] = set()
        taken = [QRectF(at.x() - 6, at.y() - 6, 12, 12) for _point, at in places]
        for point, at in places:
            width, height = metrics.horizontalAdvance(point.label), 12.0
            gap = (_RING if point.marked else _RADIUS) + 4
            options = (
                QRectF(at.x() + gap, at.y() - height, width, height),
                QRectF(at.x() + gap, at.y() - height / 2, width, height),
                QRectF(at.x() - gap - width, at.y() - height / 2, width, height),
                QRectF(at.x() - width / 2, at.y() - gap - height, width, height),
                QRectF(at.x() - width / 2, at.y() + gap, width, height),
            )
            free = [
                option
                for option in options
                if area.adjusted(0, -14, 4, 0).contains(option) and not any(option.intersects(other) for other in taken)
            ]
            if not free and point.label in named:
                continue  # its name stands at what was measured
            chosen = free[0] if free else options[0]
            taken.append(chosen)
            named.add(point.label)
            # A line that runs under a name recedes.
            painter.fillRect(chosen.adjusted(-1, 0, 1, 0), ground)
            painter.setPen(theme.color("text.primary" if point.measured else "text.muted"))
            painter.drawText(chosen, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextDontClip), point.label)


class LossLegend(ThemedWidget):
    """What the marks of the chart mean: only what it shows."""

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self._items: tuple[_Item, ...] = ()
        self.setObjectName("workshop.legend")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_series(self, *, measured: bool, published: bool) -> None:
        """Explain these series.

        Args:
            measured: What was measured here is drawn.
            published: What was published is drawn.
        """
        items: list[_Item] = []
        if measured:
            items.append(_Item("Measured here", "accent.base", filled=True, dashed=False))
        if published:
            items.append(_Item(_PUBLISHED, "text.muted", filled=False, dashed=True))
        if items:
            items.append(_Item("Line: best at its size", None, filled=False, dashed=False))
        if tuple(items) == self._items:
            return
        self._items = tuple(items)
        self.setAccessibleName(", ".join(item.title for item in items))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Marks and titles."""
        metrics = QFontMetricsF(self.look.font("caption", weight=400))
        width = sum(metrics.horizontalAdvance(item.title) + self._room(item) for item in self._items)
        return QSize(math.ceil(width) + self.look.px(12) * max(0, len(self._items) - 1) + 2, self.look.px(16))

    def _room(self, item: _Item) -> int:
        return self.look.px(_MARK + 5) if item.color else 0

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw each mark on a piece of its line, then its title."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme = self.look
        font = theme.font("caption", weight=400)
        metrics = QFontMetricsF(font)
        middle = self.height() / 2
        left = 0.0
        for item in self._items:
            if item.color is not None:
                color = theme.color(item.color)
                end = left + theme.px(_MARK)
                painter.setPen(_line_pen(color, dashed=item.dashed))
                painter.drawLine(QPointF(left, middle), QPointF(end, middle))
                painter.setPen(QPen(color, 1.5))
                painter.setBrush(color if item.filled else theme.color("bg.surface"))
                painter.drawEllipse(QPointF((left + end) / 2, middle), theme.px(3.25), theme.px(3.25))
            left += self._room(item)
            painter.setPen(theme.color("text.secondary"))
            painter.setFont(font)
            width = metrics.horizontalAdvance(item.title)
            painter.drawText(QRectF(left, 0, width + 2, self.height()), int(Qt.AlignmentFlag.AlignVCenter), item.title)
            left += width + theme.px(12)
