"""index.sqlite: what can be read again from disk and Hub. Damaged, outdated or deleted, it is made again."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from garden.core.errors import StateError
from garden.store.database import DamagedError, Database, NewerError
from garden.store.migrations import INDEX_MIGRATIONS

_log = logging.getLogger(__name__)


class IndexDatabase:
    """The derived database; losing it costs a scan. Window and command line may hold it open at once.

    Damage met at work loses the rows that were asked for, not the program: the file is thrown away and made again,
    and the caller reads from the source as if the row had never been there. A file that somebody deletes meanwhile is
    made again too, at the next use.

    Args:
        path: ``index.sqlite``.
        on_lost: Called, on any thread, when what it held at work is gone and it was made again.
    """

    def __init__(self, path: Path, *, on_lost: Callable[[], None] = lambda: None) -> None:
        self._path = path
        self._on_lost = on_lost
        self._renewal = threading.RLock()
        self._inside = threading.local()
        #: Those whose files are gone: a reader may still be at work on one.
        self._left: list[Database] = []
        self._database = self._open()
        self._identity = _identity(path)

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state throughout; never waits for a writer."""
        with self._renewing() as database, database.read() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all or nothing."""
        with self._renewing() as database, database.write() as connection:
            yield connection

    def close(self) -> None:
        """Close it."""
        with self._renewal:
            for database in (*self._left, self._database):
                database.close()

    def _open(self) -> Database:
        try:
            return Database(self._path, INDEX_MIGRATIONS)
        except (DamagedError, NewerError) as error:
            _log.info("%s is made again: %s", self._path.name, error)
            self._discard()
            return Database(self._path, INDEX_MIGRATIONS)

    @contextlib.contextmanager
    def _renewing(self) -> Iterator[Database]:
        outer = getattr(self._inside, "database", None)
        if outer is not None:
            # Blocks nest: an inner one belongs to the transaction of the outer one.
            yield outer
            return
        self._find_again()
        database = self._inside.database = self._database
        try:
            yield database
        except StateError as error:
            if not isinstance(error, DamagedError):
                if self._database is database and not self._find_again():
                    raise
                # It was deleted just now, and what is there in its place has no tables yet.
                raise DamagedError(f"{self._path.name} was deleted.", "Try again.") from error
            with self._renewal:
                # Two threads may meet the same damage; the first one renews.
                first = self._database is database
                if first:
                    database.close()
                    self._discard()
                    self._take(self._open())
            if first:
                self._on_lost()
            raise
        finally:
            self._inside.database = None

    def _find_again(self) -> bool:
        """Take the file that is there now, a fresh one where none is, when it is another one than it was.

        Returns:
            Whether it was deleted since it was opened.
        """
        if _identity(self._path) == self._identity:
            return False
        with self._renewal:
            found = _identity(self._path)
            if found == self._identity:
                return True
            _log.info("%s was deleted; it is made again", self._path.name)
            self._left.append(self._database)
            if found is None:
                # What SQLite keeps beside a file must not be taken for that of the next one.
                self._discard()
            self._take(self._open())
        self._on_lost()
        return True

    def _take(self, database: Database) -> None:
        self._database, self._identity = database, _identity(self._path)

    def _discard(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            # On Windows a file that another process holds open stays; opening it then says that it is damaged.
            with contextlib.suppress(OSError):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)


def _identity(path: Path) -> tuple[int, int] | None:
    """Tells a file from another one of the same name; None where none is."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
