"""The chart of what a machine can run: areas of parameters against context, models as dots, a line to read it at."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from garden.core.quantity import format_tokens
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.themed_widget import ThemedWidget

_LEFT, _TOP, _RIGHT, _BOTTOM = 40, 6, 2, 36
_DOT = 4
_BILLION = 1e9
#: The axis reaches at least this high, and this far above the highest boundary.
_HIGHEST_AT_LEAST, _HEADROOM = 16e9, 1.5
#: No model is smaller than this; smaller boundaries leave the chart at its foot.
_LOWEST = 62.5e6
#: Where a boundary is drawn that no model reaches.
_NONE = 20e6


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartArea:
    """One area, from the boundary of the area below it up to its own.

    Attributes:
        title: What it means.
        token: Prefix of its colours, e.g. ``verdict.gpu``.
        upper: Its upper boundary at each context, None for the area on top.
    """

    title: str
    token: str
    upper: tuple[float, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartDot:
    """One model.

    Attributes:
        title: Its name.
        x: Context, tokens.
        y: Parameters.
    """

    title: str
    x: int
    y: float


class RunChart(ThemedWidget):
    """Both axes are logarithmic; arrow keys and the mouse move the line at which the chart is read.

    Args:
        theme: Where colours come from.
        name: objectName.
        label: Accessible name.
        parent: Qt parent.

    Signals:
        marker_moved: The user reads the chart at another context, tokens.
    """

    marker_moved = Signal(int)

    def __init__(self, theme: ThemeController, *, name: str, label: str, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self._xs: tuple[int, ...] = (2_048, 131_072)
        self._areas: tuple[ChartArea, ...] = ()
        self._dots: tuple[ChartDot, ...] = ()
        self._marker = 16_384
        self._notice = ""
        self._reading = ""
        self.setObjectName(name)
        self.setAccessibleName(label)
        self.setProperty("focusRadius", theme.theme.radius("badge"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    @property
    def marker(self) -> int:
        """The context at which the chart is read."""
        return self._marker

    @property
    def areas(self) -> tuple[ChartArea, ...]:
        """From the bottom to the top."""
        return self._areas

    def show_areas(self, xs: Sequence[int], areas: Sequence[ChartArea]) -> None:
        """Draw these areas, the lowest first; every boundary has one value per context."""
        self._xs, self._areas = tuple(xs), tuple(areas)
        self.update()

    def show_dots(self, dots: Sequence[ChartDot]) -> None:
        """Draw these models."""
        self._dots = tuple(dots)
        self.update()

    def show_notice(self, notice: str) -> None:
        """Say why there are no areas yet; empty for nothing."""
        if notice != self._notice:
            self._notice = notice
            self.update()

    def show_reading(self, reading: str) -> None:
        """Write below the chart what it says at the line; a screen reader says it too."""
        if reading != self._reading:
            self._reading = reading
            self.setAccessibleDescription(reading)
            self.update()

    def set_marker(self, context_length: int) -> None:
        """Read the chart here, without telling anyone."""
        self._marker = min(max(context_length, self._xs[0]), self._xs[-1])
        self.update()

    def sizeHint(self) -> QSize:
        """As in a card of usual width."""
        return QSize(self.look.px(610), self.look.px(452))

    def minimumSizeHint(self) -> QSize:
        """Room for the words of three areas."""
        return QSize(self.look.px(300), self.look.px(320))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Read the chart where the pointer is."""
        plot = self._plot()
        if event.button() is Qt.MouseButton.LeftButton and plot.left() - 8 <= event.position().x() <= plot.right() + 8:
            share = (event.position().x() - plot.left()) / plot.width()
            low, high = math.log2(self._xs[0]), math.log2(self._xs[-1])
            self._move_marker(2 ** (low + (high - low) * share))
        super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the line by half an octave, or to either end."""
        step = {Qt.Key.Key_Left: -0.5, Qt.Key.Key_Right: 0.5}.get(Qt.Key(event.key()))
        if step is not None:
            self._move_marker(self._marker * 2**step)
        elif event.key() in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self._move_marker(self._xs[0 if event.key() == Qt.Key.Key_Home else -1])
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Name the model under the pointer, which may have had no room for its name."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            near = [dot for dot in self._dots if (self._at(dot) - QPointF(event.pos())).manhattanLength() < 12]
            if near:
                QToolTip.showText(event.globalPos(), "\n".join(dot.title for dot in near), self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw areas, grid, scales, the line and the models."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        plot = self._plot()
        boundaries = self._paint_areas(painter, plot)
        self._paint_scales(painter, plot)
        if not self._areas:
            painter.setPen(self.look.color("text.muted"))
            painter.setFont(self.look.font("small"))
            painter.drawText(plot, int(Qt.AlignmentFlag.AlignCenter), self._notice)
            return
        taken = self._paint_titles(painter, plot, boundaries)
        self._paint_dots(painter, plot, taken, boundaries)

    # Where things are

    def _plot(self) -> QRectF:
        px = self.look.px
        return QRectF(self.rect()).adjusted(px(_LEFT), px(_TOP), -px(_RIGHT), -px(_BOTTOM))

    def _range(self) -> tuple[float, float]:
        """Lowest and highest parameters, powers of two of a billion, with room for every dot."""
        highest = max((value for area in self._areas for value in area.upper or ()), default=0.0)
        dots = [dot.y for dot in self._dots]
        high = max([_HIGHEST_AT_LEAST, highest * _HEADROOM, *(dot * 1.2 for dot in dots)])
        low = max(_LOWEST, min([_BILLION, *(dot / 1.05 for dot in dots)]))
        return (2 ** math.floor(math.log2(low / _BILLION)) * _BILLION, high)

    def _x(self, context_length: float, plot: QRectF) -> float:
        low, high = math.log2(self._xs[0]), math.log2(self._xs[-1])
        return plot.left() + plot.width() * (math.log2(context_length) - low) / (high - low)

    def _y(self, parameters: float, plot: QRectF) -> float:
        """Where a size stands; what is smaller than every model stands below the chart."""
        low, high = (math.log2(value) for value in self._range())
        return plot.bottom() - plot.height() * (math.log2(max(parameters, _NONE)) - low) / (high - low)

    def _at(self, dot: ChartDot) -> QPointF:
        plot = self._plot()
        return QPointF(self._x(dot.x, plot), self._y(dot.y, plot))

    def _move_marker(self, context_length: float) -> None:
        nearest = min(self._xs, key=lambda x: abs(math.log2(x / context_length)))
        if nearest != self._marker:
            self._marker = nearest
            self.update()
            self.marker_moved.emit(nearest)

    # Drawing

    def _paint_areas(self, painter: QPainter, plot: QRectF) -> list[list[QPointF]]:
        """Fill from the top down, then draw the lines over the fills.

        Returns:
            Points of each area's upper boundary.
        """
        boundaries = [self._boundary(area, plot) for area in self._areas]
        painter.save()
        painter.setClipRect(plot)
        painter.setPen(Qt.PenStyle.NoPen)
        for area, upper in reversed(list(zip(self._areas, boundaries, strict=True))):
            shape = QPainterPath(_smooth(upper))
            shape.lineTo(QPointF(plot.right(), plot.bottom() + 1))
            shape.lineTo(QPointF(plot.left(), plot.bottom() + 1))
            color = QColor(self.look.color(f"{area.token}.bg"))
            if area.upper is None:
                color.setAlphaF(0.75)
            else:
                # Fills must not shine through each other.
                painter.fillPath(shape, self.look.color("bg.surface"))
            painter.fillPath(shape, color)
        for number, (area, upper) in enumerate(zip(self._areas, boundaries, strict=True)):
            if area.upper is None:
                continue
            # The lowest area owns its line; the line below the top area is the top area's: it warns.
            above = self._areas[number + 1] if number + 1 < len(self._areas) else area
            token = above.token if above.upper is None else area.token
            painter.strokePath(_smooth(upper), QPen(self.look.color(f"{token}.fg"), 1.5))
        painter.restore()
        return boundaries

    def _boundary(self, area: ChartArea, plot: QRectF) -> list[QPointF]:
        if area.upper is None:
            return [plot.topLeft(), plot.topRight()]
        return [
            QPointF(self._x(context, plot), self._y(value, plot))
            for context, value in zip(self._xs, area.upper, strict=True)
        ]

    def _paint_scales(self, painter: QPainter, plot: QRectF) -> None:
        theme = self.look
        painter.setFont(theme.font("caption", weight=400))
        metrics = QFontMetricsF(painter.font())
        grid = QColor(theme.color("text.primary"))
        grid.setAlphaF(0.06)
        low, high = self._range()
        value = low
        while value <= high:
            y = round(self._y(value, plot)) + 0.5
            painter.setPen(QPen(grid, 1))
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            painter.setPen(theme.color("text.muted"))
            area = QRectF(0, y - 8, plot.left() - theme.px(8), 16)
            painter.drawText(area, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), _size(value))
            value *= 2
        top = plot.bottom() + theme.px(6)
        painter.setPen(theme.color("text.muted"))
        contexts = [self._xs[0] * 2**octave for octave in range(32) if self._xs[0] * 2**octave <= self._xs[-1]]
        for context in contexts:
            text = format_tokens(context)
            width = metrics.horizontalAdvance(text)
            left = min(max(self._x(context, plot) - width / 2, plot.left()), plot.right() - width)
            painter.drawText(QPointF(left, top + metrics.ascent()), text)
        words = "Context, tokens"
        second = QRectF(plot.left(), top + theme.px(15), plot.width(), theme.px(16))
        painter.drawText(second, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), words)
        room = second.width() - metrics.horizontalAdvance(words) - theme.px(16)
        painter.setPen(theme.color("text.secondary"))
        reading = metrics.elidedText(self._reading, Qt.TextElideMode.ElideRight, room)
        painter.drawText(second, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), reading)

    def _paint_titles(self, painter: QPainter, plot: QRectF, boundaries: Sequence[Sequence[QPointF]]) -> list[QRectF]:
        """Write what each area means at its left edge, where it is highest.

        Returns:
            Where words stand now.
        """
        theme = self.look
        painter.setFont(theme.font("small", weight=600))
        metrics = QFontMetricsF(painter.font())
        taken: list[QRectF] = []
        below = plot.bottom()
        for area, upper in zip(self._areas, boundaries, strict=True):
            top = min(upper[0].y(), plot.bottom())
            height = metrics.height()
            if below - top >= height + 4:
                rect = QRectF(
                    plot.left() + theme.px(14),
                    (top + below - height) / 2,
                    metrics.horizontalAdvance(area.title),
                    height,
                )
                painter.setPen(theme.color(f"{area.token}.fg"))
                painter.drawText(rect.topLeft() + QPointF(0, metrics.ascent()), area.title)
                taken.append(rect)
            below = top
        return taken

    def _paint_dots(
        self, painter: QPainter, plot: QRectF, taken: list[QRectF], boundaries: Sequence[Sequence[QPointF]]
    ) -> None:
        theme = self.look
        line = QColor(theme.color("text.primary"))
        line.setAlphaF(0.5)
        pen = QPen(line, 1)
        pen.setDashPattern([3, 3])
        painter.setPen(pen)
        x = round(self._x(self._marker, plot)) + 0.5
        painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
        painter.setFont(theme.font("caption", weight=400))
        metrics = QFontMetricsF(painter.font())
        radius = theme.px(_DOT)
        points = [self._at(dot) for dot in self._dots]
        taken += [QRectF(point.x() - radius, point.y() - radius, 2 * radius, 2 * radius) for point in points]
        for dot, point in zip(self._dots, points, strict=True):
            painter.setBrush(theme.color("text.primary"))
            painter.setPen(QPen(theme.color("bg.surface"), 1.5))
            painter.drawEllipse(point, radius, radius)
            width, height = metrics.horizontalAdvance(dot.title), metrics.height() - 2
            gap = radius + theme.px(5)
            right = QRectF(point.x() + gap, point.y() - height / 2, width, height)
            left = right.translated(-2 * gap - width, 0)
            free = [
                rect
                for rect in (right, left)
                if plot.left() <= rect.left()
                and rect.right() <= plot.right()
                and not any(rect.intersects(other) for other in taken)
            ]
            # A name without a line through it, where there is a choice.
            free.sort(
                key=lambda rect: (
                    rect.left() <= x <= rect.right() or any(_crosses(points, rect) for points in boundaries)
                )
            )
            if free:
                painter.setPen(theme.color("text.primary"))
                painter.drawText(QPointF(free[0].left(), point.y() + metrics.ascent() / 2 - 1), dot.title)
                taken.append(free[0])


def _smooth(points: Sequence[QPointF]) -> QPainterPath:
    """A curve through points that bends no further than they do (monotone cubic, Fritsch and Carlson 1980)."""
    path = QPainterPath(points[0])
    slopes = [(right.y() - left.y()) / (right.x() - left.x()) for left, right in itertools.pairwise(points)]
    tangents = [slopes[0], *(_tangent(before, after) for before, after in itertools.pairwise(slopes)), slopes[-1]]
    for number, (left, right) in enumerate(itertools.pairwise(points)):
        third = (right.x() - left.x()) / 3
        path.cubicTo(
            left + QPointF(third, third * tangents[number]),
            right - QPointF(third, third * tangents[number + 1]),
            right,
        )
    return path


def _tangent(before: float, after: float) -> float:
    """The harmonic mean of two slopes, level where they part."""
    return 2 * before * after / (before + after) if before * after > 0 else 0.0


def _crosses(points: Sequence[QPointF], rect: QRectF) -> bool:
    """Whether a boundary runs through a rectangle or close by."""
    heights = [
        left.y() + (right.y() - left.y()) * share
        for left, right in itertools.pairwise(points)
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
        if rect.left() - 4 <= left.x() + (right.x() - left.x()) * share <= rect.right() + 4
    ]
    return bool(heights) and min(heights) - 2 < rect.bottom() and max(heights) + 2 > rect.top()


def _size(parameters: float) -> str:
    if parameters >= _BILLION:
        return f"{parameters / _BILLION:.0f}B"
    return f"{parameters / 1e6:.0f}M"
