"""How running jobs get on, told often enough to be seen and seldom enough to be read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from garden.jobs.announcer import Announcer
from garden.jobs.job import Job

#: Events of one job are at least this far apart while it runs.
EVENT_SECONDS = 0.1
#: A running job's figures reach the log this often; its changes of state at once.
SAVE_SECONDS = 1.0
#: How often a rate is looked at again when the work says nothing, so that a stall shows.
STALL_SECONDS = 1.0


class Pulse:
    """Posts jobs to the announcer: a change of state at once, figures at most ten times a second.

    While anything runs, a thread sends what was held back and lets a stall show.

    Args:
        announcer: Where records go.
        lock: Guards the jobs; held by whoever calls anything here but ``stop``.
        running: The jobs that run; called with the lock held.
        clock: A steady clock, in seconds.
    """

    def __init__(
        self,
        announcer: Announcer,
        lock: threading.Lock,
        running: Callable[[], Sequence[Job]],
        clock: Callable[[], float],
    ) -> None:
        self._announcer = announcer
        self._lock = lock
        self._running = running
        self._clock = clock
        self._ticker: threading.Thread | None = None
        self._gone = threading.Event()

    def post(self, job: Job) -> None:
        """Tell of a change of state."""
        self._post(job, self._clock(), save=True)

    def advance(self, job: Job, done: int, total: int | None, note: str) -> None:
        """Take in what the work reports, and tell it unless that was done just now."""
        now = self._clock()
        job.advance(now, done, total, note)
        if now - job.published_at >= EVENT_SECONDS:
            self._post_figures(job, now)

    def beat(self) -> None:
        """Something runs now."""
        if self._ticker is None:
            self._ticker = threading.Thread(target=self._tick, name="job-ticker", daemon=True)
            self._ticker.start()

    def stop(self) -> None:
        """Nothing runs any more, and nothing will. The lock must not be held."""
        with self._lock:
            ticker = self._ticker
        self._gone.set()
        if ticker is not None:
            ticker.join(1.0)

    def _tick(self) -> None:
        while True:
            self._gone.wait(EVENT_SECONDS)
            now = self._clock()
            with self._lock:
                running = self._running()
                if not running or self._gone.is_set():
                    self._ticker = None
                    return
                for job in running:
                    quiet = now - job.published_at
                    if (job.dirty and quiet >= EVENT_SECONDS) or (quiet >= STALL_SECONDS and job.measure(now)):
                        self._post_figures(job, now)
            self._announcer.send()

    def _post_figures(self, job: Job, now: float) -> None:
        self._post(job, now, save=now - job.saved_at >= SAVE_SECONDS)

    def _post(self, job: Job, now: float, *, save: bool) -> None:
        if save:
            job.saved_at = now
        job.published_at = now
        job.dirty = False
        self._announcer.post(job.record, save=save)
