"""Kept conversations as rows, the newest first."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from PySide6.QtCore import QAbstractListModel, QObject, Qt

from garden.core.conversation import ConversationSummary
from garden.gui.viewmodels.model_index import ROOT, Index, count_below, row_at
from garden.gui.viewmodels.wording import age


class ConversationRole(enum.IntEnum):
    """What a row can be asked for."""

    SUMMARY = Qt.ItemDataRole.UserRole + 1


class ConversationListModel(QAbstractListModel):
    """One row per conversation; the display text is its title."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[ConversationSummary, ...] = ()

    @property
    def rows(self) -> tuple[ConversationSummary, ...]:
        """What is listed."""
        return self._rows

    def set_rows(self, rows: Sequence[ConversationSummary]) -> None:
        """List these."""
        if tuple(rows) == self._rows:
            return
        self.beginResetModel()
        self._rows = tuple(rows)
        self.endResetModel()

    def row_of(self, conversation_id: str) -> int:
        """Row of a conversation, −1 when it is not listed."""
        return next((number for number, row in enumerate(self._rows) if row.id == conversation_id), -1)

    def rowCount(self, parent: Index = ROOT) -> int:
        """As many as there are."""
        return count_below(self._rows, parent)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Title, what a screen reader says, or the summary."""
        row = row_at(self._rows, index)
        if row is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return row.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{row.title}, {describe(row)}, {age(row.updated_at)}"
        if role == ConversationRole.SUMMARY:
            return row
        return None


def describe(row: ConversationSummary) -> str:
    """``3 turns · Qwen3-8B, gemma-3-12b-it``: what it was about, in one line."""
    turns = f"{row.turns} turn" if row.turns == 1 else f"{row.turns} turns"
    models = ", ".join(dict.fromkeys(row.models))
    return f"{turns} · {models}" if models else turns
