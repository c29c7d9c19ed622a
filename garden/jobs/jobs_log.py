"""Where the runner keeps its records: a seam, so that it neither opens a database nor needs one in tests."""

from __future__ import annotations

from typing import Protocol

from garden.core.job_record import JobRecord


class JobsLog(Protocol):
    """What the JobRunner asks of the store. Safe to use from any thread."""

    def save(self, record: JobRecord) -> None:
        """Write a record, new or changed, as belonging to this process."""

    def list(self) -> tuple[JobRecord, ...]:
        """All records, the newest first, those of other running processes included."""

    def orphans(self) -> tuple[JobRecord, ...]:
        """Records that have not ended and whose process is gone."""

    def remove(self, job_id: str) -> None:
        """Forget a record; nothing happens when there is none."""


class MemoryJobsLog:
    """A log that lives as long as the process; for programs without a database, and for tests."""

    def __init__(self, records: tuple[JobRecord, ...] = ()) -> None:
        self._records = {record.id: record for record in records}
        self._orphans = {record.id for record in records if not record.state.ended}

    def save(self, record: JobRecord) -> None:
        """Write a record."""
        self._orphans.discard(record.id)
        self._records[record.id] = record

    def list(self) -> tuple[JobRecord, ...]:
        """All records, the newest first."""
        return tuple(sorted(self._records.values(), key=lambda record: record.created_at, reverse=True))

    def orphans(self) -> tuple[JobRecord, ...]:
        """Records given at the start that had not ended."""
        return tuple(record for record in self._records.values() if record.id in self._orphans)

    def remove(self, job_id: str) -> None:
        """Forget a record."""
        self._records.pop(job_id, None)
