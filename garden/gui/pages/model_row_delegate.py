"""A model in Discover's list: name, size, age and verdict; below them who, what kind and licence, how popular."""

from __future__ import annotations

import re
from typing import NamedTuple

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QAbstractItemView

from garden.core.fit_forecast import FitForecast, FitMethod, Verdict
from garden.core.quantity import format_age, format_bytes, format_count, format_model_size
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.model_list import ModelRole
from garden.gui.viewmodels.wording import kind_word, license_name, task_name, verdict_word
from garden.gui.widgets.row_delegate import Index, RowDelegate
from garden.gui.widgets.tag import paint_tag, tag_size
from garden.gui.widgets.verdict_label import paint_verdict, verdict_width
from garden.services.model_name import display_name
from garden.services.rated_model import RatedModel

_MARGIN = 16
_GAP = 8
_FIRST_TOP = 9
_FIRST_HEIGHT = 20
_SECOND_TOP = 31
_SECOND_HEIGHT = 16

#: Slower answers than this, in tokens per second, get a decimal.
_SLOW = 9.95

_OTHER_KIND = re.compile(r"This is an? (.{1,40}), not a language model")


#: Rows whose words are kept: some screens.
_MOST_ROWS = 512


class _Words(NamedTuple):
    """What a row says, written out."""

    name: str
    size: str
    age: str
    verdict: str
    facts: str
    counts: tuple[tuple[str, str], ...]
    need: str


class ModelRowDelegate(RowDelegate):
    """Draws a RatedModel. The name is elided first, the verdict never."""

    def __init__(self, theme: ThemeController, height: str, view: QAbstractItemView) -> None:
        super().__init__(theme, height, view)
        self._words: dict[str, tuple[RatedModel, _Words]] = {}

    def _words_of(self, rated: RatedModel) -> _Words:
        """Written out once, until the row says something else."""
        repo_id = rated.summary.repo_id
        known = self._words.get(repo_id)
        if known is not None and known[0] is rated:
            return known[1]
        if len(self._words) >= _MOST_ROWS:
            self._words.clear()
        words = _written(rated)
        self._words[repo_id] = rated, words
        return words

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
        words = self._words_of(rated)
        self._paint_first(painter, first, rated, words)
        self._paint_second(painter, second, words)

    def _paint_first(self, painter: QPainter, line: QRectF, rated: RatedModel, words: _Words) -> None:
        theme = self.look
        gap = theme.px(_GAP)
        word = words.verdict
        verdict_room = verdict_width(theme, word)
        paint_verdict(painter, theme, line, rated.forecast, word, align_right=True)
        summary = rated.summary
        tag = words.size
        tag_room = tag_size(theme, tag).width() + gap if tag else 0
        locked = summary.gated or summary.private
        lock_room = theme.px(13) + gap if locked else 0
        name_room = line.width() - verdict_room - gap - tag_room - lock_room
        area = QRectF(line.left(), line.top(), name_room, line.height())
        left = line.left() + gap + self.text(painter, area, words.name, font=theme.font("strong"), color="text.primary")
        if locked:
            side = theme.px(13)
            ratio = painter.device().devicePixelRatioF()
            pixmap = theme.pixmap("lock", "text.muted", 13, ratio)
            painter.drawPixmap(round(left), round(line.center().y() - side / 2), pixmap)
            left += lock_room
        if tag:
            size = tag_size(theme, tag)
            top = round(line.center().y() - size.height() / 2)
            paint_tag(painter, theme, QRectF(round(left), top, size.width(), size.height()), tag)
            left += tag_room
        end = line.right() - verdict_room - gap
        if words.age and left - gap + self._count_width(words.age) <= end:
            self._paint_count(painter, QRectF(left - gap, line.top(), 0, line.height()), "clock", words.age)

    def _paint_second(self, painter: QPainter, line: QRectF, words: _Words) -> None:
        theme = self.look
        font = theme.font("small")
        need = words.need
        need_room = self.width_of(need, font)
        right = Qt.AlignmentFlag.AlignRight
        self.text(painter, line, need, font=font, color="text.secondary", align=right)
        room = line.width() - need_room - theme.px(_GAP)
        facts = words.facts
        counts = self._counts_within(words.counts, room - self.width_of(facts, font))
        counts_room = sum(self._count_width(text) for _icon, text in counts)
        area = QRectF(line.left(), line.top(), max(0.0, room - counts_room), line.height())
        left = line.left() + self.text(painter, area, facts, font=font, color="text.muted")
        for icon, text in counts:
            left = self._paint_count(painter, QRectF(left, line.top(), 0, line.height()), icon, text)

    def _counts_within(self, counts: tuple[tuple[str, str], ...], room: float) -> tuple[tuple[str, str], ...]:
        """Counts for which there is room beside who made it: the likes go first."""
        if sum(self._count_width(text) for _icon, text in counts) > room:
            counts = counts[:1]
        return counts

    def _count_width(self, text: str) -> float:
        theme = self.look
        return theme.px(6) + theme.px(11) + theme.px(4) + self.width_of(text, theme.font("small"))

    def _paint_count(self, painter: QPainter, start: QRectF, icon: str, text: str) -> float:
        theme = self.look
        side = theme.px(11)
        left = start.left() + theme.px(6)
        pixmap = theme.pixmap(icon, "text.muted", 11, painter.device().devicePixelRatioF())
        painter.drawPixmap(round(left), round(start.center().y() - side / 2), pixmap)
        left += side + theme.px(4)
        area = QRectF(left, start.top(), 200, start.height())
        return left + self.text(painter, area, text, font=theme.font("small"), color="text.muted")


def _written(rated: RatedModel) -> _Words:
    summary, traits = rated.summary, rated.traits
    return _Words(
        name=display_name(summary.name),
        size=format_model_size(summary.parameters, traits.active_parameters),
        age="" if traits.updated_at is None else format_age(traits.updated_at),
        verdict=verdict_word(rated.forecast),
        facts=" · ".join(_facts(rated)),
        counts=tuple(_counts(rated)),
        need=_need(rated),
    )


def _facts(rated: RatedModel) -> list[str]:
    summary, kind = rated.summary, rated.traits.kind
    told = (
        summary.author,
        kind_word(kind) if kind is not None else summary.architecture,
        license_name(summary.license) if summary.license else None,
    )
    return [fact for fact in told if fact]


def _counts(rated: RatedModel) -> list[tuple[str, str]]:
    summary = rated.summary
    pairs = (("download", summary.downloads), ("heart", summary.likes))
    return [(icon, format_count(count)) for icon, count in pairs if count is not None]


def _need(rated: RatedModel) -> str:
    """The file to take and how fast it answers, or what it takes; figures from the Hub's fields are marked as rough."""
    forecast: FitForecast = rated.forecast
    match forecast.verdict:
        case Verdict.NOT_A_LANGUAGE_MODEL:
            tag = rated.summary.pipeline_tag
            return task_name(tag).lower() if tag else _other_kind(forecast.reason)
        case Verdict.UNSUPPORTED:
            return f"{rated.summary.architecture or 'architecture'} not supported"
        case Verdict.UNKNOWN:
            return "" if rated.summary.parameters else "size not told"
    quant = f"{forecast.quant_type} " if forecast.quant_type else ""
    about = "≈ " if forecast.method is FitMethod.ROUGH else ""
    if forecast.verdict is Verdict.TOO_LARGE:
        return f"{quant}needs {about}{format_bytes(forecast.need_bytes)}" if forecast.need_bytes else ""
    if (speed := forecast.decode_tokens_per_second) is not None:
        mark = forecast.speed_mark or "≈"
        return f"{quant}{mark} {speed:.1f} tok/s" if speed < _SLOW else f"{quant}{mark} {speed:.0f} tok/s"
    return f"{quant}needs {about}{format_bytes(forecast.need_bytes)}" if forecast.need_bytes else ""


def _other_kind(reason: str) -> str:
    """What the reason says that it is, e.g. ``image or video model``."""
    found = _OTHER_KIND.match(reason)
    return found[1] if found else ""
