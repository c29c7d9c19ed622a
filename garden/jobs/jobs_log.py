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

    def adopt(self) -> tuple[JobRecord, ...]:
        """Take over the records that have not ended and whose process is gone; no other process gets the same one."""

    def remove(self, job_id: str) -> None:
        """Forget a record; nothing happens when there is none."""
