"""The endless list of models that a search found, as an item model."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractListModel, QObject, Qt, Signal

from garden.core.model_query import ModelQuery
from garden.core.quantity import format_age, format_count, format_parameters
from garden.gui.viewmodels.model_index import ROOT, Index, row_at
from garden.gui.viewmodels.wording import kind_word, verdict_word
from garden.services.browse import ordered, passing
from garden.services.model_name import display_name

if TYPE_CHECKING:
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
        #: As it came, page after page; where each page begins.
        self._loaded: list[RatedModel] = []
        self._pages: list[int] = []
        #: Places of what is loaded in the order of the list, each page by itself.
        self._order: list[int] = []
        self._shown: list[RatedModel] = []
        #: Where a repository stands among what is loaded, and among what is shown.
        self._places: dict[str, int] = {}
        self._rows: dict[str, int] = {}
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
        self._loaded, self._places, self._pages, self._order = [], {}, [], []
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
        fresh, places, at = [], self._places, len(self._loaded)
        for row in rows:
            if places.setdefault(row.summary.repo_id, at) == at:
                fresh.append(row)
                at += 1
        self._pages.append(len(self._loaded))
        self._order.extend(range(len(self._loaded), at))
        self._loaded += fresh
        return fresh

    def _filter(self) -> None:
        self._shown, self._rows = [], {}
        self._show(self._passing(self._order))

    def _passing(self, order: Iterable[int]) -> list[RatedModel]:
        return passing(self._query, (self._loaded[place] for place in order))

    def _show(self, rows: Iterable[RatedModel]) -> None:
        for row in rows:
            self._rows[row.summary.repo_id] = len(self._shown)
            self._shown.append(row)

    def loaded_row(self, repo_id: str) -> RatedModel | None:
        """The row of a repository that came, shown or left out; None when it did not come."""
        place = self._places.get(repo_id)
        return None if place is None else self._loaded[place]

    def take_ratings(self, rows: Sequence[RatedModel]) -> None:
        """Take other verdicts for some rows that came from the Hub; none moves, unless ``settle`` is called."""
        self._change([row for row in rows if row.summary.repo_id in self._places])

    def settle(self) -> None:
        """Once all verdicts are new: order by them within each page, as a page is ordered that comes, and filter."""
        ends = (*self._pages[1:], len(self._loaded))
        pages = (self._loaded[start:end] for start, end in zip(self._pages, ends, strict=True))
        order = [self._places[row.summary.repo_id] for page in pages for row in ordered(self._query, page)]
        shown = self._passing(order)
        if [row.summary.repo_id for row in shown] == list(self._rows):
            self._order = order
            return
        self.beginResetModel()
        self._order = order
        self._filter()
        self.endResetModel()

    def _change(self, rows: Sequence[RatedModel]) -> None:
        """Take other values for rows; views are told of those which say something else, run by run."""
        changed = []
        for row in rows:
            place = self._places[row.summary.repo_id]
            if row == self._loaded[place]:
                continue
            self._loaded[place] = row
            number = self._rows.get(row.summary.repo_id)
            if number is not None:
                self._shown[number] = row
                changed.append(number)
        for first, last in _runs(changed):
            self.dataChanged.emit(self.index(first), self.index(last))

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
        """Rows shown; a view asks once for each row it lays out."""
        return 0 if parent.isValid() else len(self._shown)

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


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of numbers without a gap."""
    for _key, run in itertools.groupby(enumerate(sorted(numbers)), key=lambda each: each[1] - each[0]):
        members = [number for _count, number in run]
        yield members[0], members[-1]


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
