"""Values as the rows of a list: what stands there, what a screen reader says, and the value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from PySide6.QtCore import QAbstractListModel, QObject, Qt

from garden.gui.viewmodels.model_index import ROOT, Index, count_below, row_at

T = TypeVar("T")

#: The value of a row.
VALUE_ROLE = Qt.ItemDataRole.UserRole + 1


class ValueListModel(QAbstractListModel, Generic[T]):
    """One row per value.

    Args:
        text: What stands in a row: the name of the value.
        spoken: What a screen reader says of it.
        tip: What is shown beside the pointer, None for nothing.
        parent: Qt parent.
    """

    def __init__(
        self,
        text: Callable[[T], str],
        spoken: Callable[[T], str],
        tip: Callable[[T], str] | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._text, self._spoken, self._tip = text, spoken, tip
        self._rows: tuple[T, ...] = ()

    @property
    def rows(self) -> tuple[T, ...]:
        """What is listed."""
        return self._rows

    def set_rows(self, rows: Sequence[T]) -> None:
        """List these; where nothing changes, the selection stays."""
        if tuple(rows) == self._rows:
            return
        self.beginResetModel()
        self._rows = tuple(rows)
        self.endResetModel()

    def rowCount(self, parent: Index = ROOT) -> int:
        """As many as there are."""
        return count_below(self._rows, parent)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Its text, what a screen reader says, the tip, or the value."""
        row = row_at(self._rows, index)
        if row is None:
            return None
        if role == VALUE_ROLE:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self._spoken(row)
        if role == Qt.ItemDataRole.ToolTipRole and self._tip is not None:
            return self._tip(row)
        return None
