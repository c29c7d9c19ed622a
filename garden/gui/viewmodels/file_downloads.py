"""Downloads of files of the Hub, from the click on: asked for, written down, under way, ended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from garden.core.catalog import Repository, RepositoryFile
from garden.core.errors import CancelledByUser, GardenError
from garden.core.events import JobChanged
from garden.core.job_record import JobKind, JobRecord
from garden.core.library_entry import LibraryEntry
from garden.services.transfer_target import target_of

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.jobs.handle import Handle
    from garden.services.garden import Garden

#: Stands for the id of a download that was asked for and has no record yet.
UNWRITTEN = ""

#: Repository and (first) file.
Where = tuple[str, str]


class FileDownloads(QObject):
    """Begins downloads and follows all there are, those that were begun elsewhere too.

    Signals:
        moved: A download began, moved on or ended (repository, file).
        fetched: A file that was asked for here is in the library (LibraryEntry).
        failed: One that was asked for here did not come: a sentence, and what helps.
    """

    moved = Signal(str, str)
    fetched = Signal(object)
    failed = Signal(str, str)

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._jobs: dict[Where, JobRecord] = {}
        self._begun: dict[Where, Handle[LibraryEntry]] = {}
        self._heard: set[str] = set()
        pump.on(JobChanged, self._on_job_changed)

    def job(self, repo_id: str, filename: str) -> JobRecord | None:
        """How far a file is, None when nobody has asked for it."""
        return self._jobs.get((repo_id, filename))

    def take(self, jobs: Iterable[JobRecord]) -> None:
        """Know of downloads that were begun before; what was told of one is newer than what was read."""
        for job in jobs:
            where = _where(job)
            if where is not None and not job.state.ended and job.id not in self._heard:
                self._jobs[where] = job

    def begin(self, repository: Repository, file: RepositoryFile) -> None:
        """Fetch a file; it waits from now on, its record comes when it was written down. A paused one goes on."""
        where = (repository.summary.repo_id, file.filename)
        if where in self._begun:
            # Asked for here and paused since: whoever waits for it hears of its end all the same.
            self._pump.do(lambda: self._garden.library.download(repository, file), self._say)
            return
        known = self._jobs.get(where)
        if known is None or known.state.ended:
            self._jobs[where] = JobRecord(id=UNWRITTEN, kind=JobKind.DOWNLOAD, title=repository.summary.name)
        self._begun[where] = self._pump.begin(
            lambda: self._garden.library.download(repository, file),
            lambda entry: self._on_fetched(where, entry),
            lambda error: self._on_failed(where, error),
            receiver=self,
        )
        self.moved.emit(*where)

    def pause(self, repo_id: str, filename: str) -> None:
        """Stop fetching a file for now and keep what came; nothing happens before its record was written."""
        job = self._jobs.get((repo_id, filename))
        if job is not None and job.id != UNWRITTEN:
            self._pump.do(lambda: self._garden.activity.pause(job.id), self._say)

    def cancel(self, repo_id: str, filename: str) -> None:
        """Stop fetching a file and clear away what came; a pause keeps it."""
        where = (repo_id, filename)
        begun, job = self._begun.get(where), self._jobs.get(where)
        if begun is not None:
            begun.cancel()
        elif job is not None:
            self._pump.do(lambda: self._garden.activity.cancel(job.id), self._say)

    def _on_job_changed(self, event: JobChanged) -> None:
        where = _where(event.job)
        if where is not None:
            self._heard.add(event.job.id)
            self._jobs[where] = event.job
            self.moved.emit(*where)

    def _on_fetched(self, where: Where, entry: LibraryEntry) -> None:
        self._end(where)
        self.fetched.emit(entry)

    def _on_failed(self, where: Where, error: GardenError) -> None:
        self._end(where)
        self._say(error)

    def _end(self, where: Where) -> None:
        """Forget the handle, and a record that was never written."""
        self._begun.pop(where, None)
        job = self._jobs.get(where)
        if job is not None and job.id == UNWRITTEN:
            del self._jobs[where]
            self.moved.emit(*where)

    def _say(self, error: GardenError) -> None:
        if not isinstance(error, CancelledByUser):
            self.failed.emit(error.sentence, error.action)


def _where(job: JobRecord) -> Where | None:
    """What a job fetches, None for any other job and for what does not come from a repository."""
    target = target_of(job) if job.kind is JobKind.DOWNLOAD else None
    return (target.repo_id, target.filenames[0]) if target is not None and target.filenames else None
