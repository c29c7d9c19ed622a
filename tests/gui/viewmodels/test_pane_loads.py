from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from garden.core.conversation import Conversation
from garden.core.errors import GardenError, NotFoundError
from garden.core.model_ref import ModelRef
from garden.gguf.header import GgufHeader
from garden.gui.bridge.event_pump import EventPump
from garden.gui.viewmodels.change_queue import ChangeQueue
from garden.gui.viewmodels.pane_facts import PaneFactsReader
from garden.gui.viewmodels.pane_loads import PaneLoads
from garden.services.garden import Garden


class _Page:
    """Stands for the view model of the page: the conversation at hand, and what went wrong."""

    def __init__(self, garden: Garden, pump: EventPump) -> None:
        self.at_hand: Conversation | None = None
        self.failures: list[GardenError] = []
        changes = ChangeQueue(pump)
        changes.change_failed.connect(self.failures.append)
        self._changes = changes
        self._facts = PaneFactsReader(garden, pump)
        self.loads = PaneLoads(garden, changes, self._facts, lambda: self.at_hand, self._take)

    def show(self, conversation: Conversation) -> None:
        self.at_hand = conversation
        self._facts.read(conversation)

    def contexts(self) -> list[int]:
        assert self.at_hand is not None
        return [run.load.context_length for _letter, run in self.at_hand.panes]

    def _take(self, conversation: Conversation) -> None:
        if self.at_hand is not None and self.at_hand.id == conversation.id:
            self.show(conversation)


@pytest.fixture
def page(qtbot: QtBot, garden: Garden) -> Iterator[_Page]:
    pump = EventPump(garden.bus)
    yield _Page(garden, pump)
    pump.close()


def test_a_pane_whose_file_is_gone_does_not_hold_up_the_others(
    qtbot: QtBot,
    garden: Garden,
    page: _Page,
    tiny_model: Path,
    other_tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = [
        garden.compare.configuration_for(garden.library.add_file(path))
        for path in (tiny_model, other_tiny_model, tiny_model)
    ]
    page.show(garden.compare.new(runs))
    usual = page.contexts()
    read = garden.fit.header

    def header(model: ModelRef) -> GgufHeader:
        if model == runs[1].model:
            raise NotFoundError("The file is gone.", "Put it back.")
        return read(model)

    monkeypatch.setattr(garden.fit, "header", header)

    page.loads.choose("", {"context_length": 512})
    qtbot.waitUntil(lambda: not page.loads.changing)

    assert page.contexts() == [512, usual[1], 512]
    assert [failure.sentence for failure in page.failures] == ["The file is gone."]
    kept = garden.compare.open(page.at_hand.id) if page.at_hand else None
    assert kept == page.at_hand


def test_a_change_on_its_way_holds_no_controls_of_another_conversation(
    qtbot: QtBot, garden: Garden, page: _Page, tiny_model: Path
) -> None:
    run = garden.compare.configuration_for(garden.library.add_file(tiny_model))
    first, second = garden.compare.new([run]), garden.compare.new([run])
    page.show(first)

    page.loads.choose("A", {"context_length": 512})
    here = page.loads.changing
    page.show(second)
    elsewhere = page.loads.changing

    assert (here, elsewhere) == (True, False)
    page.show(first)
    qtbot.waitUntil(lambda: not page.loads.changing)
    assert page.contexts() == [512]


def test_a_pane_is_made_like_the_first_one_as_that_is_after_what_was_just_chosen(
    qtbot: QtBot, garden: Garden, page: _Page, tiny_model: Path, other_tiny_model: Path
) -> None:
    runs = [garden.compare.configuration_for(garden.library.add_file(path)) for path in (tiny_model, other_tiny_model)]
    page.show(garden.compare.new(runs))

    # Nothing was read of the files yet, and the first choice waits for its turn.
    page.loads.choose("A", {"context_length": 512, "type_k": "q8_0"})
    page.loads.make_alike("B")
    qtbot.waitUntil(lambda: not page.loads.changing)

    assert page.contexts() == [512, 512]
    assert page.at_hand is not None
    assert [run.load.type_k for _letter, run in page.at_hand.panes] == ["q8_0", "q8_0"]
