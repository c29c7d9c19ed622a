"""The table of loads: forecast against what was seen."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from PySide6.QtCore import QAbstractTableModel, QObject, Qt

from garden.core.quantity import format_gib, format_tokens
from garden.gui.viewmodels.audit_rows import TITLES, AuditKind, AuditRow
from garden.gui.viewmodels.model_index import ROOT, Index, count_below, row_at

#: The object of a row.
AUDIT_ROLE = Qt.ItemDataRole.UserRole + 1

#: Half of the bar's column stands for at least this error, so that small ones stay small.
_LEAST_FULL = 0.02

_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class AuditColumn(enum.IntEnum):
    """Columns in their order."""

    LOAD = 0
    CONTEXT = 1
    FORECAST = 2
    SEEN = 3
    BAR = 4
    ERROR = 5


_TITLES = ("Load", "Ctx", "Forecast, GiB", "", "under · over", "Error")


def error_text(row: AuditRow) -> str:
    """``+0.3 %``, ``−0.3 %``, ``0.0 %``, or a dash where nothing was forecast."""
    if row.error is None:
        return "–"
    shown = f"{abs(row.error) * 100:.1f} %"
    if shown == "0.0 %":
        return shown
    return f"+{shown}" if row.error > 0 else f"−{shown}"  # a minus as wide as the plus


class AuditTableModel(QAbstractTableModel):
    """Rows of the audit, the newest first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[AuditRow, ...] = ()
        self._kind = AuditKind.BUFFERS

    @property
    def full(self) -> float:
        """The error that fills half of the bar's column."""
        return max([_LEAST_FULL, *(abs(row.error) for row in self._rows if row.error is not None)])

    def show_rows(self, rows: Sequence[AuditRow], kind: AuditKind = AuditKind.BUFFERS) -> None:
        """Show these.

        Args:
            rows: The newest first.
            kind: What they audit; it names the column of what was seen.
        """
        self.beginResetModel()
        self._rows, self._kind = tuple(rows), kind
        self.endResetModel()

    def rowCount(self, parent: Index = ROOT) -> int:
        """Loads."""
        return count_below(self._rows, parent)

    def columnCount(self, parent: Index = ROOT) -> int:
        """Columns."""
        return 0 if parent.isValid() else len(_TITLES)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Titles; figures are titled at the right."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return TITLES[self._kind][1] if section == AuditColumn.SEEN else _TITLES[section]
        if role == Qt.ItemDataRole.TextAlignmentRole and section in (
            AuditColumn.FORECAST,
            AuditColumn.SEEN,
            AuditColumn.ERROR,
        ):
            return _RIGHT
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Words of a cell, the object of a row, what a screen reader says."""
        row = row_at(self._rows, index)
        if row is None:
            return None
        if role == AUDIT_ROLE:
            return row
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return _cell(row, AuditColumn(index.column()))
        if role == Qt.ItemDataRole.ToolTipRole and index.column() == AuditColumn.LOAD:
            return row.title
        return None


def _cell(row: AuditRow, column: AuditColumn) -> str:
    match column:
        case AuditColumn.LOAD:
            return row.title
        case AuditColumn.CONTEXT:
            return format_tokens(row.context_length)
        case AuditColumn.FORECAST:
            return "–" if row.forecast_bytes is None else format_gib(row.forecast_bytes)
        case AuditColumn.SEEN:
            return format_gib(row.seen_bytes)
        case AuditColumn.BAR:
            return "" if row.error is None else "over" if row.error > 0 else "under"
        case AuditColumn.ERROR:
            return error_text(row)
