"""The models on this machine as a table that sorts and filters."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractTableModel,
    QObject,
    QSortFilterProxyModel,
    Qt,
)

from garden.core.fit_forecast import FitForecast, SpeedSource, Verdict
from garden.core.library_entry import PROGRAM_NAMES, LibraryEntry, Origin
from garden.core.quantity import format_bytes, format_gib
from garden.core.run_configuration import LoadParameters
from garden.core.upstream import Upstream
from garden.gui.viewmodels.model_index import ROOT, Index, count_below, row_at
from garden.gui.viewmodels.wording import age, iso_date, verdict_word
from garden.gui.widgets.tool_tip import plain_tool_tip
from garden.services.load_plan import LoadPlan
from garden.services.unfinished import RestingDownload


class LibraryColumn(enum.IntEnum):
    """Columns, left to right."""

    NAME = 0
    TYPE = 1
    SIZE = 2
    SOURCE = 3
    CHECKED = 4
    FIT = 5
    SPEED = 6
    LAST_USED = 7


class LibraryRole(enum.IntEnum):
    """What a cell gives beside its text."""

    ROW = Qt.ItemDataRole.UserRole + 1
    SORT = Qt.ItemDataRole.UserRole + 2


_TITLES = {
    LibraryColumn.NAME: "Name",
    LibraryColumn.TYPE: "Type",
    LibraryColumn.SIZE: "Size, GiB",
    LibraryColumn.SOURCE: "Source",
    LibraryColumn.CHECKED: "Checked",
    LibraryColumn.FIT: "Fit",
    LibraryColumn.SPEED: "tok/s",
    LibraryColumn.LAST_USED: "Last used",
}

#: Columns that sort by a number.
_FIGURES = frozenset({LibraryColumn.SIZE, LibraryColumn.SPEED, LibraryColumn.LAST_USED, LibraryColumn.FIT})

_RIGHT = frozenset({LibraryColumn.SIZE, LibraryColumn.SPEED})

#: Where models come from as the segments part them, in their order: a name, its word, and the origins of LibraryEntry.
SEGMENTS: Mapping[str, tuple[str, tuple[Origin, ...]]] = {
    "hub_cache": ("Hub cache", ("hub_cache",)),
    "made_here": ("Made here", ("made_here",)),
    "other": ("Other programs", tuple(PROGRAM_NAMES)),
    "folder": ("Folders", ("folder",)),
    "starter": ("Starter", ("starter",)),
}

#: Origins of LibraryEntry and their words.
ORIGINS: Mapping[Origin, str] = {
    "hub_cache": "Hub cache",
    "made_here": "Made here",
    "folder": "Folders",
    "starter": "Starter",
    "ollama": PROGRAM_NAMES["ollama"],
    "lm_studio": PROGRAM_NAMES["lm_studio"],
    "jan": PROGRAM_NAMES["jan"],
}

#: Sorting by fit goes from what runs best to what does not run.
_VERDICT_ORDER = list(Verdict)


def place_word(origin: Origin) -> str:
    """An origin within a sentence: ``hub cache``; the names of other programs stay as they are."""
    word = ORIGINS[origin]
    return word if origin in PROGRAM_NAMES else word.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryRow:
    """One model and how it will run.

    Attributes:
        entry: The model.
        forecast: How it will run, None until computed or when its header cannot be read.
        plan: How it would be loaded, None until computed.
        verifying: How far its hash is computed, from 0 to 1; None while it is not.
        resting: The download that it is an unfinished part of; None for a model that is here.
        newer: What has replaced it on the Hub, None when nothing did or it is here too.
        tells_commit: Whether its commit tells it apart from another one of its name.
        twin: Another model here that has the same bytes; None without one, or where it is the other that says so.
    """

    entry: LibraryEntry
    forecast: FitForecast | None = None
    plan: LoadPlan | None = None
    verifying: float | None = None
    resting: RestingDownload | None = None
    newer: Upstream | None = None
    tells_commit: bool = False
    twin: LibraryEntry | None = None

    @property
    def note(self) -> str:
        """The small line under the name: what is wrong, what it was made from or who published it, and its twin."""
        if self.resting is not None:
            return f"{self.resting.repo_id.partition('/')[0]} · {self.resting.sentence}"
        if self.entry.problem:
            return self.entry.problem
        commit = f"commit {(self.entry.ref.revision or '')[:7]}" if self.tells_commit else ""
        parts = [part for part in (self._origin_note, commit, self._twin_note) if part]
        # A file's name is told where nothing else is.
        return " · ".join(parts) or (self.entry.ref.filenames[0] if self.entry.ref.filenames else "")

    @property
    def news(self) -> str:
        """What stands out behind the note: that it was replaced on the Hub."""
        if self.newer is None or self.entry.problem:
            return ""
        return f"Newer on the Hub since {iso_date(self.newer.modified)}, {format_bytes(self.newer.size_bytes)}"

    @property
    def _twin_note(self) -> str:
        if self.twin is None:
            return ""
        ref = self.twin.ref
        if ref.name != self.entry.ref.name:
            return f"Same bytes as {ref.name}"
        return (
            f"Same bytes as the one of {ORIGINS[self.twin.origin]}"
            if self.twin.origin != self.entry.origin
            else (f"Same bytes as {ref.path}")
        )

    @property
    def _origin_note(self) -> str:
        entry = self.entry
        if entry.origin == "starter":
            return "starter"
        if entry.lineage:
            return f"from {entry.lineage[-1]}"
        if entry.ref.repo_id:
            return entry.ref.repo_id.partition("/")[0]
        if entry.also:
            return f"also {', '.join(entry.also)}"
        if entry.publisher:
            return entry.publisher
        return ""

    @property
    def here_bytes(self) -> int:
        """What it takes on the disk."""
        return self.entry.ref.size_bytes if self.resting is None else self.resting.size_bytes

    @property
    def checked(self) -> str:
        """Whether its bytes are what they should be."""
        if self.verifying is not None:
            return f"{self.verifying * 100:.0f} % read"
        if self.resting is not None:
            return "No"
        return {True: "Verified", False: "Differs", None: "Not yet"}[self.entry.verified]

    @property
    def load(self) -> LoadParameters | None:
        """How it would be loaded; None until that was planned."""
        return self.plan.load if self.plan is not None else None

    @property
    def measured_speed(self) -> float | None:
        """Tokens per second that it showed here when loaded as it is planned; before a plan the newest there is."""
        if self.forecast is None:
            return self.entry.decode_tokens_per_second
        return self.forecast.decode_tokens_per_second if self.forecast.speed_is_measured else None

    @property
    def speed(self) -> str:
        """Measured speed, or a forecast marked as such."""
        if self.measured_speed is not None:
            return _speed(self.measured_speed)
        speed = self.forecast.decode_tokens_per_second if self.forecast else None
        mark = "≤" if self.forecast and self.forecast.speed_source is SpeedSource.ELSEWHERE else "≈"
        return f"{mark} {_speed(speed)}" if speed is not None else "–"


class LibraryTableModel(QAbstractTableModel):
    """One row per model."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[LibraryRow] = []

    @property
    def rows(self) -> Sequence[LibraryRow]:
        """The rows, unsorted."""
        return tuple(self._rows)

    def replace(self, rows: Sequence[LibraryRow]) -> None:
        """Show these models; the same ones with new facts keep selection and scroll position."""
        if [_identity(row) for row in rows] == [_identity(row) for row in self._rows]:
            for number, row in enumerate(rows):
                self.set_row(number, row)
            return
        self.beginResetModel()
        self._rows = list(rows)
        self.endResetModel()

    def set_row(self, number: int, row: LibraryRow) -> None:
        """Show new facts of one model."""
        if row != self._rows[number]:
            self._rows[number] = row
            self.dataChanged.emit(self.index(number, 0), self.index(number, LibraryColumn.LAST_USED.value))

    def set_forecast(self, entry: LibraryEntry, forecast: FitForecast | None) -> None:
        """Show how a model will run."""
        number = self.row_of(entry)
        if number >= 0:
            self.set_row(number, dataclasses.replace(self._rows[number], forecast=forecast))

    def set_plans(self, plans: Sequence[tuple[LibraryEntry, LoadPlan]]) -> None:
        """Show how models would be loaded and run, all at once."""
        changed = []
        for entry, plan in plans:
            number = self.row_of(entry)
            row = dataclasses.replace(self._rows[number], plan=plan, forecast=plan.forecast) if number >= 0 else None
            if row is not None and row != self._rows[number]:
                self._rows[number] = row
                changed.append(number)
        if changed:
            last = LibraryColumn.LAST_USED.value
            self.dataChanged.emit(self.index(min(changed), 0), self.index(max(changed), last))

    def set_verifying(self, entry: LibraryEntry, verifying: float | None) -> None:
        """Show how far a model's hash is computed, None once it is."""
        number = self.row_of(entry)
        if number >= 0:
            self.set_row(number, dataclasses.replace(self._rows[number], verifying=verifying))

    def row_of(self, entry: LibraryEntry) -> int:
        """Number of a model's row, −1 when it is not here."""
        wanted = _identity(LibraryRow(entry=entry))
        return next((number for number, row in enumerate(self._rows) if _identity(row) == wanted), -1)

    def rowCount(self, parent: Index = ROOT) -> int:
        """Models."""
        return count_below(self._rows, parent)

    def columnCount(self, parent: Index = ROOT) -> int:
        """Columns of LibraryColumn."""
        return 0 if parent.isValid() else len(LibraryColumn)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Titles; units stand here, not in the cells."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _TITLES[LibraryColumn(section)]
        if role == Qt.ItemDataRole.TextAlignmentRole and section in _RIGHT:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Texts of the cells, raw numbers to sort by and the row's value."""
        row = row_at(self._rows, index)
        if row is None:
            return None
        column = LibraryColumn(index.column())
        match role:
            case LibraryRole.ROW:
                return row
            case LibraryRole.SORT:
                return _sort_key(row, column)
            case Qt.ItemDataRole.DisplayRole:
                return _text(row, column)
            case Qt.ItemDataRole.AccessibleTextRole:
                return _spoken(row) if column is LibraryColumn.NAME else _text(row, column)
            case Qt.ItemDataRole.ToolTipRole if column is LibraryColumn.NAME:
                return plain_tool_tip(row.entry.problem or row.entry.ref.path or "")
            case Qt.ItemDataRole.ToolTipRole if column is LibraryColumn.FIT:
                return plain_tool_tip(row.forecast.reason) if row.forecast else None
        return None


class LibraryFilter(QSortFilterProxyModel):
    """Sorts by raw numbers; shows one segment and the rows that contain every word of a text."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._origins: Collection[Origin] | None = None
        self._words: tuple[str, ...] = ()
        self.setSortRole(LibraryRole.SORT)
        self.setDynamicSortFilter(True)

    def show_segment(self, segment: str | None) -> None:
        """Show models of one of SEGMENTS; None shows all."""
        self._origins = None if segment is None else SEGMENTS[segment][1]
        self.invalidate()

    def show_words(self, text: str) -> None:
        """Show models whose name, type, publisher, licence or hash contain every word."""
        self._words = tuple(text.lower().split())
        self.invalidate()

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        """Whether a row shows."""
        row = self.sourceModel().index(source_row, 0, source_parent).data(LibraryRole.ROW)
        if self._origins is not None and row.entry.origin not in self._origins:
            return False
        ref = row.entry.ref
        told = (ref.name, ref.quant_type, ref.repo_id, row.entry.license, row.entry.architecture, ref.sha256)
        further = (row.entry.publisher, row.entry.program and PROGRAM_NAMES[row.entry.program], *row.entry.also)
        haystack = " ".join([*(part for part in (*told, *further) if part), *ref.filenames]).lower()
        return all(word in haystack for word in self._words)

    def lessThan(self, left: Index, right: Index) -> bool:
        """Order of two cells by their raw values."""
        (one, name), (other, other_name) = left.data(LibraryRole.SORT), right.data(LibraryRole.SORT)
        if one != other:
            return bool(one < other)
        # What is equal stands by name, also where the largest comes first.
        descends = self.sortOrder() is Qt.SortOrder.DescendingOrder and left.column() in _FIGURES
        return bool(name > other_name if descends else name < other_name)


def _identity(row: LibraryRow) -> tuple[str | None, tuple[str, ...]]:
    return row.entry.ref.path, row.entry.ref.filenames


def _text(row: LibraryRow, column: LibraryColumn) -> str:
    ref = row.entry.ref
    match column:
        case LibraryColumn.NAME:
            return ref.name
        case LibraryColumn.TYPE:
            return ref.quant_type or "–"
        case LibraryColumn.SIZE:
            return format_gib(ref.size_bytes)
        case LibraryColumn.SOURCE:
            return ORIGINS[row.entry.origin]
        case LibraryColumn.CHECKED:
            return row.checked
        case LibraryColumn.FIT:
            return (
                verdict_word(row.forecast)
                if row.forecast
                else ("Damaged" if row.entry.problem and not row.resting else "")
            )
        case LibraryColumn.SPEED:
            return row.speed
        case LibraryColumn.LAST_USED:
            return age(row.entry.last_used_at)


def _sort_key(row: LibraryRow, column: LibraryColumn) -> tuple[float, str]:
    name = row.entry.ref.name.lower()
    match column:
        case LibraryColumn.SIZE:
            return float(row.entry.ref.size_bytes), name
        case LibraryColumn.SPEED:
            speed = row.measured_speed
            if speed is None and row.forecast is not None:
                speed = row.forecast.decode_tokens_per_second
            return speed or 0.0, name
        case LibraryColumn.LAST_USED:
            return row.entry.last_used_at or 0.0, name
        case LibraryColumn.FIT:
            order = _VERDICT_ORDER.index(row.forecast.verdict) if row.forecast else len(_VERDICT_ORDER)
            return float(order), name
        case _:
            return 0.0, f"{_text(row, column).lower()} {name}"


def _speed(tokens_per_second: float) -> str:
    return f"{tokens_per_second:.1f}" if tokens_per_second < 100 else f"{tokens_per_second:.0f}"


def _spoken(row: LibraryRow) -> str:
    entry = row.entry
    parts = [entry.ref.name, entry.ref.quant_type or "unknown type", format_bytes(entry.ref.size_bytes)]
    parts += [row.news] if row.news else []
    parts.append(entry.problem or (verdict_word(row.forecast) if row.forecast else row.checked))
    return ", ".join(parts)
