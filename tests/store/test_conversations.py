from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from garden.core.conversation import Turn
from garden.core.errors import NotFoundError
from garden.store.conversations import Conversations
from garden.store.work_database import WorkDatabase
from tests.store.values import answer, conversation


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Conversations]:
    database = WorkDatabase(tmp_path / "work.sqlite")
    yield Conversations(database)
    database.close()


def test_what_is_saved_is_loaded_whole(store: Conversations) -> None:
    store.save(conversation())

    assert store.load("c1") == conversation()


def test_saving_again_replaces_turns_and_answers(store: Conversations) -> None:
    store.save(dataclasses.replace(conversation(), turns=conversation().turns * 3))
    shorter = dataclasses.replace(conversation(), turns=(Turn(prompt="Other?", answers=(answer("A", "New."),)),))

    store.save(shorter)

    assert store.load("c1") == shorter


def test_the_list_has_names_of_models_and_the_newest_first(store: Conversations) -> None:
    store.save(conversation("old", updated_at=1.0))
    store.save(conversation("new", updated_at=9.0))

    rows = store.list()

    assert [(row.id, row.models, row.turns) for row in rows] == [("new", ("one", "two"), 1), ("old", ("one", "two"), 1)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("MOON", ["moon"]),
        ("straße why", ["street"]),
        ("STRASSE", ["street"]),
        ("since", ["moon", "street"]),
        ("100%", []),
        ("", ["moon", "street"]),
        ("nowhere", []),
    ],
)
def test_search_finds_words_in_titles_prompts_and_answers(store: Conversations, text: str, found: list[str]) -> None:
    store.save(conversation("moon", prompt="Why is the Moon red?", updated_at=2.0))
    store.save(conversation("street", prompt="Why this Straße?", updated_at=1.0))

    assert [row.id for row in store.search(text)] == found


def test_rename_and_delete(store: Conversations) -> None:
    store.save(conversation())

    store.rename("c1", "Other title")
    renamed = store.load("c1").title
    store.delete("c1")

    assert renamed == "Other title"
    assert store.list() == ()
    with pytest.raises(NotFoundError):
        store.load("c1")
    with pytest.raises(NotFoundError):
        store.rename("c1", "x")


@pytest.mark.parametrize("text", ["'; DROP TABLE turns; --", "\x00\x01", "\ud83d half", "a" * 1_000_000, "👩‍👩‍👧"])
def test_hostile_text_comes_back_as_text(store: Conversations, text: str) -> None:
    hostile = dataclasses.replace(
        conversation(prompt=text), turns=(Turn(prompt=text, answers=(answer("A", text, name=text),)),)
    )

    store.save(hostile)

    loaded = store.load("c1")
    expected = text.encode("utf-8", "replace").decode()
    assert (loaded.title, loaded.turns[0].prompt, loaded.turns[0].answers[0].text) == (expected,) * 3
    assert loaded.turns[0].answers[0].configuration.model.name == expected
