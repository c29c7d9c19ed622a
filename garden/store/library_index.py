"""The Library's last scan in index.sqlite, so that the list stands at once when the window opens."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from garden.core.errors import StateError
from garden.core.library_entry import LibraryEntry
from garden.store.database import DamagedError
from garden.store.document import Store, from_document, to_document


class LibraryIndex:
    """The models found on this machine.

    Args:
        database: The index database.
    """

    def __init__(self, database: Store) -> None:
        self._database = database

    def list(self) -> tuple[LibraryEntry, ...]:
        """The entries of the last scan, by path; none when it has to be scanned."""
        try:
            with self._database.read() as connection:
                rows = connection.execute("SELECT document FROM library ORDER BY path").fetchall()
        except DamagedError:
            return ()
        entries: list[LibraryEntry] = []
        for (document,) in rows:
            try:
                entries.append(from_document(document, LibraryEntry))
            except StateError:
                continue
        return tuple(entries)

    def replace(self, entries: Iterable[LibraryEntry]) -> None:
        """Store a scan in place of the last one."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM library")
            connection.executemany("INSERT OR REPLACE INTO library (path, document) VALUES (?, ?)", map(_row, entries))

    def put(self, entry: LibraryEntry) -> None:
        """Store one entry, new or changed."""
        with self._database.write() as connection:
            connection.execute("INSERT OR REPLACE INTO library (path, document) VALUES (?, ?)", _row(entry))

    def change(self, path: str, change: Callable[[LibraryEntry], LibraryEntry]) -> LibraryEntry | None:
        """Change the entry at a path as it is stored now; nothing is stored where there is none.

        Args:
            path: Of its file.
            change: Makes the new one from the stored one; it keeps the path.

        Returns:
            The new entry; None when none is stored, or it cannot be read.
        """
        with self._database.write() as connection:
            row = connection.execute("SELECT document FROM library WHERE path = ?", (path,)).fetchone()
            if row is None:
                return None
            try:
                changed = change(from_document(row[0], LibraryEntry))
            except StateError:
                return None
            connection.execute("INSERT OR REPLACE INTO library (path, document) VALUES (?, ?)", _row(changed))
            return changed

    def remove(self, path: str) -> None:
        """Forget the entry at a path."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM library WHERE path = ?", (path,))


def _row(entry: LibraryEntry) -> tuple[str, str]:
    return entry.ref.path or entry.ref.name, to_document(entry)
