"""A verdict: glyph and word, in a list without a box, as a tinted pill where it is the subject."""

from __future__ import annotations

import math

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from garden.core.fit_forecast import FitForecast
from garden.gui.theme.theme import Theme, ThemeController
from garden.gui.viewmodels.wording import verdict_word
from garden.gui.widgets.themed_widget import ThemedWidget
from garden.gui.widgets.verdict_glyph import gpu_share, paint_verdict_glyph, verdict_token

_GLYPH = 12
_GAP = 6


def verdict_width(theme: Theme, word: str) -> int:
    """Room that glyph and word take without a pill."""
    return theme.px(_GLYPH) + theme.px(_GAP) + math.ceil(theme.text_width(word, "small", 600)) + 1


def paint_verdict(
    painter: QPainter, theme: Theme, rect: QRectF, forecast: FitForecast, word: str, *, align_right: bool = False
) -> None:
    """Draw glyph and word, centred on the height of a rectangle.

    Args:
        painter: Where to draw.
        theme: Colours and font.
        rect: Area.
        forecast: Chooses shape and colour.
        word: As ``verdict_word`` gives it.
        align_right: Against the right edge instead of the left.
    """
    token = verdict_token(forecast)
    side = theme.px(_GLYPH)
    left = rect.right() - verdict_width(theme, word) if align_right else rect.left()
    glyph = QRectF(round(left), round(rect.center().y() - side / 2), side, side)
    paint_verdict_glyph(painter, theme, glyph, token, gpu_share(forecast))
    painter.save()
    painter.setPen(theme.color(f"verdict.{token}.fg"))
    painter.setFont(theme.font("small", weight=600))
    area = QRectF(glyph.right() + theme.px(_GAP), rect.top(), rect.right() - glyph.right(), rect.height())
    painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine), word)
    painter.restore()


class VerdictLabel(ThemedWidget):
    """A verdict as a widget.

    Args:
        theme: Where colours come from.
        pill: On a tint of its own.
        layers: A split names its layers.
        parent: Qt parent.
    """

    def __init__(
        self, theme: ThemeController, *, pill: bool = False, layers: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, parent)
        self._pill = pill
        self._layers = layers
        self._forecast: FitForecast | None = None
        self._word = ""
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    @property
    def word(self) -> str:
        """The word that stands there."""
        return self._word

    def set_forecast(self, forecast: FitForecast | None) -> None:
        """Show a verdict; None shows nothing."""
        self._forecast = forecast
        self._word = verdict_word(forecast, layers=self._layers) if forecast else ""
        self.setAccessibleName(self._word)
        self.setAccessibleDescription(forecast.reason if forecast else "")
        self.setToolTip(forecast.reason if forecast else "")
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Glyph, word and the pill's padding."""
        if self._forecast is None:
            return QSize(0, self.look.px(16))
        width = verdict_width(self.look, self._word)
        if self._pill:
            return QSize(width + self.look.px(14), self.look.size("badge_height"))
        return QSize(width, self.look.px(16))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw it."""
        if self._forecast is None:
            return
        painter = QPainter(self)
        area = QRectF(self.rect())
        if self._pill:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self.look.color(f"verdict.{verdict_token(self._forecast)}.bg"))
            painter.drawRoundedRect(area, 4, 4)
            area = area.adjusted(self.look.px(6), 0, 0, 0)
        paint_verdict(painter, self.look, area, self._forecast, self._word)
