"""Kept conversations as rows, the newest first."""

from __future__ import annotations

from PySide6.QtCore import QObject

from garden.core.conversation import ConversationSummary
from garden.gui.viewmodels.value_list import ValueListModel
from garden.gui.viewmodels.wording import age


def conversation_list(parent: QObject | None = None) -> ValueListModel[ConversationSummary]:
    """Conversations as rows; the text is the title."""
    return ValueListModel(
        text=lambda row: row.title,
        spoken=lambda row: f"{row.title}, {describe(row)}, {age(row.updated_at)}",
        parent=parent,
    )


def describe(row: ConversationSummary) -> str:
    """``3 turns · Qwen3-8B, gemma-3-12b-it``: what it was about, in one line."""
    turns = f"{row.turns} turn" if row.turns == 1 else f"{row.turns} turns"
    models = ", ".join(dict.fromkeys(row.models))
    return f"{turns} · {models}" if models else turns
