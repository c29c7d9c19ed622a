"""What waits for its turn, in the order in which it will run, and how many of a kind may run at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from garden.core.job_record import JobKind
from garden.jobs.job import Job


class JobQueue:
    """Ids with their places. Guarded by the runner's lock.

    A place is kept in the job's record, so that the order survives the process.

    Args:
        limits: Jobs of a kind that may run at once; 1 for a kind that is not named.
    """

    def __init__(self, limits: Mapping[JobKind, int]) -> None:
        self._limits = dict(limits)
        self._places: dict[str, int] = {}
        self._last = 0

    def __contains__(self, job_id: object) -> bool:
        """Whether it waits."""
        return job_id in self._places

    @property
    def ids(self) -> tuple[str, ...]:
        """The next first."""
        return tuple(sorted(self._places, key=self._places.__getitem__))

    def set_limit(self, kind: JobKind, limit: int) -> None:
        """Let so many of a kind run at once from now on; what runs already goes on."""
        self._limits[kind] = limit

    def know(self, place: int) -> int:
        """Take over a job that does not wait now; new ones come after it.

        Args:
            place: Where it stood in the queue of its process. To be called in the order of the places.

        Returns:
            Its place here: the same, or the next one that is free.
        """
        self._last = max(self._last + 1, place)
        return self._last

    def put(self, job: Job, *, keep_place: bool = False) -> None:
        """Let a job wait: behind all others, or where it stood before."""
        if not keep_place or not job.record.place:
            self._last += 1
            job.change(place=self._last)
        self._places[job.record.id] = job.record.place

    def drop(self, job_id: str) -> None:
        """It waits no longer; nothing happens when it did not."""
        self._places.pop(job_id, None)

    def clear(self) -> None:
        """Nothing waits any more."""
        self._places.clear()

    def move(self, job_id: str, before: str | None, paused: Mapping[str, int]) -> dict[str, int]:
        """Put a job before another one, or behind all others.

        Args:
            job_id: One that waits or is paused.
            before: The one that it shall precede.
            paused: Places of those that are paused: they keep their order for when they go on.

        Returns:
            The new places of those that have moved.
        """
        places = {**paused, **self._places}
        order = sorted(places, key=places.__getitem__)
        order.remove(job_id)
        order.insert(order.index(before) if before in order else len(order), job_id)
        given = zip(order, sorted(places.values()), strict=True)
        moved = {other: place for other, place in given if places[other] != place}
        self._places.update({other: place for other, place in moved.items() if other in self._places})
        return moved

    def take(self, jobs: Mapping[str, Job], running: Sequence[JobKind], wall: float) -> Job | None:
        """The first whose kind has room and whose time has come; it leaves the queue."""
        for job_id in self.ids:
            job = jobs[job_id]
            due = job.record.due_at is None or job.record.due_at <= wall
            if due and running.count(job.record.kind) < self._limits.get(job.record.kind, 1):
                self.drop(job_id)
                return job
        return None

    def next_due(self, jobs: Mapping[str, Job]) -> float | None:
        """When the first of those that wait for a time may be tried, None when none does."""
        times = [due for job_id in self._places if (due := jobs[job_id].record.due_at) is not None]
        return min(times, default=None)
