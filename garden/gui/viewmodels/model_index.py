"""Places in item models: what Qt hands over, and the row that lies there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from PySide6.QtCore import QModelIndex, QPersistentModelIndex

Index = QModelIndex | QPersistentModelIndex

_Row = TypeVar("_Row")

#: Above the first level: the parent of all rows of a list or a table.
ROOT = QModelIndex()


def row_at(rows: Sequence[_Row], index: Index) -> _Row | None:
    """The row that an index points at; None for one that points nowhere, or at a row that is gone."""
    return rows[index.row()] if index.isValid() and index.row() < len(rows) else None


def count_below(rows: Sequence[object], parent: Index) -> int:
    """How many rows lie below an index: all below the root, none below a row."""
    return 0 if parent.isValid() else len(rows)
