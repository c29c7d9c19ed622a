"""The types that a model can be quantized to, as a table: exact size, memory, verdict, speed, loss."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QAbstractTableModel, QObject, Qt, Signal

from garden.core.fit_forecast import DeviceMemory, FitForecast, Verdict
from garden.core.job_record import JobRecord, JobState
from garden.core.library_entry import LibraryEntry
from garden.core.quantity import GIB, MIB, format_bytes
from garden.core.receipt import QualityReport, QuantizationForecast
from garden.gui.viewmodels.model_index import ROOT, Index, count_below, row_at
from garden.gui.viewmodels.wording import verdict_word
from garden.quantization.fallback_text import fallback_sentence
from garden.quantization.published import REFERENCE_MODEL, PublishedLoss

#: Losses from here on are told in words.
_LARGE_LOSS = 0.1
#: Types that others of the same size beat.
_POOR_VALUE = frozenset({"Q4_0", "Q4_1", "Q5_0", "Q5_1"})

#: Why nothing is recommended, and no published loss shown, for such a source.
REQUANTIZED = "No type is recommended: published losses hold for full-precision sources only."


class QuantColumn(enum.IntEnum):
    """Columns, left to right."""

    CHOSEN = 0
    TYPE = 1
    SIZE = 2
    BITS = 3
    NOTE = 4
    MEMORY = 5
    VERDICT = 6
    SPEED = 7
    PUBLISHED = 8
    LOSS = 9


_TITLE_HINTS = {
    QuantColumn.BITS: "Bits per weight",
    QuantColumn.SPEED: "Tokens per second, as they answered on this machine",
    QuantColumn.LOSS: "Kullback–Leibler divergence from the source, measured on this machine; less is better",
    QuantColumn.PUBLISHED: f"Measured by llama.cpp on {REFERENCE_MODEL}, not on this model",
}


class QuantRole(enum.IntEnum):
    """What a cell gives beside its text."""

    ROW = Qt.ItemDataRole.UserRole + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantRow:
    """One type and what is known of what it would make.

    Attributes:
        quant_type: llama.cpp's name.
        forecast: From the engine's dry run, None until it ran.
        fit: How the result will run here, None until computed.
        entry: The result, when it is in the library already.
        job: The quantization under way, None when there is none.
        loss: Measured here against the source.
        published: Published for another model; None where that tells nothing of this source.
        chosen: Whether the user wants it.
        recommended: Whether it is the one to take.
        grows: Whether the result would be larger than the source.
        requantized: Whether the source is quantized already: nothing is known of a loss but what was measured here.
    """

    quant_type: str
    forecast: QuantizationForecast | None = None
    fit: FitForecast | None = None
    entry: LibraryEntry | None = None
    job: JobRecord | None = None
    loss: QualityReport | None = None
    published: PublishedLoss | None = None
    chosen: bool = False
    recommended: bool = False
    grows: bool = False
    requantized: bool = False

    @property
    def can_be_chosen(self) -> bool:
        """Neither there already nor being made."""
        return self.entry is None and self.job is None

    @property
    def note(self) -> tuple[str, str]:
        """Text and tone of the tag: what is going on, or what speaks for or against the type."""
        if self.job is not None:
            if self.job.state is JobState.RUNNING:
                fraction = self.job.fraction
                return ("Quantizing" if fraction is None else f"Quantizing, {fraction:.0%}".replace("%", " %")), "info"
            return "Waiting", "plain"
        if self.entry is not None:
            return "In library", "plain"
        if self.recommended:
            return "Recommended", "accent"
        if self.grows:
            return "Larger than source", "warning"
        if self._loses_much:
            return "Large loss", "plain"
        if self.quant_type in _POOR_VALUE and not self.requantized:
            return "Poor value", "plain"
        return "", "plain"

    @property
    def _loses_much(self) -> bool:
        """By what was measured; else by what was published, which the tag's hint then says."""
        if self.loss is not None:
            return self.loss.kld_mean >= _LARGE_LOSS
        return self.published is not None and self.published.kld_mean >= _LARGE_LOSS

    @property
    def device(self) -> DeviceMemory | None:
        """The device that matters: the GPU where one holds anything, else the RAM."""
        if self.fit is None:
            return None
        holding = [device for device in self.fit.devices if device.required_bytes]
        return next((device for device in holding if device.kind == "gpu"), holding[0] if holding else None)


class QuantTableModel(QAbstractTableModel):
    """One row per type, the largest first.

    Signals:
        choice_changed: The user chose or dropped a type.
    """

    choice_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[QuantRow] = []
        self._base = ""
        self._context = ""

    @property
    def rows(self) -> Sequence[QuantRow]:
        """The rows, in order."""
        return tuple(self._rows)

    @property
    def chosen(self) -> list[QuantRow]:
        """Types that the user wants made."""
        return [row for row in self._rows if row.chosen and row.can_be_chosen]

    @property
    def unit(self) -> tuple[str, int] | None:
        """Unit of the sizes and its bytes: GiB, or MiB while everything is small; None while no size is known."""
        largest = max((row.forecast.size_bytes for row in self._rows if row.forecast), default=None)
        if largest is None:
            return None
        return ("GiB", GIB) if largest >= GIB else ("MiB", MIB)

    def set_titles(self, base: str, context: str) -> None:
        """Name what losses are measured against, and the context of the memory column."""
        if (base, context) != (self._base, self._context):
            self._base, self._context = base, context
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(QuantColumn) - 1)

    def replace(self, rows: Sequence[QuantRow]) -> None:
        """Show these rows; the same types with new facts keep selection and scroll position."""
        if [row.quant_type for row in rows] != [row.quant_type for row in self._rows]:
            self.beginResetModel()
            self._rows = list(rows)
            self.endResetModel()
            return
        before, titles = self._rows, self._titles
        self._rows = list(rows)
        if self._titles != titles:
            # A unit holds for every row, so all of them are told anew with it.
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(QuantColumn) - 1)
            if rows:
                self._tell(0, len(rows) - 1)
            return
        for number, row in enumerate(rows):
            if row != before[number]:
                self._tell(number, number)

    def choose(self, quant_types: Sequence[str]) -> None:
        """Choose exactly these."""
        self.replace([dataclasses.replace(row, chosen=row.quant_type in quant_types) for row in self._rows])
        self.choice_changed.emit()

    def toggle(self, number: int) -> None:
        """Choose a type, or drop it."""
        row = self._rows[number]
        if row.can_be_chosen:
            self._rows[number] = dataclasses.replace(row, chosen=not row.chosen)
            self._tell(number, number)
            self.choice_changed.emit()

    def _tell(self, first: int, last: int) -> None:
        self.dataChanged.emit(self.index(first, 0), self.index(last, len(QuantColumn) - 1))

    def rowCount(self, parent: Index = ROOT) -> int:
        """Types."""
        return count_below(self._rows, parent)

    def columnCount(self, parent: Index = ROOT) -> int:
        """Columns of QuantColumn."""
        return 0 if parent.isValid() else len(QuantColumn)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Types that can be chosen carry a check box."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren
        if index.column() == QuantColumn.CHOSEN and self._rows[index.row()].can_be_chosen:
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags

    def setData(self, index: Index, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Take a check that a screen reader sets."""
        if role != Qt.ItemDataRole.CheckStateRole or not self.flags(index) & Qt.ItemFlag.ItemIsUserCheckable:
            return False
        wanted = Qt.CheckState(value) is Qt.CheckState.Checked
        if wanted != self._rows[index.row()].chosen:
            self.toggle(index.row())
        return True

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Titles; units stand here, not in the cells."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        column = QuantColumn(section)
        if role == Qt.ItemDataRole.DisplayRole:
            return self._title(column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return _TITLE_HINTS.get(column)
        right = (QuantColumn.SIZE, QuantColumn.BITS, QuantColumn.SPEED, QuantColumn.LOSS, QuantColumn.PUBLISHED)
        if role == Qt.ItemDataRole.TextAlignmentRole and column in right:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Texts of the cells and the row's value."""
        row = row_at(self._rows, index)
        if row is None:
            return None
        column = QuantColumn(index.column())
        match role:
            case QuantRole.ROW:
                return row
            case Qt.ItemDataRole.DisplayRole:
                return self._text(row, column)
            case Qt.ItemDataRole.CheckStateRole if column is QuantColumn.CHOSEN and row.can_be_chosen:
                return Qt.CheckState.Checked if row.chosen else Qt.CheckState.Unchecked
            case Qt.ItemDataRole.AccessibleTextRole if column is QuantColumn.CHOSEN:
                return _spoken(row)
            case Qt.ItemDataRole.ToolTipRole:
                return _hint(row, column)
        return None

    @property
    def _titles(self) -> tuple[str, ...]:
        return tuple(self._title(column) for column in QuantColumn)

    def _title(self, column: QuantColumn) -> str:
        titles = {
            QuantColumn.TYPE: "Type",
            QuantColumn.SIZE: f"Size, {self.unit[0]}" if self.unit else "Size",
            QuantColumn.BITS: "bpw",
            QuantColumn.MEMORY: self._memory_title,
            QuantColumn.VERDICT: "Verdict",
            QuantColumn.SPEED: "tok/s",
            QuantColumn.LOSS: f"KLD from {self._base}" if self._base else "KLD",
            QuantColumn.PUBLISHED: f"{REFERENCE_MODEL}, published",
        }
        return titles.get(column, "")

    @property
    def _memory_title(self) -> str:
        """Whose memory the bars show; not every row's need be the same device's."""
        kinds = {row.device.kind for row in self._rows if row.device is not None}
        where = {frozenset({"gpu"}): "GPU memory", frozenset({"ram"}): "RAM"}.get(frozenset(kinds), "Memory")
        return f"{where} at {self._context}" if self._context else where

    def _text(self, row: QuantRow, column: QuantColumn) -> str:
        match column:
            case QuantColumn.TYPE:
                return row.quant_type
            case QuantColumn.SIZE:
                return _size_text(row, self.unit)
            case QuantColumn.BITS:
                return f"{row.forecast.bits_per_weight:.2f}" if row.forecast else ""
            case QuantColumn.NOTE:
                return row.note[0]
            case QuantColumn.VERDICT:
                return verdict_word(row.fit) if row.fit else ""
            case QuantColumn.SPEED:
                speed = row.entry.decode_tokens_per_second if row.entry else None
                return "" if speed is None else f"{speed:.0f}" if speed >= 10 else f"{speed:.1f}"
            case QuantColumn.LOSS:
                return loss_text(row)
            case QuantColumn.PUBLISHED if row.published:
                return f"{row.published.kld_mean:g}"
            case _:
                return ""


def loss_text(row: QuantRow) -> str:
    """``0.0382 ± 0.0011``: what was measured here, and nothing else."""
    if row.loss is None:
        return "not measured"
    return f"{row.loss.kld_mean:.4f} ± {row.loss.kld_standard_error:.4f}"


def _size_text(row: QuantRow, unit: tuple[str, int] | None) -> str:
    if row.forecast is None or unit is None:
        return ""
    size = row.forecast.size_bytes / unit[1]
    return f"{size:.2f}" if unit[0] == "GiB" else f"{size:.1f}"


def _hint(row: QuantRow, column: QuantColumn) -> str | None:
    match column:
        case QuantColumn.SIZE if row.forecast:
            return f"{row.forecast.size_bytes:,} bytes, from the engine's own dry run"
        case QuantColumn.NOTE if row.note[0] == "Large loss" and row.loss is None:
            return _published_hint(row)
        case QuantColumn.TYPE | QuantColumn.NOTE | QuantColumn.BITS if row.forecast and row.forecast.fallbacks:
            return fallback_sentence(row.forecast.fallbacks)
        case QuantColumn.VERDICT if row.fit:
            return row.fit.reason
        case QuantColumn.SPEED if not (row.entry and row.entry.decode_tokens_per_second):
            return "Known once this type has answered here"
        case QuantColumn.LOSS if row.loss:
            return f"Same most probable token: {row.loss.same_top:.1%} of {row.loss.tokens_scored:,} positions"
        case QuantColumn.LOSS if row.requantized:
            return REQUANTIZED
        case QuantColumn.LOSS | QuantColumn.PUBLISHED:
            return _published_hint(row)
    return None


def _published_hint(row: QuantRow) -> str | None:
    if row.published is None:
        return None
    imatrix = ", with an importance matrix" if row.published.with_imatrix else ""
    figure = f"{row.published.kld_mean:g}"
    return f"{REFERENCE_MODEL} loses {figure}, published by llama.cpp{imatrix}. Small models lose far more."


def _spoken(row: QuantRow) -> str:
    parts = [row.quant_type]
    if row.forecast:
        parts.append(format_bytes(row.forecast.size_bytes))
    if row.fit:
        parts.append(verdict_word(row.fit))
    if row.note[0]:
        parts.append(row.note[0])
    parts.append(f"loss {loss_text(row)}")
    if row.loss is None and row.published is not None:
        parts.append(f"{REFERENCE_MODEL}, published: {row.published.kld_mean:g}")
    return ", ".join(parts)


def recommended_type(rows: Sequence[QuantRow], default: str) -> str | None:
    """The type to take of a full-precision source: the default where it runs and shrinks, else the largest that does.

    Of a source that is quantized already none is: what a second loss costs is known only once it was measured.
    """
    fitting = [
        row
        for row in rows
        if row.forecast and not (row.grows or row.requantized) and row.fit and row.fit.verdict is Verdict.FITS
    ]
    if any(row.quant_type == default for row in fitting):
        return default
    worthy = [row for row in fitting if row.quant_type not in _POOR_VALUE]
    return max(worthy, key=lambda row: row.forecast.size_bytes if row.forecast else 0).quant_type if worthy else None
