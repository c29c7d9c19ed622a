"""A model in Discover's list: name, size and verdict; below them who, what licence, how popular, how large."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter

from garden.core.fit_forecast import FitForecast, Verdict
from garden.core.quantity import format_bytes, format_count, format_parameters
from garden.gui.viewmodels.model_list import ModelRole
from garden.gui.viewmodels.wording import license_name, task_name, verdict_word
from garden.gui.widgets.row_delegate import Index, RowDelegate
from garden.gui.widgets.tag import paint_tag, tag_size
from garden.gui.widgets.verdict_label import paint_verdict, verdict_width
from garden.services.catalog import RatedModel
from garden.services.model_name import display_name

_MARGIN = 16
_GAP = 8
_FIRST_TOP = 9
_FIRST_HEIGHT = 20
_SECOND_TOP = 31
_SECOND_HEIGHT = 16


class ModelRowDelegate(RowDelegate):
    """Draws a RatedModel. The name is elided first, the verdict never."""

    def paint_content(self, painter: QPainter, rect: QRectF, index: Index, *, selected: bool) -> None:
        """Draw the two lines."""
        rated = index.data(ModelRole.RATED)
        if rated is None:
            return
        px = self.look.px
        inner = rect.adjusted(px(_MARGIN), 0, -px(_MARGIN), 0)
        # With more room per row both lines stay together in its middle.
        shift = (rect.height() - px(58)) / 2
        first = QRectF(inner.left(), rect.top() + shift + px(_FIRST_TOP), inner.width(), px(_FIRST_HEIGHT))
        second = QRectF(inner.left(), rect.top() + shift + px(_SECOND_TOP), inner.width(), px(_SECOND_HEIGHT))
        self._paint_first(painter, first, rated)
        self._paint_second(painter, second, rated)

    def _paint_first(self, painter: QPainter, line: QRectF, rated: RatedModel) -> None:
        theme = self.look
        gap = theme.px(_GAP)
        word = verdict_word(rated.forecast)
        verdict_room = verdict_width(theme, word)
        paint_verdict(painter, theme, line, rated.forecast, word, align_right=True)
        summary = rated.summary
        tag = format_parameters(summary.parameters) if summary.parameters else ""
        tag_room = tag_size(theme, tag).width() + gap if tag else 0
        lock_room = theme.px(13) + gap if summary.gated else 0
        name_room = line.width() - verdict_room - gap - tag_room - lock_room
        area = QRectF(line.left(), line.top(), name_room, line.height())
        left = (
            line.left()
            + gap
            + self.text(painter, area, display_name(summary.name), font=theme.font("strong"), color="text.primary")
        )
        if summary.gated:
            side = theme.px(13)
            ratio = painter.device().devicePixelRatioF()
            pixmap = theme.pixmap("lock", "text.muted", 13, ratio)
            painter.drawPixmap(round(left), round(line.center().y() - side / 2), pixmap)
            left += lock_room
        if tag:
            size = tag_size(theme, tag)
            top = round(line.center().y() - size.height() / 2)
            paint_tag(painter, theme, QRectF(round(left), top, size.width(), size.height()), tag)

    def _paint_second(self, painter: QPainter, line: QRectF, rated: RatedModel) -> None:
        theme = self.look
        font = theme.font("small")
        need = _need(rated)
        need_room = QFontMetricsF(font).horizontalAdvance(need)
        right = Qt.AlignmentFlag.AlignRight
        self.text(painter, line, need, font=font, color="text.secondary", align=right)
        room = line.width() - need_room - theme.px(_GAP)
        counts = _counts(rated)
        counts_room = sum(self._count_width(text) for _icon, text in counts)
        facts = " · ".join(_facts(rated))
        area = QRectF(line.left(), line.top(), max(0.0, room - counts_room), line.height())
        left = line.left() + self.text(painter, area, facts, font=font, color="text.muted")
        for icon, text in counts:
            left = self._paint_count(painter, QRectF(left, line.top(), 0, line.height()), icon, text)

    def _count_width(self, text: str) -> float:
        theme = self.look
        return theme.px(6) + theme.px(11) + theme.px(4) + QFontMetricsF(theme.font("small")).horizontalAdvance(text)

    def _paint_count(self, painter: QPainter, start: QRectF, icon: str, text: str) -> float:
        theme = self.look
        side = theme.px(11)
        left = start.left() + theme.px(6)
        pixmap = theme.pixmap(icon, "text.muted", 11, painter.device().devicePixelRatioF())
        painter.drawPixmap(round(left), round(start.center().y() - side / 2), pixmap)
        left += side + theme.px(4)
        area = QRectF(left, start.top(), 200, start.height())
        return left + self.text(painter, area, text, font=theme.font("small"), color="text.muted")


def _facts(rated: RatedModel) -> list[str]:
    summary = rated.summary
    told = (summary.author, summary.architecture, license_name(summary.license) if summary.license else None)
    return [fact for fact in told if fact]


def _counts(rated: RatedModel) -> list[tuple[str, str]]:
    summary = rated.summary
    pairs = (("download", summary.downloads), ("heart", summary.likes))
    return [(icon, format_count(count)) for icon, count in pairs if count is not None]


def _need(rated: RatedModel) -> str:
    """What it takes, as far as the Hub's fields tell: they are rough, and it says so."""
    forecast: FitForecast = rated.forecast
    match forecast.verdict:
        case Verdict.NOT_A_LANGUAGE_MODEL:
            tag = rated.summary.pipeline_tag
            return task_name(tag).lower() if tag else ""
        case Verdict.UNSUPPORTED:
            return "not supported"
        case Verdict.TOO_LARGE if forecast.need_bytes:
            return f"needs {format_bytes(forecast.need_bytes)}"
    if forecast.decode_tokens_per_second is not None:
        return f"{forecast.speed_mark or '≈'} {forecast.decode_tokens_per_second:.0f} tok/s"
    return f"needs ≈ {format_bytes(forecast.need_bytes)}" if forecast.need_bytes else ""
