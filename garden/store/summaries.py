"""Repositories seen on the Hub, in index.sqlite: what can be shown without a network."""

from __future__ import annotations

import time
from collections.abc import Iterable

from garden.core.catalog import ModelSummary
from garden.core.errors import StateError
from garden.store.database import DamagedError
from garden.store.document import Store, from_document, storable_text, to_document
from garden.store.seen_answers import SeenAnswers
from garden.store.seen_pages import SeenPages

_KEPT = 5_000


class Summaries:
    """Rows that the Hub's lists have given.

    Args:
        database: The index database.

    Attributes:
        pages: Those repositories of which more was seen than a row.
        answers: What the Hub told of them beside; nothing private.
    """

    def __init__(self, database: Store) -> None:
        self._database = database
        self.pages = SeenPages(database)
        self.answers = SeenAnswers(database)

    def put(self, endpoint: str, summaries: Iterable[ModelSummary]) -> None:
        """Keep rows of a Hub, the newest knowledge of each repository."""
        now = time.time()
        # A little earlier for each further row, so that they come back in the Hub's order.
        rows = [
            (endpoint, storable_text(summary.repo_id), now - number / 1e5, to_document(summary))
            for number, summary in enumerate(summaries)
        ]
        with self._database.write() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO summaries (endpoint, repo_id, seen_at, document) VALUES (?, ?, ?, ?)", rows
            )
            connection.execute(
                """DELETE FROM summaries WHERE (endpoint, repo_id) IN
                (SELECT endpoint, repo_id FROM summaries ORDER BY seen_at DESC LIMIT -1 OFFSET ?)""",
                (_KEPT,),
            )

    def forget(self, endpoint: str, *, private_only: bool) -> None:
        """Forget rows, pages, cards and answers of a Hub: all, or those that only one account can see."""
        private = "CASE WHEN json_valid(document) THEN json_extract(document, ?) ELSE 1 END" if private_only else "1"
        with self._database.write() as connection:
            for table, field in (("summaries", "$.private"), ("pages", "$.summary.private")):
                asked = (endpoint, field) if private_only else (endpoint,)
                connection.execute(f"DELETE FROM {table} WHERE endpoint = ? AND {private}", asked)
            if not private_only:
                connection.execute("DELETE FROM answers WHERE endpoint = ?", (endpoint,))

    def get(self, endpoint: str, repo_id: str) -> ModelSummary | None:
        """One repository, None when it was never seen."""
        found = self._select("endpoint = ? AND repo_id = ?", (endpoint, repo_id), 1)
        return found[0] if found else None

    def search(self, endpoint: str, text: str, limit: int = 100) -> tuple[ModelSummary, ...]:
        """Repositories of a Hub whose name contains every word, the last seen first."""
        words = [word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") for word in text.split()]
        condition = " AND ".join(["endpoint = ?", *("repo_id LIKE ? ESCAPE '\\'" for _ in words)])
        return self._select(condition, (endpoint, *(f"%{word}%" for word in words)), limit)

    def _select(self, condition: str, parameters: tuple[str, ...], limit: int) -> tuple[ModelSummary, ...]:
        try:
            with self._database.read() as connection:
                rows = connection.execute(
                    f"SELECT document FROM summaries WHERE {condition} ORDER BY seen_at DESC, repo_id LIMIT ?",
                    (*parameters, limit),
                ).fetchall()
        except DamagedError:
            return ()
        found: list[ModelSummary] = []
        for (document,) in rows:
            try:
                found.append(from_document(document, ModelSummary))
            except StateError:
                continue
        return tuple(found)
