"""A database in memory, for commands that only read while the disk takes nothing: it starts with what a file holds."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from garden.core.errors import StateError
from garden.core.interrupt import HeldBack
from garden.store.database import lenient_text, translated
from garden.store.migrations import Migration


class MemoryDatabase:
    """What is written here is gone when it is closed. Safe to use from any thread; one at a time.

    Args:
        path: The file that cannot be opened as usual; what can be read of it is taken over, and it stays as it is.
        migrations: Steps to today's tables.
    """

    #: Nothing was mended: the file was only read.
    recovery: str | None = None

    def __init__(self, path: Path, migrations: Sequence[Migration]) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._depth = 0
        self._closed = False
        with translated(path):
            self._connection = _copy_of(path, len(migrations)) or _empty()
            version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
            for migration in migrations[version:]:
                for statement in migration.statements:
                    self._connection.execute(statement)
            self._connection.text_factory = lenient_text

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection for SELECT."""
        with self._lock, translated(self.path):
            self._check_open()
            yield self._connection

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it or none. Blocks nest, an inner one is undone alone; Ctrl+C waits for their end."""
        with HeldBack(), self._lock, translated(self.path):
            self._check_open()
            outermost = self._depth == 0
            name = f"block_{self._depth}"
            self._connection.execute("BEGIN" if outermost else f"SAVEPOINT {name}")
            self._depth += 1
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK" if outermost else f"ROLLBACK TO {name}")
                if not outermost:
                    self._connection.execute(f"RELEASE {name}")
                raise
            else:
                self._connection.execute("COMMIT" if outermost else f"RELEASE {name}")
            finally:
                self._depth -= 1

    def changed_elsewhere(self) -> bool:
        """Nobody else can write here."""
        return False

    def make_daily_copy(self) -> Path | None:
        """There is nothing to copy, and no room for it."""
        return None

    def close(self) -> None:
        """Close it; what was written is gone."""
        with self._lock:
            self._closed = True
            self._connection.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StateError("Garden is closing.")


def _empty() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)


def _copy_of(path: Path, newest_version: int) -> sqlite3.Connection | None:
    """What a file holds; None when it cannot be read, or was written by a newer Garden."""
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    log = path.with_name(path.name + "-wal")
    # A write-ahead log is read through a shared index, for which there may be no room; without one the file is whole.
    addresses = (address,) if log.exists() and log.stat().st_size else (address, f"{address}&immutable=1")
    for uri in addresses:
        copy = _empty()
        try:
            with contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as source:
                source.backup(copy)
            if int(copy.execute("PRAGMA user_version").fetchone()[0]) <= newest_version and _whole(copy):
                return copy
        except sqlite3.Error:
            pass
        copy.close()
    return None


def _whole(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
