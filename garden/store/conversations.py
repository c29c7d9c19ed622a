"""Conversations in work.sqlite: saved after each answer, listed, searched, opened again."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from garden.core.conversation import Answer, Conversation, ConversationSummary, Mode, Turn
from garden.core.errors import NotFoundError, StateError
from garden.core.run_configuration import RunConfiguration
from garden.store.document import Store, from_document, storable_text, to_document

_HOLDS_WORD = """(garden_contains(title, ?)
    OR EXISTS (SELECT 1 FROM turns t WHERE t.conversation_id = c.id AND garden_contains(t.prompt, ?))
    OR EXISTS (SELECT 1 FROM answers a WHERE a.conversation_id = c.id AND garden_contains(a.text, ?)))"""

_GONE = "This conversation is gone."


class Conversations:
    """The user's conversations.

    Args:
        database: The work database.
    """

    def __init__(self, database: Store) -> None:
        self._database = database

    def save(self, conversation: Conversation) -> None:
        """Store it, new or changed, as a whole."""
        panes = [[letter, configuration.to_document()] for letter, configuration in conversation.panes]
        with self._database.write() as connection:
            connection.execute(
                """INSERT INTO conversations (id, title, mode, panes, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET title = excluded.title, mode = excluded.mode, panes = excluded.panes,
                    updated_at = excluded.updated_at""",
                (
                    conversation.id,
                    storable_text(conversation.title),
                    conversation.mode.value,
                    to_document(panes),
                    conversation.created_at,
                    conversation.updated_at,
                ),
            )
            connection.execute(
                "DELETE FROM turns WHERE conversation_id = ? AND position >= ?",
                (conversation.id, len(conversation.turns)),
            )
            for position, turn in enumerate(conversation.turns):
                _save_turn(connection, conversation.id, position, turn)

    def note(self, conversation_id: str, position: int, answer: Answer) -> None:
        """Store one answer as far as it is, and nothing else; nothing happens where its turn is gone.

        Args:
            conversation_id: Of the conversation, which is stored already.
            position: Of its turn, from 0.
            answer: What its pane has written.
        """
        with self._database.write() as connection:
            connection.execute(
                """UPDATE answers SET text = ?, document = ? WHERE conversation_id = ? AND position = ? AND pane = ?""",
                (storable_text(answer.text), _document(answer), conversation_id, position, answer.pane),
            )

    def load(self, conversation_id: str) -> Conversation:
        """Open one.

        Raises:
            NotFoundError: It was deleted.
            StateError: It could not be read.
        """
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT title, mode, panes, created_at, updated_at FROM conversations WHERE id = ?", (conversation_id,)
            ).fetchone()
            if row is None:
                raise NotFoundError(_GONE, "Choose another one.")
            turns = connection.execute(
                """SELECT position, prompt, answer_order, asked_at, standalone FROM turns WHERE conversation_id = ?
                ORDER BY position""",
                (conversation_id,),
            ).fetchall()
            answers = connection.execute(
                """SELECT position, text, document FROM answers WHERE conversation_id = ?
                ORDER BY position, slot""",
                (conversation_id,),
            ).fetchall()
        title, mode, panes, created_at, updated_at = row
        by_turn: dict[int, list[Answer]] = {}
        for position, text, document in answers:
            by_turn.setdefault(position, []).append(_answer(text, document))
        return Conversation(
            id=conversation_id,
            title=title,
            mode=_mode(mode),
            panes=tuple(
                (letter, RunConfiguration.from_document(document))
                for letter, document in from_document(panes, list[tuple[str, dict[str, Any]]])
            ),
            turns=tuple(
                Turn(
                    prompt=prompt,
                    answers=tuple(by_turn.get(position, ())),
                    order=order,
                    asked_at=asked_at,
                    standalone=bool(standalone),
                )
                for position, prompt, order, asked_at, standalone in turns
            ),
            created_at=created_at,
            updated_at=updated_at,
        )

    def list(self, limit: int = 500) -> tuple[ConversationSummary, ...]:
        """The conversations, the newest first."""
        return self._summaries("1", (), limit)

    def search(self, text: str, limit: int = 100) -> tuple[ConversationSummary, ...]:
        """Those whose title, prompts or answers contain every word of ``text``, the newest first."""
        words = text.split()
        if not words:
            return self.list(limit)
        # One condition per word: the words may stand in different turns.
        condition = " AND ".join(_HOLDS_WORD for _ in words)
        return self._summaries(condition, [word.casefold() for word in words for _ in range(3)], limit)

    def rename(self, conversation_id: str, title: str) -> None:
        """Give it another title.

        Raises:
            NotFoundError: It was deleted.
        """
        with self._database.write() as connection:
            changed = connection.execute(
                "UPDATE conversations SET title = ?, updated_at = ? WHERE id = ?",
                (storable_text(title), time.time(), conversation_id),
            ).rowcount
        if not changed:
            raise NotFoundError(_GONE, "Choose another one.")

    def delete(self, conversation_id: str) -> None:
        """Delete it with all its turns; nothing happens when it is gone."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM conversations WHERE id = ?", (conversation_id,))

    def _summaries(self, condition: str, parameters: Sequence[str], limit: int) -> tuple[ConversationSummary, ...]:
        with self._database.read() as connection:
            connection.create_function("garden_contains", 2, _contains, deterministic=True)
            rows = connection.execute(
                f"""SELECT id, title, panes, updated_at,
                    (SELECT count(*) FROM turns t WHERE t.conversation_id = c.id)
                FROM conversations c WHERE {condition} ORDER BY updated_at DESC, id LIMIT ?""",
                (*parameters, limit),
            ).fetchall()
        return tuple(
            ConversationSummary(id=id_, title=title, models=_models(panes), turns=turns, updated_at=updated_at)
            for id_, title, panes, updated_at, turns in rows
        )


def _save_turn(connection: sqlite3.Connection, conversation_id: str, position: int, turn: Turn) -> None:
    connection.execute(
        """INSERT INTO turns (conversation_id, position, prompt, answer_order, asked_at, standalone)
        VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (conversation_id, position) DO UPDATE SET prompt = excluded.prompt,
            answer_order = excluded.answer_order, asked_at = excluded.asked_at, standalone = excluded.standalone""",
        (conversation_id, position, storable_text(turn.prompt), turn.order, turn.asked_at, turn.standalone),
    )
    connection.execute(
        "DELETE FROM answers WHERE conversation_id = ? AND position = ? AND slot >= ?",
        (conversation_id, position, len(turn.answers)),
    )
    for slot, answer in enumerate(turn.answers):
        connection.execute(
            """INSERT INTO answers (conversation_id, position, slot, pane, text, document) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (conversation_id, position, slot) DO UPDATE SET pane = excluded.pane, text = excluded.text,
                document = excluded.document""",
            (conversation_id, position, slot, answer.pane, storable_text(answer.text), _document(answer)),
        )


def _document(answer: Answer) -> str:
    document = msgspec.to_builtins(answer)
    document["configuration"] = answer.configuration.to_document()
    # The text has a column of its own, which search reads.
    del document["text"]
    return to_document(document)


def _answer(text: str, document: str) -> Answer:
    fields = from_document(document, dict[str, Any])
    configuration = RunConfiguration.from_document(fields.pop("configuration", None))
    fields["configuration"] = msgspec.to_builtins(configuration)
    try:
        return msgspec.convert({**fields, "text": text}, Answer)
    except msgspec.ValidationError as error:
        raise StateError("A stored answer could not be read.", "It is left as it is.", str(error)) from error


def _mode(word: str) -> Mode:
    try:
        return Mode(word)
    except ValueError:
        return Mode.FAIR


def _models(panes: str) -> tuple[str, ...]:
    """Names of the panes' models, for a row of the list: one that cannot be read does not hide the others."""
    try:
        documents = from_document(panes, list[tuple[str, dict[str, Any]]])
        return tuple(str(document["model"]["name"]) for _, document in documents)
    except (StateError, KeyError, TypeError):
        return ()


def _contains(text: object, needle: object) -> bool:
    return isinstance(text, str) and isinstance(needle, str) and needle in text.casefold()
