"""A database that takes nothing more (a full disk, a damaged file) costs no answer and blocks no conversation."""

from __future__ import annotations

from pathlib import Path

import pytest

from garden.core.errors import GardenError, StateError
from garden.core.events import PaneChanged
from garden.services.garden import Garden

pytestmark = pytest.mark.engine


def test_answers_arrive_and_the_conversation_stays_usable(garden: Garden, endless_model: Path) -> None:
    run = garden.compare.configuration_for(garden.library.describe(endless_model)).with_ask(max_tokens=8)
    panes = [run, run]
    conversation = garden.compare.new(panes)
    events = garden.bus.subscribe()
    handle = garden.compare.ask(conversation.id, "Hello")
    garden._work.close()

    turn = handle.result(60)

    assert [bool(answer.token_ids) for answer in turn.answers] == [True, True]
    assert not garden.compare.answering(conversation.id)
    told = [event for event in events.drain() if isinstance(event, PaneChanged) and event.state == "done"]
    assert sorted(event.pane for event in told) == ["A", "B"]
    assert garden.compare.open(conversation.id).turns[0].answers == turn.answers
    with pytest.raises(StateError):
        garden.compare.ask(conversation.id, "And now?")
    assert not garden.compare.answering(conversation.id)
    assert len(garden.compare.open(conversation.id).turns) == 1


def test_a_conversation_that_cannot_be_stored_is_not_asked(garden: Garden, tiny_model: Path) -> None:
    configuration = garden.compare.configuration_for(garden.library.describe(tiny_model))
    conversation = garden.compare.new([configuration])
    garden._work.close()

    with pytest.raises(GardenError):
        garden.compare.ask(conversation.id, "Hello")

    assert not garden.compare.answering(conversation.id)
