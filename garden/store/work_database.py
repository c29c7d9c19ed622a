"""work.sqlite: the user's own state. Copied before every migration and once a day, salvaged when damaged."""

from __future__ import annotations

import contextlib
import logging
import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from garden.core.errors import StateError
from garden.store.database import DamagedError, Database, is_whole, time_stamp, translated
from garden.store.migrations import WORK_MIGRATIONS
from garden.store.salvage import Salvaged, salvage

#: A check of the whole file at each start up to this size: some tens of milliseconds.
_QUICK_CHECK_BYTES = 64 * 1024 * 1024
_DAILY_COPIES = 7
_DAY_SECONDS = 24 * 3600

_log = logging.getLogger(__name__)


class WorkDatabase:
    """The user's database. Window and command line may hold it open at once.

    Args:
        path: ``work.sqlite``; copies go into ``copies/`` beside it.

    Attributes:
        recovery: One sentence on what was done about damage found at the start; None when there was none.

    Raises:
        StateError: It could not be opened; an older file that could not be read lies beside it, untouched.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recovery: str | None = None
        self._copies = path.parent / "copies"
        with translated(path), _opening(path):
            self._database = self._open()

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state throughout; never waits for a writer."""
        with self._noting_damage(), self._database.read() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all or nothing."""
        with self._noting_damage(), self._database.write() as connection:
            yield connection

    def changed_elsewhere(self) -> bool:
        """Whether another process has written since the last call."""
        return self._database.changed_elsewhere()

    def make_daily_copy(self) -> Path | None:
        """Write today's copy unless there is one; call it in the background.

        Returns:
            The new copy, None when the last one is younger than a day.
        """
        copies = self._daily_copies()
        if copies and time.time() - copies[-1].stat().st_mtime < _DAY_SECONDS:
            return None
        copy = self._copies / f"{self.path.stem}-{time.strftime('%Y-%m-%d')}.sqlite"
        with self._noting_damage():
            self._database.copy_to(copy)
        for old in self._daily_copies()[:-_DAILY_COPIES]:
            old.unlink(missing_ok=True)
        return copy

    def close(self) -> None:
        """Close it; what is written afterwards is refused."""
        self._database.close()

    @property
    def _mark(self) -> Path:
        """Exists when damage was met at work, so that the next start looks at the whole file."""
        return self.path.with_name(self.path.name + ".damaged")

    @contextlib.contextmanager
    def _noting_damage(self) -> Iterator[None]:
        try:
            yield
        except DamagedError:
            with contextlib.suppress(OSError):
                self._mark.touch()
            raise

    def _open(self) -> Database:
        self._finish_swap()
        suspect = self._mark.exists()
        if self.path.exists():
            size = self.path.stat().st_size
            if size == 0:
                # SQLite takes it for a new database; where there are copies, it is what a full disk or a crash left.
                suspect = bool(self._daily_copies())
            elif suspect or size <= _QUICK_CHECK_BYTES:
                suspect = not is_whole(self.path)
        if not suspect:
            try:
                return self._open_database()
            except DamagedError as error:
                _log.warning("%s", error.detail)
        return self._recover()

    def _open_database(self) -> Database:
        return Database(self.path, WORK_MIGRATIONS, before_migration=self._copy_before)

    def _copy_before(self, version: int) -> None:
        copy = self._copies / f"{self.path.stem}-before-version-{version + 1}-{time_stamp()}.sqlite"
        self._copies.mkdir(parents=True, exist_ok=True)
        source = sqlite3.connect(self.path)
        with contextlib.closing(source):
            source.execute("VACUUM INTO ?", (str(copy),))

    def _recover(self) -> Database:
        """Fill a new file from the damaged one and the newest whole copy, then put it in its place.

        The damaged file stays where it is until the new one is complete, so that an end in between costs nothing.
        """
        filling = self.path.with_name(self.path.name + ".recovering")
        _remove(filling)
        copy = next((copy for copy in reversed(self._daily_copies()) if is_whole(copy)), None)
        database = Database(filling, WORK_MIGRATIONS)
        try:
            with database.write() as target:
                saved = salvage(self.path, copy, target)
        finally:
            database.close()
        filling.replace(self._recovered)
        aside = self._finish_swap()
        self._mark.unlink(missing_ok=True)
        self.recovery = _sentence(saved, copy, aside)
        _log.warning("%s", self.recovery)
        _log.info("%s", saved)
        return self._open_database()

    @property
    def _recovered(self) -> Path:
        """Exists while a complete new file waits to take the damaged one's place."""
        return self.path.with_name(self.path.name + ".recovered")

    def _finish_swap(self) -> Path | None:
        """Set the damaged file aside and put the recovered one in its place; where the damaged one went."""
        if not self._recovered.exists():
            return None
        aside: Path | None = None
        if self.path.exists():
            aside = self._free_name(f"{self.path.stem}-damaged-{time_stamp()}")
            for suffix in ("-wal", "-shm", ""):
                part = self.path.with_name(self.path.name + suffix)
                if part.exists():
                    part.rename(aside.with_name(aside.name + suffix))
        self._recovered.rename(self.path)
        return aside

    def _free_name(self, stem: str) -> Path:
        path, number = self.path.with_name(f"{stem}.sqlite"), 1
        while path.exists():
            number += 1
            path = self.path.with_name(f"{stem}-{number}.sqlite")
        return path

    def _daily_copies(self) -> list[Path]:
        """The oldest first."""
        if not self._copies.is_dir():
            return []
        pattern = re.compile(re.escape(self.path.stem) + r"-\d{4}-\d\d-\d\d\.sqlite")
        return sorted(path for path in self._copies.iterdir() if pattern.fullmatch(path.name))


def _sentence(saved: Salvaged, copy: Path | None, aside: Path | None) -> str:
    if saved.rows + saved.rows_from_copy == 0:
        outcome = "nothing in it could be read"
    elif not saved.damaged_tables:
        outcome = "everything in it was saved"
    elif saved.rows_from_copy and copy is not None:
        outcome = f"what could be read was saved, the rest is from the copy of {copy.stem[-10:]}"
    else:
        outcome = "what could be read was saved"
    kept = f" The damaged file is kept as {aside.name}." if aside is not None else ""
    return f"Garden's database was damaged; {outcome}.{kept}"


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


@contextlib.contextmanager
def _opening(path: Path) -> Iterator[None]:
    """One process at a time opens, migrates or salvages; the lock is the system's, so a dead holder frees it."""
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(path.name + ".lock"))
    try:
        with lock.acquire(timeout=30):
            yield
    except Timeout as error:
        raise StateError(
            "Another Garden has been opening its database for half a minute.", "End it, then try again."
        ) from error
