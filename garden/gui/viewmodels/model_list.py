"""The endless list of models that a search found, as an item model."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractListModel, QObject, Qt, Signal

from garden.core.fit_forecast import FitForecast, Verdict
from garden.core.quantity import format_count, format_parameters
from garden.gui.viewmodels.model_index import ROOT, Index, count_below, row_at
from garden.gui.viewmodels.wording import verdict_word
from garden.services.model_name import display_name

if TYPE_CHECKING:
    from garden.core.catalog import ModelSummary
    from garden.services.rated_model import RatedModel


class ModelRole(enum.IntEnum):
    """What a row gives beside its text."""

    RATED = Qt.ItemDataRole.UserRole + 1
    REPO_ID = Qt.ItemDataRole.UserRole + 2


def runs_here(rated: RatedModel) -> bool:
    """Whether the verdict says that it runs on this machine."""
    return rated.forecast.verdict in (Verdict.FITS, Verdict.TIGHT)


class ModelListModel(QAbstractListModel):
    """Rows of a search in the Hub's order, with those that do not run here left out on demand.

    Signals:
        more_wanted: The view has come to the end and the Hub has more.
    """

    more_wanted = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._loaded: list[RatedModel] = []
        self._shown: list[RatedModel] = []
        self._read: dict[str, FitForecast] = {}
        self._only_running = False
        self._more = False

    @property
    def loaded(self) -> int:
        """How many rows came from the Hub."""
        return len(self._loaded)

    @property
    def only_running(self) -> bool:
        """Whether rows that do not run here are left out."""
        return self._only_running

    def replace(self, rows: Sequence[RatedModel], *, more: bool) -> None:
        """Show the first page of a new answer."""
        self.beginResetModel()
        self._loaded = [self._best_known(row) for row in rows]
        self._shown = [row for row in self._loaded if self._passes(row)]
        self._more = more
        self.endResetModel()

    def append(self, rows: Sequence[RatedModel], *, more: bool) -> None:
        """Add a further page; a repository that is listed already (the Hub's order moved on) is not repeated."""
        known = {row.summary.repo_id for row in self._loaded}
        fresh = [self._best_known(row) for row in rows if row.summary.repo_id not in known]
        self._loaded.extend(fresh)
        self._more = more
        shown = [row for row in fresh if self._passes(row)]
        if shown:
            first = len(self._shown)
            self.beginInsertRows(ROOT, first, first + len(shown) - 1)
            self._shown.extend(shown)
            self.endInsertRows()

    def take_forecast(self, repo_id: str, forecast: FitForecast) -> None:
        """A repository's headers were read: its row says from now on what they say, not what its size lets guess."""
        self._read[repo_id] = forecast
        self._loaded = [self._best_known(row) for row in self._loaded]
        # A row that is looked at stays, whatever turns out of it.
        self._shown = [self._best_known(row) for row in self._shown]
        number = self.row_of(repo_id)
        if number >= 0:
            self.dataChanged.emit(self.index(number), self.index(number))

    @property
    def summaries(self) -> tuple[ModelSummary, ...]:
        """What came from the Hub, whether it is shown or left out."""
        return tuple(row.summary for row in self._loaded)

    def forget_forecasts(self) -> None:
        """What headers said was said of another machine."""
        self._read.clear()

    def take_ratings(self, rows: Sequence[RatedModel]) -> None:
        """Take other verdicts for rows that came from the Hub."""
        rated = {row.summary.repo_id: row for row in rows}
        self._loaded = [self._best_known(rated.get(row.summary.repo_id, row)) for row in self._loaded]
        shown = [row for row in self._loaded if self._passes(row)]
        if [row.summary.repo_id for row in shown] != [row.summary.repo_id for row in self._shown]:
            self.beginResetModel()
            self._shown = shown
            self.endResetModel()
            return
        self._shown = shown
        if shown:
            self.dataChanged.emit(self.index(0), self.index(len(shown) - 1))

    def _best_known(self, row: RatedModel) -> RatedModel:
        read = self._read.get(row.summary.repo_id)
        return row if read is None or read is row.forecast else dataclasses.replace(row, forecast=read)

    def set_only_running(self, only: bool) -> None:
        """Leave out what does not run here, or show it again."""
        if only == self._only_running:
            return
        self.beginResetModel()
        self._only_running = only
        self._shown = [row for row in self._loaded if self._passes(row)]
        self.endResetModel()

    def row_of(self, repo_id: str) -> int:
        """Row of a repository, −1 when it is not shown."""
        return next((row for row, rated in enumerate(self._shown) if rated.summary.repo_id == repo_id), -1)

    def rated(self, row: int) -> RatedModel:
        """The value of a row."""
        return self._shown[row]

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
            case Qt.ItemDataRole.ToolTipRole:
                return None
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

    def _passes(self, row: RatedModel) -> bool:
        return not self._only_running or runs_here(row)


def _spoken(rated: RatedModel) -> str:
    summary = rated.summary
    parts = [display_name(summary.name), f"by {summary.author}"]
    if summary.parameters:
        parts.append(f"{format_parameters(summary.parameters)} parameters")
    if summary.license:
        parts.append(f"licence {summary.license}")
    if summary.downloads is not None:
        parts.append(f"{format_count(summary.downloads)} downloads")
    if summary.gated:
        parts.append("needs consent")
    parts.append(verdict_word(rated.forecast))
    return ", ".join(parts)
