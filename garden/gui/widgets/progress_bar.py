"""Progress of long work: a thin bar that eases to where it is."""

from __future__ import annotations

from PySide6.QtCore import QEasingCurve, QRectF, QSize, Qt, QVariantAnimation, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QStyle, QWidget

from garden.gui.theme.theme import Theme, ThemeController
from garden.gui.widgets.themed_widget import ThemedWidget

_HEIGHT = 6


def paint_progress(
    painter: QPainter,
    theme: Theme,
    rect: QRectF,
    fraction: float,
    color: str = "accent.base",
    *,
    on_selected: bool = False,
) -> None:
    """Draw a bar of progress.

    Args:
        painter: Where to draw.
        theme: Colours.
        rect: The track.
        fraction: 0..1.
        color: Token of what is done.
        on_selected: On a selected row the track is lighter.
    """
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    radius = rect.height() / 2
    painter.setBrush(theme.color("memory.free_on_selected" if on_selected else "memory.free"))
    painter.drawRoundedRect(rect, radius, radius)
    if fraction > 0:
        width = max(rect.height(), rect.width() * min(1.0, fraction))
        painter.setBrush(theme.color(color))
        painter.drawRoundedRect(QRectF(rect.left(), rect.top(), width, rect.height()), radius, radius)
    painter.restore()


class ProgressBar(ThemedWidget):
    """The bar as a widget."""

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self._fraction = 0.0
        self._shown = 0.0
        self._color = "accent.base"
        self._on_selected = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._easing = QVariantAnimation(self)
        self._easing.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._easing.valueChanged.connect(self._on_eased)

    @property
    def fraction(self) -> float:
        """How far it is, 0..1."""
        return self._fraction

    def set_fraction(self, fraction: float, color: str = "accent.base") -> None:
        """Move on to ``fraction`` of the way."""
        self._color = color
        self.setAccessibleName(f"{fraction:.0%}")
        if fraction == self._fraction:
            self.update()
            return
        self._fraction = fraction
        duration = self.look.tokens.progress_ms
        animated = self.style().styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration, None, self) > 0
        self._easing.stop()
        if self.isVisible() and animated and fraction > self._shown:
            self._easing.setStartValue(self._shown)
            self._easing.setEndValue(fraction)
            self._easing.setDuration(duration)
            self._easing.start()
        else:
            self._shown = fraction
            self.update()

    def set_on_selected(self, on_selected: bool) -> None:
        """Whether it lies on a selected row, where its track is lighter."""
        if on_selected != self._on_selected:
            self._on_selected = on_selected
            self.update()

    def sizeHint(self) -> QSize:
        """A thin line as wide as it may be."""
        return QSize(self.look.px(120), self.look.px(_HEIGHT))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw it."""
        painter = QPainter(self)
        paint_progress(painter, self.look, QRectF(self.rect()), self._shown, self._color, on_selected=self._on_selected)

    @Slot(object)
    def _on_eased(self, value: object) -> None:
        self._shown = float(value) if isinstance(value, (int, float)) else self._fraction
        self.update()
