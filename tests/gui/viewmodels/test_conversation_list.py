from __future__ import annotations

from typing import Any

from PySide6.QtCore import QModelIndex, Qt

from garden.core.conversation import ConversationSummary
from garden.gui.viewmodels.conversation_list import conversation_list, describe
from garden.gui.viewmodels.value_list import VALUE_ROLE


def row(number: int, turns: int = 1, *models: str) -> ConversationSummary:
    return ConversationSummary(id=f"c{number}", title=f"Title {number}", models=models, turns=turns, updated_at=0.0)


def test_rows_keep_the_rules_of_item_models(qtmodeltester: Any) -> None:
    model = conversation_list()
    model.set_rows([row(1), row(2)])
    qtmodeltester.check(model)


def test_a_row_has_a_title_and_its_summary() -> None:
    model = conversation_list()
    model.set_rows([row(1), row(2)])
    index = model.index(1)
    assert index.data(Qt.ItemDataRole.DisplayRole) == "Title 2"
    assert index.data(VALUE_ROLE) == row(2)
    assert model.data(QModelIndex()) is None


def test_models_are_named_once() -> None:
    assert describe(row(1, 3, "Qwen3-8B", "Qwen3-8B", "gemma-3")) == "3 turns · Qwen3-8B, gemma-3"
    assert describe(row(1)) == "1 turn"
