from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QImage, QPainter
from pytestqt.qtbot import QtBot

from garden.core.fit_forecast import FitForecast, FitMethod, Placement, Verdict
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.verdict_glyph import paint_verdict_glyph, verdict_token
from garden.gui.widgets.verdict_label import VerdictLabel


def _forecast(verdict: Verdict = Verdict.FITS, placement: Placement = Placement.GPU, layers: int = 0) -> FitForecast:
    return FitForecast(
        verdict=verdict,
        placement=placement,
        reason="Because.",
        method=FitMethod.FORMULA,
        n_gpu_layers=layers,
        n_layers=37,
    )


def _drawn(theme: ThemeController, token: str, share: float = 0.5) -> tuple[bool, ...]:
    """Which pixels are inked."""
    image = QImage(48, 48, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    paint_verdict_glyph(painter, theme.theme, QRectF(0, 0, 48, 48), token, share)
    painter.end()
    return tuple(image.pixelColor(x, y).lightness() < 200 for x in range(48) for y in range(48))


def test_every_verdict_has_a_shape_of_its_own(theme: ThemeController) -> None:
    shapes = {verdict_token(_forecast(verdict)) for verdict in Verdict} | {
        verdict_token(_forecast(placement=placement)) for placement in Placement
    }

    assert shapes == {"gpu", "split", "cpu", "tight", "too_large", "cannot_run", "unknown"}
    assert len({_drawn(theme, shape) for shape in shapes}) == len(shapes)


def test_the_pie_is_filled_by_the_share_of_layers(theme: ThemeController) -> None:
    few, half, most = (sum(_drawn(theme, "split", share)) for share in (0.1, 0.5, 0.9))

    assert few < half < most


def test_a_verdict_says_its_word_and_its_reason(qtbot: QtBot, theme: ThemeController) -> None:
    label = VerdictLabel(theme, layers=True)
    qtbot.addWidget(label)

    label.set_forecast(_forecast(placement=Placement.SPLIT, layers=15))

    assert label.accessibleName() == "Split 15/37"
    assert label.accessibleDescription() == "Because."
