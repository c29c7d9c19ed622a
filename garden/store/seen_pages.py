"""Pages of repositories and their cards as they were last seen, in index.sqlite: what can be read without a network."""

from __future__ import annotations

import time

from garden.core.catalog import Repository
from garden.core.errors import StateError
from garden.store.database import DamagedError
from garden.store.document import Store, from_document, storable_text, to_document

#: The pages that were seen last are kept.
_KEPT = 500


class SeenPages:
    """Pages by the Hub that gave them and their name.

    Args:
        database: The index database.
    """

    def __init__(self, database: Store) -> None:
        self._database = database

    def put(self, endpoint: str, repository: Repository) -> None:
        """Keep a page; a card of another commit is forgotten with the page before."""
        with self._database.write() as connection:
            connection.execute(
                """INSERT INTO pages (endpoint, repo_id, revision, seen_at, document) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (endpoint, repo_id) DO UPDATE SET seen_at = excluded.seen_at, document = excluded.document,
                card = CASE WHEN revision = excluded.revision THEN card END, revision = excluded.revision""",
                (endpoint, repository.summary.repo_id, repository.revision, time.time(), to_document(repository)),
            )
            connection.execute(
                """DELETE FROM pages WHERE (endpoint, repo_id) IN
                (SELECT endpoint, repo_id FROM pages ORDER BY seen_at DESC LIMIT -1 OFFSET ?)""",
                (_KEPT,),
            )

    def put_card(self, endpoint: str, repo_id: str, revision: str, card: str) -> None:
        """Keep the card of a page that is kept."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE pages SET card = ? WHERE endpoint = ? AND repo_id = ? AND revision = ?",
                (storable_text(card), endpoint, repo_id, revision),
            )

    def page(self, endpoint: str, repo_id: str) -> Repository | None:
        """The page as it was last seen, None when it never was."""
        document = self._column("document", endpoint, repo_id)
        try:
            return None if document is None else from_document(document, Repository)
        except StateError:
            return None

    def card(self, endpoint: str, repo_id: str) -> str | None:
        """The card of the page as it was last seen, None when nobody looked at it."""
        return self._column("card", endpoint, repo_id)

    def _column(self, name: str, endpoint: str, repo_id: str) -> str | None:
        try:
            with self._database.read() as connection:
                row = connection.execute(
                    f"SELECT {name} FROM pages WHERE endpoint = ? AND repo_id = ?", (endpoint, repo_id)
                ).fetchone()
        except DamagedError:
            return None
        return None if row is None else row[0]
