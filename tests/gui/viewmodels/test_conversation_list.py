from __future__ import annotations

from typing import Any

from PySide6.QtCore import QModelIndex, Qt

from garden.core.conversation import ConversationSummary
from garden.gui.viewmodels.conversation_list import ConversationListModel, ConversationRole, describe


def row(number: int, turns: int = 1, *models: str) -> ConversationSummary:
    return ConversationSummary(id=f"c{number}", title=f"Title {number}", models=models, turns=turns, updated_at=0.0)


def test_rows_keep_the_rules_of_item_models(qtmodeltester: Any) -> None:
    model = ConversationListModel()
    model.set_rows([row(1), row(2)])
    qtmodeltester.check(model)


def test_a_row_has_a_title_and_is_found_by_its_id() -> None:
    model = ConversationListModel()
    model.set_rows([row(1), row(2)])
    index = model.index(model.row_of("c2"))
    assert index.data(Qt.ItemDataRole.DisplayRole) == "Title 2"
    assert index.data(ConversationRole.SUMMARY) == row(2)
    assert model.row_of("gone") == -1
    assert model.data(QModelIndex()) is None


def test_models_are_named_once() -> None:
    assert describe(row(1, 3, "Qwen3-8B", "Qwen3-8B", "gemma-3")) == "3 turns · Qwen3-8B, gemma-3"
    assert describe(row(1)) == "1 turn"
