"""Whoever looks at a conversation does not wait for the disk."""

from __future__ import annotations

import dataclasses
import threading
import time
from pathlib import Path

import pytest

from garden.core.conversation import Answer, Conversation, FinishReason, Mode, Turn
from garden.core.errors import GardenError, NotFoundError
from garden.core.events import EventBus
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import RunConfiguration
from garden.services.answer_notes import NOTE_SECONDS
from garden.services.open_conversations import OpenConversations
from garden.store.conversations import Conversations
from garden.store.work_database import WorkDatabase

RUN = RunConfiguration(model=ModelRef(name="Tiny", filenames=("Tiny.gguf",), path="/models/Tiny.gguf"))
TURN = Turn(prompt="Why?", answers=(Answer(pane="A", configuration=RUN),), order="A", asked_at=1.0)
CHAT = Conversation(
    id="c", title="Chat", mode=Mode.FAIR, panes=(("A", RUN),), turns=(TURN,), created_at=1.0, updated_at=1.0
)


@pytest.fixture
def database(tmp_path: Path) -> WorkDatabase:
    return WorkDatabase(tmp_path / "work.sqlite")


def test_looking_does_not_wait_for_a_save(database: WorkDatabase) -> None:
    kept = OpenConversations(EventBus(), Conversations(database))
    kept.put(CHAT)
    with database.write():
        # The change waits for this writer, as it would for a slow disk.
        changing = threading.Thread(target=kept.change, args=("c",), kwargs={"title": "Renamed"})
        changing.start()
        looking = threading.Thread(target=lambda: [kept.now("c"), kept.get("c")])
        looking.start()
        looking.join(10)
        waited = looking.is_alive()
        before = kept.now("c")
    changing.join(10)
    after = kept.now("c")
    database.close()

    assert not waited
    assert before is not None
    assert before.title == "Chat"
    assert after is not None
    assert after.title == "Renamed"


def test_what_could_not_be_stored_shows_unless_it_was_a_change(database: WorkDatabase) -> None:
    kept = OpenConversations(EventBus(), Conversations(database))
    kept.put(CHAT)
    database.close()

    with pytest.raises(GardenError):
        kept.change("c", title="Renamed")
    kept.keep("c", 0, dataclasses.replace(TURN.answers[0], text="Because."))

    now = kept.get("c")
    assert (now.title, now.turns[0].answers[0].text) == ("Chat", "Because.")


def test_only_an_answer_with_words_replaces_one_that_has_some(database: WorkDatabase) -> None:
    kept = OpenConversations(EventBus(), Conversations(database))
    kept.put(CHAT)
    good = dataclasses.replace(TURN.answers[0], text="Because.", finish_reason=FinishReason.STOP)
    failed = dataclasses.replace(
        TURN.answers[0], finish_reason=FinishReason.ERROR, error="Memory ran out.", action="Close some."
    )
    silent = dataclasses.replace(TURN.answers[0], finish_reason=FinishReason.STOP)
    stopped = dataclasses.replace(TURN.answers[0], finish_reason=FinishReason.CANCELLED)
    better = dataclasses.replace(good, text="Therefore.")

    assert kept.keep("c", 0, good) == good
    assert kept.keep("c", 0, failed) == dataclasses.replace(good, error="Memory ran out.", action="Close some.")
    assert "without a word" in (kept.keep("c", 0, silent).error or "")
    assert kept.keep("c", 0, stopped) == good
    assert kept.get("c").turns[0].answers == Conversations(database).load("c").turns[0].answers == (good,)
    assert kept.keep("c", 0, better) == better
    assert kept.get("c").turns[0].answers == (better,)
    database.close()


def test_what_was_deleted_is_gone_for_an_answer_that_comes_late(database: WorkDatabase) -> None:
    kept = OpenConversations(EventBus(), Conversations(database))
    kept.put(CHAT)
    kept.change("c", store=True)
    kept.delete("c")

    assert kept.now("c") is None
    with pytest.raises(NotFoundError):
        kept.keep("c", 0, TURN.answers[0])
    database.close()


def _noted(database: WorkDatabase, kept: OpenConversations, text: str) -> None:
    """Let a pane write a text, and leave it as a program leaves it that is killed."""
    asked = Answer(pane="A", configuration=RUN, text=text)
    with kept.noting("c", 0, lambda: asked):
        deadline = time.monotonic() + 3 * NOTE_SECONDS
        while time.monotonic() < deadline:
            if Conversations(database).load("c").turns[0].answers[0].text == text:
                return
            time.sleep(0.02)


def test_an_answer_under_way_is_on_the_disk_and_told_as_interrupted(database: WorkDatabase) -> None:
    kept = OpenConversations(EventBus(), Conversations(database))
    kept.put(CHAT)
    kept.change("c", store=True)

    _noted(database, kept, "So far")

    (left,) = OpenConversations(EventBus(), Conversations(database)).get("c").turns[0].answers
    here = kept.get("c").turns[0].answers[0]
    database.close()
    assert (left.text, left.finish_reason) == ("So far", FinishReason.ERROR)
    assert left.error == "This answer was interrupted: Garden ended while it was written."
    assert (here.text, here.finish_reason) == ("", None)


def test_an_answer_that_ended_well_stays_on_the_disk_until_another_has(database: WorkDatabase) -> None:
    kept = OpenConversations(EventBus(), Conversations(database))
    kept.put(CHAT)
    kept.keep("c", 0, Answer(pane="A", configuration=RUN, text="Whole", finish_reason=FinishReason.STOP))

    _noted(database, kept, "Anew")

    (left,) = Conversations(database).load("c").turns[0].answers
    database.close()
    assert (left.text, left.finish_reason) == ("Whole", FinishReason.STOP)


def test_a_note_that_fails_costs_nothing_else(database: WorkDatabase, caplog: pytest.LogCaptureFixture) -> None:
    kept = OpenConversations(EventBus(), Conversations(database))
    kept.put(CHAT)
    database.close()

    with kept.noting("c", 0, lambda: Answer(pane="A", configuration=RUN, text="So far")):
        time.sleep(1.2 * NOTE_SECONDS)

    assert [record.message.partition(":")[0] for record in caplog.records] == ["An answer under way was not noted"]
