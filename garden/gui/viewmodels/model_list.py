"""The endless list of models that a search found, as an item model."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractListModel, QObject, Qt, Signal

from garden.core.model_query import ModelQuery
from garden.core.quantity import format_age, format_count, format_parameters
from garden.gui.viewmodels.model_index import ROOT, Index, count_below, row_at
from garden.gui.viewmodels.wording import kind_word, verdict_word
from garden.services.browse import ordered, passing
from garden.services.model_name import display_name

if TYPE_CHECKING:
    from garden.core.fit_forecast import FitForecast
    from garden.services.rated_model import RatedModel


class ModelRole(enum.IntEnum):
    """What a row gives beside its text."""

    RATED = Qt.ItemDataRole.UserRole + 1
    REPO_ID = Qt.ItemDataRole.UserRole + 2


class ModelListModel(QAbstractListModel):
    """Rows of a search in the order they came, without those that do not pass the filters which the Hub lacks.

    Signals:
        more_wanted: The view has come to the end and the Hub has more.
    """

    more_wanted = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._loaded: list[RatedModel] = []
        self._shown: list[RatedModel] = []
        #: Where a repository stands among what is loaded, and among what is shown.
        self._places: dict[str, int] = {}
        self._rows: dict[str, int] = {}
        self._read: dict[str, FitForecast] = {}
        self._query = ModelQuery()
        self._more = False

    @property
    def loaded(self) -> int:
        """How many rows came from the Hub, those left out included."""
        return len(self._loaded)

    @property
    def loaded_rows(self) -> Sequence[RatedModel]:
        """All of them, those that are shown first."""
        left_out = (row for row in self._loaded if row.summary.repo_id not in self._rows)
        return [*self._shown, *left_out]

    @property
    def query(self) -> ModelQuery:
        """The filters that rows pass."""
        return self._query

    def set_query(self, query: ModelQuery) -> None:
        """Filter what is loaded anew."""
        if query == self._query:
            return
        self.beginResetModel()
        self._query = query
        self._filter()
        self.endResetModel()

    def replace(self, rows: Iterable[RatedModel], *, more: bool, query: ModelQuery | None = None) -> None:
        """Show the first page of a new answer, to another question if one is given."""
        self.beginResetModel()
        self._query = query or self._query
        self._loaded, self._places = [], {}
        self._take(rows)
        self._filter()
        self._more = more
        self.endResetModel()

    def append(self, rows: Iterable[RatedModel], *, more: bool) -> None:
        """Add a further page; a repository that is listed already (the Hub's order moved on) is not repeated."""
        shown = passing(self._query, self._take(rows))
        self._more = more
        if shown:
            first = len(self._shown)
            self.beginInsertRows(ROOT, first, first + len(shown) - 1)
            self._show(shown)
            self.endInsertRows()

    def _take(self, rows: Iterable[RatedModel]) -> list[RatedModel]:
        fresh = []
        for row in rows:
            if self._places.setdefault(row.summary.repo_id, len(self._loaded)) == len(self._loaded):
                fresh.append(self._best_known(row))
                self._loaded.append(fresh[-1])
        return fresh

    def _filter(self) -> None:
        self._shown, self._rows = [], {}
        self._show(passing(self._query, self._loaded))

    def _show(self, rows: Iterable[RatedModel]) -> None:
        for row in rows:
            self._rows[row.summary.repo_id] = len(self._shown)
            self._shown.append(row)

    def take_forecast(self, repo_id: str, forecast: FitForecast) -> None:
        """A repository's headers were read: its row says from now on what they say, not what its size lets guess.

        A row that is looked at stays where it is, whatever turns out of it.
        """
        self._read[repo_id] = forecast
        place = self._places.get(repo_id)
        if place is not None:
            self._change([self._best_known(self._loaded[place])])

    def forget_forecasts(self) -> None:
        """What headers said was said of another machine."""
        self._read.clear()

    def take_ratings(self, rows: Sequence[RatedModel]) -> None:
        """Take other verdicts for some rows that came from the Hub; none moves until ``settle``."""
        self._change([self._best_known(row) for row in rows if row.summary.repo_id in self._places])

    def settle(self) -> None:
        """Once all verdicts are new: order and filter what is loaded by them."""
        rows = list(ordered(self._query, self._loaded))
        before = [row.summary.repo_id for row in self._shown]
        if [row.summary.repo_id for row in passing(self._query, rows)] == before:
            return
        self.beginResetModel()
        self._loaded, self._places = [], {}
        self._take(rows)
        self._filter()
        self.endResetModel()

    def _change(self, rows: Sequence[RatedModel]) -> None:
        changed = []
        for row in rows:
            self._loaded[self._places[row.summary.repo_id]] = row
            number = self._rows.get(row.summary.repo_id)
            if number is not None:
                self._shown[number] = row
                changed.append(number)
        if changed:
            self.dataChanged.emit(self.index(min(changed)), self.index(max(changed)))

    def _best_known(self, row: RatedModel) -> RatedModel:
        read = self._read.get(row.summary.repo_id)
        return row if read is None or read is row.forecast else dataclasses.replace(row, forecast=read)

    def row_of(self, repo_id: str) -> int:
        """Row of a repository, −1 when it is not shown."""
        return self._rows.get(repo_id, -1)

    def rated(self, row: int) -> RatedModel:
        """The value of a row."""
        return self._shown[row]

    def most_frequent(self, value: Callable[[RatedModel], str | None], count: int) -> tuple[str, ...]:
        """What the rows that came have most, e.g. of authors."""
        counts: dict[str, int] = {}
        for row in self._loaded:
            if (word := value(row)) is not None:
                counts[word] = counts.get(word, 0) + 1
        return tuple(sorted(counts, key=lambda word: (-counts[word], word.casefold()))[:count])

    def rowCount(self, parent: Index = ROOT) -> int:
        """Rows shown."""
        return count_below(self._shown, parent)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Texts and the value of a row."""
        rated = row_at(self._shown, index)
        if rated is None:
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return display_name(rated.summary.name)
            case Qt.ItemDataRole.AccessibleTextRole:
                return _spoken(rated)
            case ModelRole.RATED:
                return rated
            case ModelRole.REPO_ID:
                return rated.summary.repo_id
        return None

    def canFetchMore(self, parent: Index) -> bool:
        """Whether the Hub has more."""
        return not parent.isValid() and self._more

    def fetchMore(self, parent: Index) -> None:
        """Ask for the next page once; rows come in later through ``append``."""
        if self.canFetchMore(parent):
            self._more = False
            self.more_wanted.emit()


def _spoken(rated: RatedModel) -> str:
    summary, traits, forecast = rated.summary, rated.traits, rated.forecast
    parts = [display_name(summary.name), f"by {summary.author}"]
    if summary.parameters:
        parts.append(f"{format_parameters(summary.parameters)} parameters")
    if traits.active_parameters:
        parts.append(f"{format_parameters(traits.active_parameters)} active")
    if traits.kind is not None:
        parts.append(kind_word(traits.kind))
    if summary.license:
        parts.append(f"licence {summary.license}")
    if summary.downloads is not None:
        parts.append(f"{format_count(summary.downloads)} downloads")
    if summary.likes is not None:
        parts.append(f"{format_count(summary.likes)} likes")
    if traits.updated_at is not None:
        parts.append(f"changed {format_age(traits.updated_at)}")
    if summary.gated:
        parts.append("needs consent")
    if summary.private:
        parts.append("private")
    parts.append(verdict_word(forecast))
    if forecast.quant_type is not None and rated.runs_here:
        parts.append(f"as {forecast.quant_type}")
    if forecast.decode_tokens_per_second is not None:
        parts.append(f"about {forecast.decode_tokens_per_second:.2g} tokens per second")
    return ", ".join(parts)
