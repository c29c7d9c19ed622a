"""The shapes of the verdicts: each verdict has a shape, a word and a colour, so that none rests on colour alone."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen

from garden.core.fit_forecast import FitForecast, Placement, Verdict
from garden.gui.theme.theme import Theme

_TOKENS = {
    Verdict.TIGHT: "tight",
    Verdict.TOO_LARGE: "too_large",
    Verdict.UNSUPPORTED: "cannot_run",
    Verdict.NOT_A_LANGUAGE_MODEL: "unknown",
    Verdict.UNKNOWN: "unknown",
}
_PLACED = {Placement.GPU: "gpu", Placement.SPLIT: "split", Placement.CPU: "cpu", Placement.NONE: "gpu"}


def verdict_token(forecast: FitForecast) -> str:
    """Part of a token's name that stands for the verdict: ``verdict.<this>.fg``."""
    if forecast.verdict is Verdict.FITS:
        return _PLACED[forecast.placement]
    return _TOKENS[forecast.verdict]


def gpu_share(forecast: FitForecast) -> float:
    """Share of the layers that lie on the GPU, 0..1; a half where it is not known."""
    if not forecast.n_layers or forecast.n_gpu_layers is None:
        return 0.5
    return min(1.0, max(0.0, forecast.n_gpu_layers / forecast.n_layers))


def paint_verdict_glyph(painter: QPainter, theme: Theme, rect: QRectF, token: str, share: float = 0.5) -> None:
    """Draw the shape of a verdict.

    Args:
        painter: Where to draw.
        theme: Colours.
        rect: Square, 12 pixels at 100 %.
        token: ``gpu``, ``split``, ``cpu``, ``tight``, ``too_large``, ``cannot_run`` or ``unknown``.
        share: Part of the pie of ``split`` that is filled.
    """
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(rect.topLeft())
    painter.scale(rect.width() / 12, rect.height() / 12)
    color = theme.color(f"verdict.{token}.fg")
    centre = QPointF(6, 6)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    match token:
        case "gpu":
            painter.drawEllipse(centre, 5, 5)
        case "split":
            _paint_pie(painter, centre, share)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(color, 1.3))
            painter.drawEllipse(centre, 4.75, 4.75)
        case "cpu":
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(color, 1.8))
            painter.drawEllipse(centre, 4.4, 4.4)
        case "tight":
            pen = QPen(color, 0.8)
            pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
            painter.setPen(pen)
            painter.drawPolygon([QPointF(6, 0.9), QPointF(11.4, 10.6), QPointF(0.6, 10.6)])
        case "too_large":
            painter.drawPolygon([QPointF(6, 0.4), QPointF(11.6, 6), QPointF(6, 11.6), QPointF(0.4, 6)])
        case "cannot_run":
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(color, 1.4))
            painter.drawEllipse(centre, 4.75, 4.75)
            painter.drawLine(QPointF(2.8, 9.2), QPointF(9.2, 2.8))
        case _:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            pen = QPen(color, 1.4)
            # Dashes of a pen are counted in widths: eight of 2 with gaps of 1.73 close the ring.
            pen.setDashPattern([2 / 1.4, 1.73 / 1.4])
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            painter.setPen(pen)
            painter.drawEllipse(centre, 4.75, 4.75)
    painter.restore()


def _paint_pie(painter: QPainter, centre: QPointF, share: float) -> None:
    """Fill a pie clockwise from the top."""
    if share <= 0:
        return
    if share >= 1:
        painter.drawEllipse(centre, 5, 5)
        return
    path = QPainterPath(centre)
    path.lineTo(centre.x(), centre.y() - 5)
    path.arcTo(QRectF(centre.x() - 5, centre.y() - 5, 10, 10), 90, -360 * share)
    path.closeSubpath()
    painter.drawPath(path)
