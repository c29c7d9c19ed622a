"""Jobs that have not ended, as the window counts them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QObject, Signal

from garden.core.events import JobChanged
from garden.core.job_record import JobRecord, JobState
from garden.gui.bridge.event_pump import EventPump


class WorkUnderWay(QObject):
    """Keeps the jobs that run, wait or pause.

    Signals:
        changed: A job began, moved or ended.
        finished: A job that was under way succeeded or failed; one that was cancelled did neither.
    """

    changed = Signal()
    finished = Signal()

    def __init__(self, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: dict[str, JobRecord] = {}
        self._heard: set[str] = set()
        pump.on(JobChanged, self._on_job_changed)

    @property
    def moving(self) -> Sequence[JobRecord]:
        """Those that run or wait for their turn; a paused one does not move."""
        return [job for job in self._jobs.values() if job.state is not JobState.PAUSED]

    def take(self, jobs: Iterable[JobRecord]) -> None:
        """Count jobs that were there before anything was told of them; what was told is newer."""
        for job in jobs:
            if job.id not in self._heard:
                self._count(job)
        self.changed.emit()

    def _on_job_changed(self, event: JobChanged) -> None:
        was_under_way = event.job.id in self._jobs
        self._heard.add(event.job.id)
        self._count(event.job)
        self.changed.emit()
        if was_under_way and event.job.state in (JobState.SUCCEEDED, JobState.FAILED):
            self.finished.emit()

    def _count(self, job: JobRecord) -> None:
        if job.state.ended:
            self._jobs.pop(job.id, None)
        else:
            self._jobs[job.id] = job
