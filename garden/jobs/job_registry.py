"""The jobs of this process and those in the log: whose they are, and whether their work can be made again."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from garden.core.errors import CancelledByUser, GardenError, NotFoundError, RefusedError
from garden.core.events import EventBus
from garden.core.job_record import JobKind, JobRecord, JobState
from garden.jobs.announcer import Announcer
from garden.jobs.handle import Handle
from garden.jobs.job import INTERRUPTED, PAUSED_FOR_SPACE, PAUSED_OFFLINE, Job
from garden.jobs.job_context import JobContext
from garden.jobs.jobs_log import JobsLog
from garden.jobs.pulse import Pulse

Work = Callable[[JobContext], Any]

_log = logging.getLogger(__name__)


class JobRegistry(ABC):
    """What the runner knows of jobs, besides running them. Safe to use from any thread.

    Args:
        bus: Where JobChanged goes.
        log: Where records are kept.
        clock: A steady clock, in seconds.
    """

    def __init__(self, bus: EventBus, log: JobsLog, clock: Callable[[], float]) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._announcer = Announcer(bus, log)
        self._pulse = Pulse(self._announcer, self._lock, self._running, clock)
        self._jobs: dict[str, Job] = {}
        self._factories: dict[JobKind, Callable[[JobRecord], Work]] = {}
        self._clearers: dict[JobKind, Callable[[JobRecord], None]] = {}
        self._may_begin: Callable[[JobKind, tuple[str, ...]], None] = lambda _kind, _reads: None
        self._has_room: Callable[[JobRecord], bool] | None = None

    def on_resume(self, kind: JobKind, factory: Callable[[JobRecord], Work]) -> None:
        """Say how to make the work of a kind again from its record, for jobs of an earlier process."""
        self._factories[kind] = factory

    def on_clear(self, kind: JobKind, clear: Callable[[JobRecord], None]) -> None:
        """Say how to clear away what cancelled work of a kind has left; it raises GardenError when something stays."""
        self._clearers[kind] = clear

    def on_begin(self, may_begin: Callable[[JobKind, tuple[str, ...]], None]) -> None:
        """Say what may be queued now, by its kind and what it reads; it raises RefusedError for what may not."""
        self._may_begin = may_begin

    def on_room(self, has_room: Callable[[JobRecord], bool]) -> None:
        """Say how to find out whether work that was paused for want of room has it now."""
        self._has_room = has_room

    def made_by(self, kinds: tuple[JobKind, ...], service: Callable[[], object], *, clears: bool = False) -> None:
        """Say which service knows the work of these kinds, before it exists: asking for it lets it call ``on_resume``.

        Args:
            kinds: Those that it will register.
            service: Makes it, once.
            clears: Whether it will call ``on_clear`` for them too.
        """
        for kind in kinds:

            def make(record: JobRecord) -> Work:
                service()
                return self._work_for(record)

            def clear(record: JobRecord, kind: JobKind = kind) -> None:
                service()
                known = self._clearers.get(kind)
                if known is not None and known is not clear:
                    known(record)

            self._factories.setdefault(kind, make)
            if clears:
                self._clearers.setdefault(kind, clear)

    def jobs(self) -> tuple[JobRecord, ...]:
        """All records, the newest first; those of other running processes as they last wrote them."""
        logged = self._log.list()
        with self._lock:
            records = {record.id: record for record in logged}
            records.update((job_id, job.record) for job_id, job in self._jobs.items())
        return tuple(sorted(records.values(), key=lambda record: record.created_at, reverse=True))

    def own_jobs(self) -> tuple[JobRecord, ...]:
        """Records of this process, without a look into the log."""
        with self._lock:
            return tuple(job.record for job in self._jobs.values())

    def is_own(self, job_id: str) -> bool:
        """Whether this process runs the job (or took it over); that of another running Garden can only be looked at."""
        with self._lock:
            return job_id in self._jobs

    def can_run_again(self, job_id: str) -> bool:
        """Whether ``resume`` or ``retry`` could make its work again."""
        with self._lock:
            job = self._jobs.get(job_id)
            return job is not None and (job.work is not None or self._can_make(job.record))

    def can_retry(self, record: JobRecord) -> bool:
        """Whether ``retry`` could run a job that has ended again, also one that an earlier process ran."""
        return self.can_run_again(record.id) or (record.state.ended and self._can_make(record))

    def interrupted(self) -> tuple[JobRecord, ...]:
        """What was cut short with its process and can go on, the oldest first."""
        return self._paused_with(INTERRUPTED)

    def paused_for_space(self) -> tuple[JobRecord, ...]:
        """What was paused because the disk was full, in the order of the queue."""
        return self._paused_with(PAUSED_FOR_SPACE)

    def paused_offline(self) -> tuple[JobRecord, ...]:
        """What was paused because Garden works offline, in the order of the queue."""
        return self._paused_with(PAUSED_OFFLINE)

    def revise(self, change: Callable[[JobRecord], JobRecord]) -> None:
        """Let records say otherwise what they say of the world, e.g. where a file lies; what becomes of jobs stays.

        Args:
            change: The record as it is to be; the same one where nothing is to be said otherwise.
        """
        with self._lock:
            for job in self._jobs.values():
                record = change(job.record)
                if record == job.record:
                    continue
                job.record = record
                paused = record.state is JobState.PAUSED
                if job.run is None:
                    # Made again from the record: what is there knows the world as it was.
                    job.work = None if record.state.ended or (paused and self._can_make(record)) else job.work
                self._pulse.post(job)
        self._announcer.send()

    def remove(self, job_id: str) -> None:
        """Forget one job that has ended; one that has not stays."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is not None and not job.record.state.ended:
                return
            self._jobs.pop(job_id, None)
        self._log.remove(job_id)

    def _paused_with(self, note: str) -> tuple[JobRecord, ...]:
        with self._lock:
            paused = [
                job.record
                for job in self._jobs.values()
                if job.record.state is JobState.PAUSED
                and job.record.note == note
                and (job.work is not None or self._can_make(job.record))
            ]
        return tuple(sorted(paused, key=lambda record: (record.place, record.created_at)))

    def _running(self) -> list[Job]:
        """Jobs under way; the lock is held."""
        return [job for job in self._jobs.values() if job.run is not None]

    def _can_make(self, record: JobRecord) -> bool:
        return bool(record.target) and record.kind in self._factories

    def _work_again(self, job: Job) -> Work:
        self._may_begin(job.record.kind, job.record.reads)
        return job.work or self._work_for(job.record)

    def _work_for(self, record: JobRecord) -> Work:
        factory = self._factories.get(record.kind)
        if factory is None or not record.target:
            raise RefusedError("This job cannot be started again from here.", "Start it anew.")
        return factory(record)

    def _cleared(self, record: JobRecord) -> bool:
        """Clear away what a cancelled job has left; whether nothing stays."""
        clear = self._clearers.get(record.kind)
        if clear is None or not record.target:
            return False
        try:
            clear(record)
        except GardenError as error:
            # Another program may be fetching the same file: what is here is its own now.
            _log.info("what %s left stays: %s %s", record.title, error, error.detail)
            return False
        return True

    def _job(self, job_id: str) -> Job:
        with self._lock:
            job = self._jobs.get(job_id)
        if job is not None:
            return job
        record = next((record for record in self._log.list() if record.id == job_id), None)
        if record is None:
            raise NotFoundError("There is no such job.", "Look at the list again.")
        if not record.state.ended:
            raise RefusedError("This job belongs to another running Garden.", "Stop it there.")
        # Nobody runs it any more, so whoever asks for it has it from now on.
        ended = Job(record, None, self._new_handle(job_id))
        ended.spent = True
        ended.handle.fail(CancelledByUser())
        with self._lock:
            return self._jobs.setdefault(job_id, ended)

    def _new_handle(self, job_id: str) -> Handle[Any]:
        def on_cancel() -> None:
            if self.is_own(job_id):
                self.cancel(job_id)

        return Handle(job_id, on_cancel)

    @abstractmethod
    def cancel(self, job_id: str, *, keep: bool = False) -> None:
        """Stop a job for good; the runner does it."""
