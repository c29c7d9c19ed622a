"""Runs long work in order, so many of a kind at once, and keeps a record of it that outlives the process."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from garden.core.errors import CancelledByUser, GardenError, NotFoundError, RefusedError
from garden.core.events import EventBus
from garden.core.job_record import JobKind, JobRecord, JobState, JobUnit
from garden.jobs.announcer import Announcer
from garden.jobs.handle import Handle, as_garden_error
from garden.jobs.job import INTERRUPTED, PAUSED_AT_CLOSE, Intent, Job
from garden.jobs.job_context import JobContext
from garden.jobs.jobs_log import JobsLog
from garden.jobs.pulse import Pulse

T = TypeVar("T")
Work = Callable[[JobContext], Any]

_log = logging.getLogger(__name__)


class JobRunner:
    """Queue, order, progress and persistence of long work. Safe to use from any thread.

    Every change is written to the log first and announced after; figures of running work reach the log once a second
    and the bus at most ten times. Work of a process that is gone is taken over: what can go on is paused, the rest
    has failed. What was cut short (a kill, a crash) goes on when somebody says so, never by itself.

    Args:
        bus: Where JobChanged goes.
        log: Where records are kept.
        limits: Jobs of a kind that may run at once; 1 for a kind that is not named.
        clock: A steady clock, in seconds.
        wall_clock: Seconds since the epoch.
    """

    def __init__(
        self,
        bus: EventBus,
        log: JobsLog,
        limits: Mapping[JobKind, int],
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._log = log
        self._limits = dict(limits)
        self._wall_clock = wall_clock
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._queue: list[str] = []
        self._factories: dict[JobKind, Callable[[JobRecord], Work]] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._closed = False
        self._announcer = Announcer(bus, log)
        self._pulse = Pulse(self._announcer, self._lock, self._running, clock)
        self._take_over()

    def submit(
        self,
        kind: JobKind,
        title: str,
        subtitle: str,
        work: Callable[[JobContext], T],
        *,
        resumable: bool = False,
        target: str = "",
        reads: tuple[str, ...] = (),
        unit: JobUnit = "bytes",
        total: int | None = None,
    ) -> Handle[T]:
        """Queue work.

        Args:
            kind: What it is; sets how many run at once.
            title: The model's name.
            subtitle: Type or further name.
            work: Called on a thread of its own. It looks at ``context.cancelled`` and raises CancelledByUser.
            resumable: Whether the work goes on from where it stopped when it is run again.
            target: JSON from which the owning service can make the work again after a restart (see ``on_resume``).
            reads: Paths of the models that it reads.
            unit: What it is counted in.
            total: Units in all, None when unknown.

        Returns:
            A handle whose id is the record's.
        """
        job_id = uuid.uuid4().hex
        handle: Handle[T] = self._new_handle(job_id)
        record = JobRecord(
            id=job_id,
            kind=kind,
            title=title,
            subtitle=subtitle,
            total=total,
            unit=unit,
            resumable=resumable,
            target=target,
            reads=reads,
            created_at=self._wall_clock(),
        )
        with self._lock:
            refused = self._closed
            if not refused:
                job = self._jobs[job_id] = Job(record, work, handle)
                self._queue.append(job_id)
                self._pulse.post(job)
        if refused:
            handle.fail(CancelledByUser())
            return handle
        self._announcer.send()
        self._start_ready()
        return handle

    def on_resume(self, kind: JobKind, factory: Callable[[JobRecord], Work]) -> None:
        """Say how to make the work of a kind again from its record, for jobs of an earlier process."""
        self._factories[kind] = factory

    def jobs(self) -> tuple[JobRecord, ...]:
        """All records, the newest first; those of other running processes as they last wrote them."""
        logged = self._log.list()
        with self._lock:
            records = {record.id: record for record in logged}
            records.update((job_id, job.record) for job_id, job in self._jobs.items())
        return tuple(sorted(records.values(), key=lambda record: record.created_at, reverse=True))

    def is_own(self, job_id: str) -> bool:
        """Whether this process runs the job (or took it over); that of another running Garden can only be looked at."""
        with self._lock:
            return job_id in self._jobs

    def queue(self) -> tuple[str, ...]:
        """Ids of what waits for its turn, the next first."""
        with self._lock:
            return tuple(self._queue)

    def can_run_again(self, job_id: str) -> bool:
        """Whether ``resume`` or ``retry`` could make its work again."""
        with self._lock:
            job = self._jobs.get(job_id)
            return job is not None and (job.work is not None or self._can_make(job.record))

    def can_retry(self, record: JobRecord) -> bool:
        """Whether ``retry`` could run a job that has ended again, also one that an earlier process ran."""
        return self.can_run_again(record.id) or (record.state.ended and self._can_make(record))

    def _can_make(self, record: JobRecord) -> bool:
        return bool(record.target) and record.kind in self._factories

    def cancel(self, job_id: str) -> None:
        """Stop a job for good; one that has ended stays as it ended.

        Raises:
            NotFoundError: No such job.
            RefusedError: It belongs to another running Garden.
        """
        self._stop(job_id, Intent.CANCEL)

    def pause(self, job_id: str) -> None:
        """Stop a job so that it can go on later; its handle stays open.

        Raises:
            RefusedError: It cannot go on from where it stopped, or belongs to another running Garden.
        """
        if not self._job(job_id).record.resumable:
            raise RefusedError("This cannot be paused.", "Let it run, or cancel it.")
        self._stop(job_id, Intent.PAUSE)

    def resume(self, job_id: str) -> Handle[Any]:
        """Queue a paused job again.

        Returns:
            Its handle: the one from before while that is open, else a new one with the same id.

        Raises:
            RefusedError: Its work cannot be made again.
        """
        return self._requeue(job_id, {JobState.PAUSED})

    def retry(self, job_id: str) -> Handle[Any]:
        """Run a failed or cancelled job again, under the same id.

        Raises:
            RefusedError: Its work cannot be made again.
        """
        return self._requeue(job_id, {JobState.FAILED, JobState.CANCELLED, JobState.PAUSED})

    def resume_paused_at_close(self) -> tuple[Handle[Any], ...]:
        """Queue again what the orderly end of the program had paused; what the user paused stays so."""
        return tuple(self.resume(record.id) for record in self._paused_with(PAUSED_AT_CLOSE))

    def interrupted(self) -> tuple[JobRecord, ...]:
        """What was cut short with its process and can go on, the oldest first."""
        return self._paused_with(INTERRUPTED)

    def _paused_with(self, note: str) -> tuple[JobRecord, ...]:
        with self._lock:
            paused = [
                job.record
                for job in self._jobs.values()
                if job.record.state is JobState.PAUSED
                and job.record.note == note
                and (job.work is not None or self._can_make(job.record))
            ]
        return tuple(sorted(paused, key=lambda record: record.created_at))

    def remove(self, job_id: str) -> None:
        """Forget one job that has ended; one that has not stays."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is not None and not job.record.state.ended:
                return
            self._jobs.pop(job_id, None)
        self._log.remove(job_id)

    def close(self, timeout: float = 6.0) -> None:
        """Stop everything and wait at most ``timeout`` seconds: what can go on is stored as paused.

        Args:
            timeout: A child has three seconds to clean up before it is terminated; less than that may cut it short.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._queue.clear()
            waiting = [job for job in self._jobs.values() if job.record.state is JobState.WAITING]
            running = [(job, job.run) for job in self._running()]
            for job, _ in running:
                job.stop(Intent.CLOSE)
            threads = tuple(self._threads.values())
        for job in waiting:
            self._end(job, None, CancelledByUser(), Intent.CLOSE)
        deadline = time.monotonic() + timeout
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
        for job, run in running:
            # Still there after its time: stored as stopped now, since the database closes after this.
            self._end(job, run, CancelledByUser(), Intent.CLOSE)
        with self._lock:
            paused = [job.handle for job in self._jobs.values() if not job.handle.done]
        for handle in paused:
            handle.fail(CancelledByUser())
        self._pulse.stop()

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

    def _stop(self, job_id: str, intent: Intent) -> None:
        job = self._job(job_id)
        with self._lock:
            if job.run is not None:
                job.stop(intent)
                return
            if job_id in self._queue:
                self._queue.remove(job_id)
            paused = job.record.state is JobState.PAUSED
        if intent is Intent.CANCEL or not paused:
            self._end(job, None, CancelledByUser(), intent)

    def _requeue(self, job_id: str, states: set[JobState]) -> Handle[Any]:
        job = self._job(job_id)
        work = job.work or self._work_for(job.record)
        with self._lock:
            if job.record.state not in states or self._closed:
                return job.handle
            job.work = work
            if job.spent:
                job.handle, job.spent = self._new_handle(job_id), False
            job.change(
                state=JobState.WAITING, note="", error=None, action="", rate=None, seconds_left=None, ended_at=None
            )
            self._queue.append(job_id)
            self._pulse.post(job)
            handle = job.handle
        self._announcer.send()
        self._start_ready()
        return handle

    def _work_for(self, record: JobRecord) -> Work:
        factory = self._factories.get(record.kind)
        if factory is None or not record.target:
            raise RefusedError("This job cannot be started again from here.", "Start it anew.")
        return factory(record)

    def _take_over(self) -> None:
        for record in self._log.orphans():
            job = self._jobs[record.id] = Job(record, None, self._new_handle(record.id))
            job.take_over(self._wall_clock())
            job.handle.fail(CancelledByUser())
            self._pulse.post(job)
        self._announcer.send()

    def _new_handle(self, job_id: str) -> Handle[Any]:
        def on_cancel() -> None:
            with self._lock:
                known = job_id in self._jobs
            if known:
                self.cancel(job_id)

        return Handle(job_id, on_cancel)

    def _start_ready(self) -> None:
        while True:
            with self._lock:
                job = self._next_ready()
                if job is None:
                    break
                run = self._new_run(job)
                job.begin(run, self._wall_clock())
                self._pulse.post(job)
                thread = threading.Thread(
                    target=self._run, args=(job, run), name=f"job-{job.record.kind}-{job.record.id[:8]}", daemon=True
                )
                self._threads[job.record.id] = thread
                thread.start()
                self._pulse.beat()
            self._announcer.send()

    def _running(self) -> list[Job]:
        """Jobs under way; the lock is held."""
        return [job for job in self._jobs.values() if job.run is not None]

    def _next_ready(self) -> Job | None:
        """The first waiting job whose kind has room; it leaves the queue."""
        running = [job.record.kind for job in self._running()]
        for job_id in self._queue:
            job = self._jobs[job_id]
            if running.count(job.record.kind) < self._limits.get(job.record.kind, 1):
                self._queue.remove(job_id)
                return job
        return None

    def _new_run(self, job: Job) -> JobContext:
        def on_progress(done: int, total: int | None, note: str) -> None:
            with self._lock:
                if job.run is not run:
                    return
                self._pulse.advance(job, done, total, note)
            self._announcer.send()

        run = JobContext(on_progress)
        return run

    def _run(self, job: Job, run: JobContext) -> None:
        work = job.work
        assert work is not None
        try:
            result = work(run)
        except Exception as error:
            self._end(job, run, as_garden_error(error), job.intent)
        else:
            self._end(job, run, None, None, result)

    def _end(
        self, job: Job, run: JobContext | None, error: GardenError | None, intent: Intent | None, result: Any = None
    ) -> None:
        """End a run (or the wait for one), once."""
        with self._lock:
            if job.run is not run or (run is None and job.record.state.ended):
                return
            self._threads.pop(job.record.id, None)
            state = job.settle(error, intent, run, self._wall_clock())
            # A job that the user paused keeps its handle; any other end uses it up.
            job.spent = not (state is JobState.PAUSED and intent is Intent.PAUSE)
            handle, spent = job.handle, job.spent
            self._pulse.post(job)
        self._announcer.send()
        if error is None:
            handle.succeed(result)
        elif spent and (state is JobState.CANCELLED or intent is not None):
            handle.fail(CancelledByUser())
        elif spent:
            _log.info("job %s failed: %s %s", job.record.title, error, error.detail)
            handle.fail(error)
        self._start_ready()
