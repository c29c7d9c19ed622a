"""The files of a repository as a table: type, size, memory, verdict, speed and what can be done."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractTableModel, QObject, Qt

from garden.core.catalog import RepositoryFile
from garden.core.fit_forecast import FitForecast, SpeedSource
from garden.core.job_record import JobRecord, JobState
from garden.core.library_entry import LibraryEntry
from garden.core.quantity import format_bytes, format_gib
from garden.core.run_configuration import LoadParameters
from garden.gui.viewmodels.model_index import ROOT, Index, row_at
from garden.gui.viewmodels.wording import verdict_word
from garden.gui.widgets.tool_tip import plain_tool_tip
from garden.services.files_beside import FilesBeside

if TYPE_CHECKING:
    from garden.gguf.header import GgufHeader


class FileColumn(enum.IntEnum):
    """Columns, left to right."""

    TYPE = 0
    SIZE = 1
    MEMORY = 2
    VERDICT = 3
    SPEED = 4
    ACTION = 5


class FileRole(enum.IntEnum):
    """What a cell gives beside its text."""

    ROW = Qt.ItemDataRole.UserRole + 1


#: Names of files that a tool tip lists.
MOST_NAMES = 12

_TITLES = {
    FileColumn.TYPE: "Type",
    FileColumn.SIZE: "Size, GiB",
    FileColumn.MEMORY: "Memory, GiB",
    FileColumn.VERDICT: "Verdict",
    FileColumn.SPEED: "tok/s",
    FileColumn.ACTION: "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """One file of the repository on the page, and what is known of it so far.

    Attributes:
        file: The file, or the set of shards as one.
        header: Its header, None until it was read.
        forecast: How it will run with the context and cache types at hand, None until the header was read.
        load: What was forecast, to the last field; None until the header was read.
        problem: Why the header could not be read.
        entry: The same file in the library, None when it is not there.
        job: The download under way (or its end), None when there was none.
        recommended: Whether this is the one to take.
    """

    file: RepositoryFile
    header: GgufHeader | None = None
    forecast: FitForecast | None = None
    load: LoadParameters | None = None
    problem: str | None = None
    entry: LibraryEntry | None = None
    job: JobRecord | None = None
    recommended: bool = False

    @property
    def title(self) -> str:
        """``Q4_K_M``, or the file's name when that says no type."""
        return self.file.quant_type or self.file.filename.rpartition("/")[2]

    @property
    def downloading(self) -> bool:
        """Whether a download has neither ended nor been paused."""
        return self.job is not None and not self.job.state.ended and not self.paused

    @property
    def paused(self) -> bool:
        """Whether a download waits until it is asked for again: the user, a full disk or an end cut it short."""
        return self.job is not None and self.job.state is JobState.PAUSED

    @property
    def action(self) -> str:
        """What a click on its last cell does, or why nothing."""
        if self.entry is not None:
            return "In library"
        if self.paused:
            return "Resume"
        # A click too many must not cost what came: a cancel stands in the panel below, and says so.
        return "Pause" if self.downloading else "Download"

    @property
    def bits_per_weight(self) -> float | None:
        """8 · tensor bytes / parameters; None until the header was read."""
        if self.header is None or not self.header.parameters:
            return None
        return 8 * self.header.data_bytes / self.header.parameters

    @property
    def note(self) -> str:
        """The small line under the type."""
        if self.job is not None and not self.job.state.ended:
            fraction = self.job.fraction
            state = self.job.state.value.capitalize()
            return f"{state} {fraction:.0%}" if fraction is not None else "Paused" if self.paused else "Waiting"
        if self.entry is not None:
            return "In library"
        bits = self.bits_per_weight
        shards = f"{len(self.file.files)} parts" if len(self.file.files) > 1 else ""
        if bits is None:
            return shards
        return f"{bits:.2f} bpw" + (f" · {shards}" if shards else "")


class FileTableModel(QAbstractTableModel):
    """One row per model that can be fetched, the largest first; below them what lies beside, which is told only."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[FileRow] = []
        self._beside: tuple[FilesBeside, ...] = ()

    @property
    def rows(self) -> Sequence[FileRow]:
        """The rows of models, in order."""
        return tuple(self._rows)

    @property
    def beside(self) -> Sequence[FilesBeside]:
        """The rows below them."""
        return self._beside

    def replace(self, rows: Sequence[FileRow], beside: Sequence[FilesBeside] = ()) -> None:
        """Show another repository's files."""
        self.beginResetModel()
        self._rows, self._beside = list(rows), tuple(beside)
        self.endResetModel()

    def update_rows(self, rows: Sequence[FileRow]) -> None:
        """Show new facts of the same files; selection and scroll position stay."""
        changed = [number for number, row in enumerate(rows) if row != self._rows[number]]
        if not changed:
            return
        before, self._rows = self._rows, list(rows)
        rated = all(_but_for_its_rating(before[number], rows[number]) for number in changed)
        # What a moving knob changes: the other cells need not be painted anew.
        first, last = (FileColumn.MEMORY, FileColumn.SPEED) if rated else (FileColumn.TYPE, FileColumn.ACTION)
        self.dataChanged.emit(self.index(changed[0], first.value), self.index(changed[-1], last.value))

    def update_row(self, number: int, **facts: object) -> None:
        """Show new facts of one file."""
        self._rows[number] = dataclasses.replace(self._rows[number], **facts)  # type: ignore[arg-type]  # fields by name
        self.dataChanged.emit(self.index(number, 0), self.index(number, FileColumn.ACTION.value))

    def row_of(self, filename: str) -> int:
        """Number of a file's row, −1 when it is not here."""
        return next((number for number, row in enumerate(self._rows) if row.file.filename == filename), -1)

    def rowCount(self, parent: Index = ROOT) -> int:
        """Models, and what lies beside them."""
        return 0 if parent.isValid() else len(self._rows) + len(self._beside)

    def columnCount(self, parent: Index = ROOT) -> int:
        """Columns of FileColumn."""
        return 0 if parent.isValid() else len(FileColumn)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Only a model can be chosen."""
        if row_at(self._rows, index) is None:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Titles; units stand here, not in the cells."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _TITLES[FileColumn(section)]
        if role == Qt.ItemDataRole.TextAlignmentRole and section in (FileColumn.SIZE, FileColumn.SPEED):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Texts of the cells and the row's value."""
        rows: Sequence[FileRow | FilesBeside] = (*self._rows, *self._beside)
        row = row_at(rows, index)
        if row is None:
            return None
        if isinstance(row, FilesBeside):
            return _beside_data(row, FileColumn(index.column()), role)
        if role == FileRole.ROW:
            return row
        column = FileColumn(index.column())
        if role == Qt.ItemDataRole.DisplayRole:
            return _text(row, column)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return _spoken(row) if column is FileColumn.TYPE else _text(row, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return _tool_tip(row, column)
        return None


def _beside_data(row: FilesBeside, column: FileColumn, role: int) -> object:
    if role == FileRole.ROW:
        return row
    if role == Qt.ItemDataRole.ToolTipRole:
        more = len(row.filenames) - MOST_NAMES
        names = (*row.filenames[:MOST_NAMES], *((f"and {more} more",) if more > 0 else ()))
        return plain_tool_tip("\n".join(names))
    if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
        return None
    match column:
        case FileColumn.TYPE:
            return f"{row.title}, {row.note}" if role == Qt.ItemDataRole.AccessibleTextRole else row.title
        case FileColumn.SIZE:
            return size_beside(row)
        case FileColumn.MEMORY:
            return row.note
    return ""


def size_beside(row: FilesBeside) -> str:
    """GiB as the column has them; a matrix of some MB is no 0.00."""
    if row.size_bytes is None:
        return ""
    text = format_gib(row.size_bytes)
    return "< 0.01" if text == "0.00" else text


def _but_for_its_rating(row: FileRow, other: FileRow) -> bool:
    """Whether two rows of a file differ in how it will run alone."""
    return dataclasses.replace(row, forecast=other.forecast, load=other.load) == other


def _text(row: FileRow, column: FileColumn) -> str:
    forecast = row.forecast
    match column:
        case FileColumn.TYPE:
            return row.title
        case FileColumn.SIZE:
            return format_gib(row.file.size_bytes)
        case FileColumn.MEMORY:
            if forecast is None or forecast.need_bytes is None:
                return ""
            return format_gib(forecast.need_bytes)
        case FileColumn.VERDICT:
            if row.problem:
                return "Unreadable"
            return verdict_word(forecast, layers=True) if forecast else "Reading header"
        case FileColumn.SPEED:
            speed = forecast.decode_tokens_per_second if forecast else None
            bound = "≤ " if forecast is not None and forecast.speed_source is SpeedSource.ELSEWHERE else ""
            return f"{bound}{speed:.0f}" if speed is not None else "–"
        case FileColumn.ACTION:
            return row.action


def _tool_tip(row: FileRow, column: FileColumn) -> str | None:
    if column is FileColumn.VERDICT:
        return plain_tool_tip(row.problem or (row.forecast.reason if row.forecast else ""))
    if column is FileColumn.TYPE:
        return plain_tool_tip(row.file.filename)
    if column is FileColumn.SPEED and row.forecast is not None and row.forecast.speed_basis:
        return f"{_text(row, column)} tok/s, {row.forecast.speed_basis}"
    if column is FileColumn.ACTION:
        return _text(row, column)
    return None


def _spoken(row: FileRow) -> str:
    parts = [row.title, format_bytes(row.file.size_bytes), _text(row, FileColumn.VERDICT)]
    if row.recommended:
        parts.insert(1, "recommended")
    if row.entry is not None:
        parts.append("in library")
    return ", ".join(parts)
