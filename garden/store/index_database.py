"""index.sqlite: what can be read again from disk and Hub. Damaged or outdated, it is thrown away."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from garden.store.database import DamagedError, Database, NewerError
from garden.store.migrations import INDEX_MIGRATIONS

_log = logging.getLogger(__name__)


class IndexDatabase:
    """The derived database; losing it costs a scan. Window and command line may hold it open at once.

    Damage met at work loses the rows that were asked for, not the program: the file is thrown away and made again,
    and the caller reads from the source as if the row had never been there.

    Args:
        path: ``index.sqlite``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._renewal = threading.Lock()
        self._database = self._open()

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state throughout; never waits for a writer."""
        with self._renewing(), self._database.read() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all or nothing."""
        with self._renewing(), self._database.write() as connection:
            yield connection

    def close(self) -> None:
        """Close it."""
        self._database.close()

    def _open(self) -> Database:
        try:
            return Database(self._path, INDEX_MIGRATIONS)
        except (DamagedError, NewerError) as error:
            _log.info("%s is made again: %s", self._path.name, error)
            self._discard()
            return Database(self._path, INDEX_MIGRATIONS)

    @contextlib.contextmanager
    def _renewing(self) -> Iterator[None]:
        database = self._database
        try:
            yield
        except DamagedError:
            with self._renewal:
                # Two threads may meet the same damage; the first one renews.
                if self._database is database:
                    database.close()
                    self._discard()
                    self._database = self._open()
            raise

    def _discard(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            # On Windows a file that another process holds open stays; opening it then says that it is damaged.
            with contextlib.suppress(OSError):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
