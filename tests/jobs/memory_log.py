from __future__ import annotations

from garden.core.job_record import JobRecord


class MemoryJobsLog:
    """A log without a database."""

    def __init__(self, records: tuple[JobRecord, ...] = ()) -> None:
        self._records = {record.id: record for record in records}
        self._orphans = {record.id for record in records if not record.state.ended}

    def save(self, record: JobRecord) -> None:
        self._orphans.discard(record.id)
        self._records[record.id] = record

    def list(self) -> tuple[JobRecord, ...]:
        return tuple(sorted(self._records.values(), key=lambda record: record.created_at, reverse=True))

    def adopt(self) -> tuple[JobRecord, ...]:
        adopted = tuple(record for record in self._records.values() if record.id in self._orphans)
        self._orphans.clear()
        return adopted

    def remove(self, job_id: str) -> None:
        self._records.pop(job_id, None)
