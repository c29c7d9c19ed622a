"""Records of long work in work.sqlite, each with the process that runs it."""

from __future__ import annotations

import sqlite3

from garden.core.errors import StateError
from garden.core.job_record import JobRecord
from garden.process.process_identity import ProcessIdentity, this_process
from garden.store.document import Store, from_document, to_document


class StoredJobsLog:
    """The log that the job runner writes; window and command line share it.

    Args:
        database: The work database.
        owner: The process that rows are written for.
    """

    def __init__(self, database: Store, owner: ProcessIdentity | None = None) -> None:
        self._database = database
        self._owner = owner or this_process()

    def save(self, record: JobRecord) -> None:
        """Write a record, new or changed, as belonging to this process."""
        with self._database.write() as connection:
            connection.execute(
                """INSERT INTO jobs (id, owner_pid, owner_started_at, ended, created_at, document)
                VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET owner_pid = excluded.owner_pid,
                    owner_started_at = excluded.owner_started_at, ended = excluded.ended,
                    document = excluded.document""",
                (
                    record.id,
                    self._owner.pid,
                    self._owner.started_at,
                    record.state.ended,
                    record.created_at,
                    to_document(record),
                ),
            )

    def list(self) -> tuple[JobRecord, ...]:
        """All records, the newest first (at most 500), those of other running processes included."""
        return tuple(record for _, record in self._rows("1", 500))

    def adopt(self) -> tuple[JobRecord, ...]:
        """Take over the records that have not ended and whose process is gone; no other process gets the same one.

        Raises:
            GardenError: The database cannot be written.
        """
        left = [(owner, record) for owner, record in self._rows("NOT ended", 500) if not owner.alive]
        if not left:
            return ()
        with self._database.write() as connection:
            taken = (self._take(connection, owner, record.id) for owner, record in left)
            return tuple(record for record in taken if record is not None)

    def _take(self, connection: sqlite3.Connection, owner: ProcessIdentity, job_id: str) -> JobRecord | None:
        """The record as its process left it, None when another process was first."""
        rows = connection.execute(
            """UPDATE jobs SET owner_pid = ?, owner_started_at = ?
            WHERE id = ? AND owner_pid = ? AND owner_started_at = ? AND NOT ended RETURNING document""",
            (self._owner.pid, self._owner.started_at, job_id, owner.pid, owner.started_at),
        ).fetchall()
        return from_document(rows[0][0], JobRecord) if rows else None

    def remove(self, job_id: str) -> None:
        """Forget a record."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM jobs WHERE id = ?", (job_id,))

    def _rows(self, condition: str, limit: int) -> tuple[tuple[ProcessIdentity, JobRecord], ...]:
        with self._database.read() as connection:
            rows = connection.execute(
                f"""SELECT owner_pid, owner_started_at, document FROM jobs WHERE {condition}
                ORDER BY created_at DESC, id LIMIT ?""",
                (limit,),
            ).fetchall()
        found = []
        for pid, started_at, document in rows:
            try:
                record = from_document(document, JobRecord)
            except StateError:
                continue
            found.append((ProcessIdentity(pid=pid, started_at=started_at), record))
        return tuple(found)
