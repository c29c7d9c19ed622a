"""What the Hub told of repositories beside their pages, in index.sqlite: what can be read without a network."""

from __future__ import annotations

import time
from typing import Any, TypeVar

from garden.core.errors import StateError
from garden.store.database import DamagedError
from garden.store.document import Store, from_document, storable_text, to_document

T = TypeVar("T")

#: The answers that came last are kept.
_KEPT = 1_000


class SeenAnswers:
    """Answers by the Hub that gave them, the repository they are about, and what was asked.

    Args:
        database: The index database.
    """

    def __init__(self, database: Store) -> None:
        self._database = database

    def put(self, endpoint: str, repo_id: str, question: str, answer: Any) -> None:
        """Keep an answer in place of the last one to the same question; nothing that is for one account alone."""
        with self._database.write() as connection:
            connection.execute(
                """INSERT OR REPLACE INTO answers (endpoint, repo_id, question, seen_at, document)
                VALUES (?, ?, ?, ?, ?)""",
                (endpoint, storable_text(repo_id), question, time.time(), to_document(answer)),
            )
            connection.execute(
                """DELETE FROM answers WHERE (endpoint, repo_id, question) IN
                (SELECT endpoint, repo_id, question FROM answers ORDER BY seen_at DESC LIMIT -1 OFFSET ?)""",
                (_KEPT,),
            )

    def get(self, endpoint: str, repo_id: str, question: str, kind: type[T]) -> T | None:
        """The answer as it came last, None when it never did."""
        try:
            with self._database.read() as connection:
                row = connection.execute(
                    "SELECT document FROM answers WHERE endpoint = ? AND repo_id = ? AND question = ?",
                    (endpoint, storable_text(repo_id), question),
                ).fetchone()
            return None if row is None else from_document(row[0], kind)
        except (DamagedError, StateError):
            return None
