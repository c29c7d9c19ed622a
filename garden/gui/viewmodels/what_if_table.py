"""The table of machines: how one model would run on each."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from PySide6.QtCore import QAbstractTableModel, QObject, Qt

from garden.gui.viewmodels.model_index import ROOT, Index, count_below, row_at
from garden.gui.viewmodels.what_if import WhatIfRow
from garden.gui.viewmodels.wording import verdict_word

#: The object of a row.
WHAT_IF_ROLE = Qt.ItemDataRole.UserRole + 1

_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class WhatIfColumn(enum.IntEnum):
    """Columns in their order."""

    MACHINE = 0
    VERDICT = 1
    SPEED = 2


_TITLES = ("Machine", "Verdict", "tok/s, at most")


class WhatIfTableModel(QAbstractTableModel):
    """Rows of machines, this one first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[WhatIfRow, ...] = ()

    @property
    def rows(self) -> tuple[WhatIfRow, ...]:
        """The rows."""
        return self._rows

    def show_rows(self, rows: Sequence[WhatIfRow]) -> None:
        """Show these; where the machines are the same as before, selection and place stay."""
        rows = tuple(rows)
        if [row.machine for row in rows] == [row.machine for row in self._rows]:
            self._rows = rows
            if rows:
                self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(_TITLES) - 1))
            return
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def rowCount(self, parent: Index = ROOT) -> int:
        """Machines."""
        return count_below(self._rows, parent)

    def columnCount(self, parent: Index = ROOT) -> int:
        """Columns."""
        return 0 if parent.isValid() else len(_TITLES)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Titles; figures are titled at the right."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _TITLES[section]
        if role == Qt.ItemDataRole.TextAlignmentRole and section == WhatIfColumn.SPEED:
            return _RIGHT
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Words of a cell, the object of a row, what a screen reader says, where the figures are from."""
        row = row_at(self._rows, index)
        if row is None:
            return None
        if role == WHAT_IF_ROLE:
            return row
        column = WhatIfColumn(index.column())
        if role == Qt.ItemDataRole.DisplayRole:
            return _cell(row, column)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return (
                f"{row.title}, verdicts are for it"
                if column is WhatIfColumn.MACHINE and row.chosen
                else _cell(row, column)
            )
        if role == Qt.ItemDataRole.ToolTipRole:
            return _tip(row, column)
        return None


def _cell(row: WhatIfRow, column: WhatIfColumn) -> str:
    match column:
        case WhatIfColumn.MACHINE:
            return row.title
        case WhatIfColumn.VERDICT:
            return verdict_word(row.forecast, layers=True)
        case WhatIfColumn.SPEED:
            return row.speed


def _tip(row: WhatIfRow, column: WhatIfColumn) -> str | None:
    match column:
        case WhatIfColumn.MACHINE:
            if row.machine is None:
                return None
            return f"{row.machine.title}\nFigures: {row.machine.basis or 'typed in'}"
        case WhatIfColumn.VERDICT:
            return " ".join(filter(None, (row.forecast.reason, row.forecast.suggestion)))
        case WhatIfColumn.SPEED:
            if row.machine is None or row.forecast.decode_tokens_per_second is None:
                return None
            return "No more than the published bandwidth of its memory allows; every real run is slower."
