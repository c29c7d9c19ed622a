"""Runs long work in order, so many of a kind at once, and keeps a record of it that outlives the process."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from garden.core.errors import CancelledByUser, DiskFullError, GardenError, RefusedError
from garden.core.events import EventBus
from garden.core.job_record import JobKind, JobRecord, JobState, JobUnit
from garden.jobs.due_timer import DueTimer
from garden.jobs.handle import Handle, as_garden_error
from garden.jobs.job import PAUSED_AT_CLOSE, Intent, Job
from garden.jobs.job_context import JobContext
from garden.jobs.job_queue import JobQueue
from garden.jobs.job_registry import JobRegistry
from garden.jobs.jobs_log import JobsLog

T = TypeVar("T")
_log = logging.getLogger(__name__)

#: How often the disk is looked at while work is paused because it was full.
_ROOM_LOOK_SECONDS = 5.0


class JobRunner(JobRegistry):
    """Queue, order, progress and persistence of long work. Safe to use from any thread.

    Every change is written to the log first and announced after; figures of running work reach the log once a second
    and the bus at most ten times. Work of a process that is gone is taken over: what can go on is paused, the rest
    has failed. What was cut short (a kill, a crash) goes on when somebody says so, never by itself. Once it was told
    to be patient, work that can go on waits for a network that is away, for hours.

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
        super().__init__(bus, log, clock)
        self._wall_clock = wall_clock
        self._queue = JobQueue(limits)
        self._patient = False
        self._threads: dict[str, threading.Thread] = {}
        self._closed = False
        self._due = DueTimer(self._next_due, self._look_again, wall_clock)
        self._room_due = 0.0
        self.take_over()

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
        held_for: DiskFullError | None = None,
    ) -> Handle[T]:
        """Queue work; RefusedError when it may not begin now, see ``on_begin``.

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
            held_for: Why it is listed as paused for want of room instead of queued; its handle ends with that.

        Returns:
            A handle whose id is the record's.
        """
        self._may_begin(kind, reads)
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
                self._queue.put(job)
                if held_for is None:
                    self._pulse.post(job)
        if refused:
            handle.fail(CancelledByUser())
            return handle
        if held_for is not None:
            with self._lock:
                self._queue.drop(job_id)
            self._end(job, None, held_for, None)
            return handle
        self._announcer.send()
        self._start_ready()
        return handle

    def queue(self) -> tuple[str, ...]:
        """Ids of what waits for its turn, the next first."""
        with self._lock:
            return self._queue.ids

    def set_limit(self, kind: JobKind, limit: int) -> None:
        """Let so many of a kind run at once from now on; what runs already goes on."""
        with self._lock:
            self._queue.set_limit(kind, limit)
        self._start_ready()

    def move(self, job_id: str, before: str | None) -> None:
        """Put a job that waits for its turn or is paused before another one, or behind all others when None.

        Raises:
            RefusedError: It runs or has ended, or belongs to another running Garden.
        """
        if job_id == before:
            return
        self._job(job_id)
        with self._lock:
            jobs = self._jobs.items()
            paused = {key: job.record.place for key, job in jobs if job.record.state is JobState.PAUSED}
            if job_id not in self._queue and job_id not in paused:
                raise RefusedError("Only what waits or is paused can be moved.", "Look at the queue again.")
            for moved, place in self._queue.move(job_id, before, paused).items():
                self._jobs[moved].change(place=place)
                self._pulse.post(self._jobs[moved])
        self._announcer.send()
        self._start_ready()

    def be_patient(self) -> None:
        """Let what can go on wait from now on for a network that is away, instead of failing."""
        self._patient = True
        self._due.beat()

    def network_is_back(self) -> None:
        """Try again at once whatever waits for the network."""
        self._hurry([record.id for record in self.own_jobs() if record.due_at is not None])

    def cancel(self, job_id: str, *, keep: bool = False) -> None:
        """Stop a job for good and clear away what it has made so far; one that has ended stays as it ended.

        Args:
            job_id: The job.
            keep: Leave what is here, so that the same work goes on from it when it is asked for again.

        Raises:
            NotFoundError: No such job.
            RefusedError: It belongs to another running Garden.
        """
        self._stop(job_id, Intent.STOP if keep else Intent.CANCEL)

    def pause(self, job_id: str, *, intent: Intent = Intent.PAUSE) -> None:
        """Stop a job so that it can go on later; its handle stays open. ``intent`` is the user's, or ``OFFLINE``.

        Raises:
            RefusedError: It cannot go on from where it stopped, or belongs to another running Garden.
        """
        if not self._job(job_id).record.resumable:
            raise RefusedError("This cannot be paused.", "Let it run, or cancel it.")
        self._stop(job_id, intent)

    def resume(self, job_id: str) -> Handle[Any]:
        """Queue a paused job again.

        Returns:
            Its handle: the one from before while that is open, else a new one with the same id.

        Raises:
            RefusedError: Its work cannot be made again.
        """
        return self._requeue(job_id, {JobState.PAUSED})

    def retry(self, job_id: str) -> Handle[Any]:
        """Run a failed or cancelled job again, under the same id; one that waits for the network is tried at once.

        Raises:
            RefusedError: Its work cannot be made again.
        """
        self._hurry([job_id])
        return self._requeue(job_id, {JobState.FAILED, JobState.CANCELLED, JobState.PAUSED})

    def resume_paused_at_close(self) -> tuple[Handle[Any], ...]:
        """Queue again what the orderly end of the program, or working offline, had paused; not what the user did."""
        return tuple(self.resume(each.id) for each in (*self._paused_with(PAUSED_AT_CLOSE), *self.paused_offline()))

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
        self._due.stop()
        self._pulse.stop()

    def _stop(self, job_id: str, intent: Intent) -> None:
        job = self._job(job_id)
        with self._lock:
            if job.run is not None:
                job.stop(intent)
                return
            self._queue.drop(job_id)
            paused = job.record.state is JobState.PAUSED
        if not intent.pauses or not paused:
            self._end(job, None, CancelledByUser(), intent)

    def _requeue(self, job_id: str, states: set[JobState]) -> Handle[Any]:
        job = self._job(job_id)
        work = self._work_again(job)
        with self._lock:
            if job.record.state not in states or self._closed:
                return job.handle
            job.work = work
            if job.spent:
                job.handle, job.spent = self._new_handle(job_id), False
            job.change(
                state=JobState.WAITING, note="", error=None, action="", rate=None, seconds_left=None, ended_at=None
            )
            self._queue.put(job)
            self._pulse.post(job)
            handle = job.handle
        self._announcer.send()
        self._start_ready()
        return handle

    def _hurry(self, job_ids: Sequence[str]) -> None:
        with self._lock:
            for job in (self._jobs[job_id] for job_id in job_ids if job_id in self._queue):
                job.change(due_at=None)
        self._start_ready()

    def _next_due(self) -> float | None:
        room_due = self._room_due if self._patient and self._has_room and self.paused_for_space() else None
        with self._lock:
            due = self._queue.next_due(self._jobs)
        return min((time for time in (due, room_due) if time is not None), default=None)

    def _look_again(self) -> None:
        """A time has come: for what waits for the network, or for the next look at the disk."""
        if self._has_room and self._patient and self._wall_clock() >= self._room_due:
            self._room_due = self._wall_clock() + _ROOM_LOOK_SECONDS
            for record in self.paused_for_space()[:1]:
                if self._has_room(record):
                    self.resume(record.id)
        self._start_ready()

    def take_over(self) -> None:
        """Look for work of processes that are gone: what can go on is paused, the rest has failed."""
        try:
            left = self._log.adopt()
        except GardenError as error:
            # Nothing can be written now: they stay whose they were.
            _log.warning("what an earlier process left could not be taken over: %s %s", error, error.detail)
            return
        for record in sorted(left, key=lambda record: (record.place, record.created_at)):
            job = self._jobs[record.id] = Job(record, None, self._new_handle(record.id))
            job.take_over(self._wall_clock())
            job.handle.fail(CancelledByUser())
            # Each process counts from one: what two of them left may stand in the same place.
            job.change(place=self._queue.know(record.place))
            self._pulse.post(job)
        self._announcer.send()

    def _start_ready(self) -> None:
        while True:
            with self._lock:
                running = [job.record.kind for job in self._running()]
                ready = None if self._closed else self._queue.take(self._jobs, running, self._wall_clock())
                if ready is None:
                    break
                job = ready
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

    def _new_run(self, job: Job) -> JobContext:
        def on_progress(done: int, total: int | None, note: str) -> None:
            with self._lock:
                if job.run is not run:
                    return
                self._pulse.advance(job, done, total, note)
            self._announcer.send()

        def on_target(target: str) -> None:
            with self._lock:
                job.change(target=target)
                self._pulse.post(job)
            self._announcer.send()

        run = JobContext(on_progress, on_target)
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
            if job.is_over(run):
                return
        cleared = intent is Intent.CANCEL and error is not None and self._cleared(job.record)
        with self._lock:
            if job.is_over(run):
                return
            self._threads.pop(job.record.id, None)
            state = job.settle(error, intent, run, self._wall_clock(), patient=self._patient and not self._closed)
            # A job that the user paused or that waits keeps its handle; any other end uses it up.
            goes_on = state is JobState.WAITING or (state is JobState.PAUSED and intent is not None and intent.pauses)
            job.spent = not goes_on
            if state is JobState.WAITING:
                self._queue.put(job, keep_place=True)
            if cleared and state is JobState.CANCELLED:
                job.change(done=0)
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
        self._due.beat()
