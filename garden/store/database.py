"""One SQLite file, used from several threads and several processes at once."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from garden.core.errors import DiskFullError, StateError
from garden.core.interrupt import HeldBack
from garden.core.write_failure import write_failure
from garden.store.migrations import Migration

#: How long a writer waits for another process's transaction; ours are all short.
_BUSY_SECONDS = 5.0

#: SQLite's words for a file that is damaged rather than busy, full or locked away.
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class DamagedError(StateError):
    """The file is not a whole database."""


class NewerError(StateError):
    """The file was written by a newer Garden."""


class Database:
    """A migrated database: readers never wait, writers take turns.

    Readers use connections of their own (write-ahead log: they see the last commit and block nobody); writers share
    one connection under a lock, and wait for other processes by SQLite's busy timeout.

    Args:
        path: The file; made when it is not there.
        migrations: Steps to today's tables.
        before_migration: Called with the version that is about to be left, before a step changes a file that holds
            something; makes the copy.
        busy_seconds: How long to wait for another process's transaction.

    Raises:
        DamagedError: The file is not a whole database.
        NewerError: It was written by a newer Garden.
        StateError: It could not be opened.
    """

    def __init__(
        self,
        path: Path,
        migrations: Sequence[Migration],
        *,
        before_migration: Callable[[int], None] | None = None,
        busy_seconds: float = _BUSY_SECONDS,
    ) -> None:
        self.path = path
        self._migrations = tuple(migrations)
        self._before_migration = before_migration
        self._busy_seconds = busy_seconds
        self._write_lock = threading.RLock()
        self._pool_lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._depth = 0
        self._given_up = False
        with translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._connect()
            try:
                self._migrate()
            except BaseException:
                self._writer.close()
                raise
        # Told apart from a change by our own writer, which does not alter its own data_version.
        self._seen_version = self._data_version()

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state throughout; for SELECT only."""
        with translated(self.path):
            connection = self._take()
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                self._give(connection)

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is stored when the block ends, none of it when it raises.

        Blocks nest: what an inner one wrote is undone when it raises, and the outer one may go on.
        Ctrl+C waits for the end of the block.
        """
        with translated(self.path), HeldBack(), self._write_lock:
            if self._closed:
                raise StateError("Garden is closing; this was not stored.")
            outermost = self._depth == 0
            if outermost:
                self._writer.execute("BEGIN IMMEDIATE")
            else:
                self._writer.execute(f"SAVEPOINT block_{self._depth}")
            self._depth += 1
            try:
                yield self._writer
            except BaseException:
                self._depth -= 1
                self._undo(outermost)
                raise
            self._depth -= 1
            if not outermost:
                self._writer.execute(f"RELEASE block_{self._depth}")
            elif self._given_up:
                self._undo(outermost)
                raise StateError("Part of this could not be stored, so that nothing of it was.", "Try again.")
            else:
                self._commit()

    def _undo(self, outermost: bool) -> None:
        """Undo what a block wrote."""
        if outermost:
            self._given_up = False
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        elif self._writer.in_transaction:
            self._writer.execute(f"ROLLBACK TO block_{self._depth}")
            self._writer.execute(f"RELEASE block_{self._depth}")
        else:
            # SQLite gave up all of it by itself (a full disk). What an outer block writes after it caught the error
            # must not be stored alone.
            self._given_up = True
            for number in range(self._depth):
                self._writer.execute("BEGIN" if number == 0 else f"SAVEPOINT block_{number}")

    def changed_elsewhere(self) -> bool:
        """Whether another process has written since the last call (or since it was opened)."""
        with translated(self.path):
            version = self._data_version()
        changed, self._seen_version = version != self._seen_version, version
        return changed

    def copy_to(self, destination: Path) -> None:
        """Write a compact copy of the last commit, whole or not at all.

        Raises:
            DamagedError: The database cannot be read to its end.
        """
        part = destination.with_name(destination.name + ".part")
        with translated(self.path):
            destination.parent.mkdir(parents=True, exist_ok=True)
            part.unlink(missing_ok=True)
            connection = self._take()
            try:
                connection.execute("VACUUM INTO ?", (str(part),))
                part.replace(destination)
            finally:
                part.unlink(missing_ok=True)
                self._give(connection)

    def close(self) -> None:
        """Close every connection; readers still at work close theirs when they are done."""
        with self._write_lock, self._pool_lock:
            if self._closed:
                return
            self._closed = True
            idle, self._idle = self._idle, []
            with contextlib.suppress(sqlite3.Error):
                self._writer.execute("PRAGMA optimize")
            for connection in (*idle, self._writer):
                connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )
        connection.text_factory = lenient_text
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA journal_size_limit = 16777216")
        except BaseException:
            connection.close()
            raise
        return connection

    def _take(self) -> sqlite3.Connection:
        with self._pool_lock:
            if self._closed:
                raise StateError("Garden is closing.")
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _give(self, connection: sqlite3.Connection) -> None:
        with contextlib.suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        with self._pool_lock:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def _data_version(self) -> int:
        with self._write_lock:
            return int(self._writer.execute("PRAGMA data_version").fetchone()[0])

    def _migrate(self) -> None:
        version = int(self._writer.execute("PRAGMA user_version").fetchone()[0])
        newest = len(self._migrations)
        if version > newest:
            raise NewerError(f"{self.path.name} was written by a newer Garden.", "Update Garden; nothing was changed.")
        for number in range(version + 1, newest + 1):
            # Of a file that was empty a moment ago there is nothing to keep.
            if version > 0 and self._before_migration is not None:
                self._before_migration(number - 1)
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                # Another process may have taken this step while we waited for the lock.
                if int(self._writer.execute("PRAGMA user_version").fetchone()[0]) < number:
                    for statement in self._migrations[number - 1].statements:
                        self._writer.execute(statement)
                    self._writer.execute(f"PRAGMA user_version = {number}")
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._commit()

    def _commit(self) -> None:
        try:
            self._writer.execute("COMMIT")
        except sqlite3.Error:
            # A commit that failed (disk full) leaves the transaction open; the next one must start clean.
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's errors as errors that a user can read."""
    try:
        yield
    except sqlite3.Error as error:
        raise as_state_error(error, path) from error
    except OSError as error:
        raise write_failure(error, path.name, action=f"Check that {path.parent} is yours.") from error


def as_state_error(error: sqlite3.Error, path: Path) -> StateError | DiskFullError:
    """The error that says what is wrong with which file."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    detail = f"{type(error).__name__}: {error} ({getattr(error, 'sqlite_errorname', '?')})"
    if code in _DAMAGE:
        return DamagedError(
            f"{path.name} is damaged.", "Start Garden again: it keeps the damaged file and saves what it can.", detail
        )
    if code == sqlite3.SQLITE_FULL:
        return DiskFullError("The disk is full; this was not stored.", "Free some space, then try again.", detail)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StateError("Another Garden is writing; this was not stored.", "Try again in a moment.", detail)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return write_failure(
            OSError(_why_not_written(path), detail), path.name, action=f"Check that {path.parent} is yours."
        )
    return StateError(f"{path.name} could not be used.", "Try again; the details help to report it.", detail)


def _why_not_written(path: Path) -> int:
    """The system's number for what SQLite only calls read-only, or not to be opened."""
    if not path.parent.is_dir():
        return errno.ENOENT
    read_only = hasattr(os, "statvfs") and os.statvfs(path.parent).f_flag & os.ST_RDONLY
    return errno.EROFS if read_only else errno.EACCES


def is_whole(path: Path) -> bool:
    """Whether SQLite finds nothing wrong with a file; False also when it cannot be opened."""
    try:
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    except sqlite3.Error:
        return False
    with contextlib.closing(connection):
        try:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
        except sqlite3.Error:
            return False


def lenient_text(raw: bytes) -> str:
    """Text of a column; a byte that rotted on the disk costs a character, not the whole answer to a question."""
    return raw.decode("utf-8", "replace")


def time_stamp() -> str:
    """For names of copies: sorts by age."""
    return time.strftime("%Y%m%d-%H%M%S")
