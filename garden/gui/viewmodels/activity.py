"""What Activity lists: every job with the words of its row, what can be done with it, and the disk it fills."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from garden.core.errors import GardenError
from garden.core.events import JobChanged, SettingsChanged
from garden.core.job_record import JobKind, JobRecord, JobState
from garden.gui.viewmodels.free_space import DiskSpace, disk_space
from garden.gui.viewmodels.job_actions import ASKED, JobAction, actions_of, move
from garden.gui.viewmodels.job_lines import JobLines, Section, job_lines, section_of

if TYPE_CHECKING:
    from garden.core.library_entry import LibraryEntry
    from garden.gui.bridge.event_pump import EventPump
    from garden.services.garden import Garden

#: Jobs of another running Garden announce nothing here, so they are looked up this often while someone looks.
LOOK_INTERVAL_MS = 2_000

#: Ended jobs shown at first, and added by each "Show older".
ENDED_STEP = 50

_SHOWN = {
    "all": frozenset(JobKind),
    "downloads": frozenset({JobKind.DOWNLOAD}),
    "quantizing": frozenset({JobKind.QUANTIZE, JobKind.QUALITY}),
    "checks": frozenset({JobKind.VERIFY, JobKind.SPEED}),
}

_TITLES = {
    "all": "All",
    "downloads": "Downloads",
    "quantizing": "Quantizing",
    "checks": "Checks",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRowFacts:
    """One row.

    Attributes:
        job: The job now.
        lines: Its words.
        actions: What applies, in the order in which the buttons stand.
    """

    job: JobRecord
    lines: JobLines
    actions: tuple[JobAction, ...]

    @property
    def title(self) -> str:
        """``gemma-3-27b-it Q4_K_M``: how a screen reader names the job."""
        return " ".join(filter(None, (self.job.title, self.job.subtitle)))


class ActivityViewModel(QObject):
    """Follows every job; reading and changing happen away from the Qt thread.

    Signals:
        listed: Rows came, went or changed their section; ``sections`` has them.
        job_changed: Only the figures or words of one row changed (JobRowFacts).
        disk_changed: ``disk`` or ``needed_bytes`` changed.
        limits_changed: How many downloads run at once, or how fast they may go, was changed.
        said: A sentence, and what helps.
        compare_ready: A model that a job made is ready to be compared (LibraryEntry).
    """

    listed = Signal()
    job_changed = Signal(object)
    disk_changed = Signal()
    limits_changed = Signal()
    said = Signal(str, str)
    compare_ready = Signal(object)

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._jobs: dict[str, JobRecord] = {}
        self._newer: dict[str, JobRecord] | None = None
        self._again = False
        self._asked: dict[str, JobAction] = {}
        self._filter = "all"
        self._ended_shown = ENDED_STEP
        self._needed = 0
        self.read = False
        self.disk: DiskSpace | None = None
        pump.on(JobChanged, self._on_job_changed)
        pump.on(SettingsChanged, lambda _event: self.limits_changed.emit())
        self._look = QTimer(self)
        self._look.setInterval(LOOK_INTERVAL_MS)
        self._look.timeout.connect(self._on_look)

    # What is shown

    @property
    def filter(self) -> str:
        """Key of the kinds that are shown."""
        return self._filter

    @property
    def filters(self) -> tuple[tuple[str, str], ...]:
        """Key and title of what can be chosen."""
        return tuple(_TITLES.items())

    @property
    def empty(self) -> bool:
        """Whether there is no job of any kind."""
        return not self._jobs

    @property
    def older(self) -> int:
        """Ended jobs that are not shown."""
        ended = sum(1 for job in self._shown_jobs() if job.state.ended)
        return max(0, ended - self._ended_shown)

    @property
    def needed_bytes(self) -> int:
        """Bytes that downloads which have not ended will still write."""
        return self._needed

    @property
    def at_once(self) -> int:
        """How many downloads run at once."""
        return self._garden.settings.current.parallel_downloads

    @property
    def bandwidth_limit(self) -> int | None:
        """Bytes per second that all downloads together may take, None for no limit."""
        return self._garden.settings.current.bandwidth_limit

    def sections(self) -> tuple[tuple[Section, tuple[JobRowFacts, ...]], ...]:
        """The rows by section: what runs in the order of its start, the queue in its order, the latest end first."""
        by_section: dict[Section, list[JobRecord]] = {section: [] for section in Section}
        for job in self._shown_jobs():
            by_section[section_of(job)].append(job)
        by_section[Section.UNDER_WAY].sort(key=lambda job: (job.started_at or 0.0, job.id))
        # Asked only where there is a job: the runner is made, away from the Qt thread, with the first of them.
        queue = self._garden.activity.queue() if by_section[Section.WAITING] else ()
        by_section[Section.WAITING].sort(key=lambda job: _queue_order(job, queue))
        by_section[Section.FINISHED].sort(key=lambda job: (-(job.ended_at or 0.0), job.id))
        del by_section[Section.FINISHED][self._ended_shown :]
        return tuple((section, tuple(map(self._facts, jobs))) for section, jobs in by_section.items())

    def can_pause_all(self) -> bool:
        """Whether anything runs or waits that can be paused."""
        return any(JobAction.PAUSE in actions_of(self._garden.activity, job) for job in self._shown_jobs())

    def can_resume_all(self) -> bool:
        """Whether anything is paused that can go on."""
        return any(JobAction.RESUME in actions_of(self._garden.activity, job) for job in self._shown_jobs())

    # What the page asks

    def watch(self, looked_at: bool) -> None:
        """Read everything now, and look after other processes while the page is seen."""
        if looked_at:
            self.load()
            self._look.start()
        else:
            self._look.stop()

    @Slot()
    def load(self) -> None:
        """Read all jobs and the disk again."""
        if self._newer is not None:
            self._again = True
            return
        self._newer = {}
        self._pump.run(lambda: (self._garden.activity.jobs(), _disk()), self._on_read, self._on_read_failed)

    def show_only(self, key: str) -> None:
        """Show the kinds of a filter."""
        if key in _SHOWN and key != self._filter:
            self._filter, self._ended_shown = key, ENDED_STEP
            self.listed.emit()

    @Slot()
    def show_older(self) -> None:
        """Show more of what has ended."""
        self._ended_shown += ENDED_STEP
        self.listed.emit()

    def limit(self, **changes: object) -> None:
        """Change ``parallel_downloads`` or ``bandwidth_limit``; both hold at once."""
        self._pump.do(lambda: self._garden.settings.change(**changes), self._on_failed)

    def act(self, job_id: str, action: JobAction) -> None:
        """Do what a button of a row says. Showing a file is up to the page."""
        job = self._jobs.get(job_id)
        if job is None or job_id in self._asked:
            return
        if action is JobAction.COMPARE:
            path = job.result_path or ""
            self._pump.run(lambda: self._garden.library.resolve(path), self._on_entry, self._on_failed)
        elif action in (JobAction.MOVE_UP, JobAction.MOVE_DOWN):
            self._pump.do(lambda: move(self._garden.activity, job, action), self._on_failed)
        elif action in ASKED:
            self._all(action, [job])

    @Slot()
    def pause_all(self) -> None:
        """Pause whatever can be paused: what waits first, so that nothing starts in its place."""
        wanted = [job for job in self._shown_jobs() if JobAction.PAUSE in actions_of(self._garden.activity, job)]
        wanted.sort(key=lambda job: job.state is JobState.RUNNING)
        self._all(JobAction.PAUSE, wanted)

    @Slot()
    def resume_all(self) -> None:
        """Let everything that is paused go on, in the order in which it was asked for."""
        wanted = [job for job in self._shown_jobs() if JobAction.RESUME in actions_of(self._garden.activity, job)]
        self._all(JobAction.RESUME, sorted(wanted, key=lambda job: (job.created_at, job.id)))

    @Slot()
    def clear(self) -> None:
        """Forget what has ended, of the kinds that are shown."""
        self._all(JobAction.REMOVE, [job for job in self._shown_jobs() if job.state.ended])

    # How it is done

    def _all(self, action: JobAction, jobs: Sequence[JobRecord]) -> None:
        """Do it with these jobs, one after the other; their rows say so from now on."""
        wanted = [job for job in jobs if job.id not in self._asked]
        self._asked |= dict.fromkeys((job.id for job in wanted), action)
        for job in wanted:
            self.job_changed.emit(self._facts(job))

        def work() -> None:
            activity = self._garden.activity
            calls: dict[JobAction, Callable[[str], object]] = {
                JobAction.PAUSE: activity.pause,
                JobAction.RESUME: activity.resume,
                JobAction.CANCEL: activity.cancel,
                JobAction.RETRY: activity.retry,
                JobAction.TRY_NOW: activity.retry,
                JobAction.REMOVE: activity.remove,
            }
            for job in wanted:
                calls[action](job.id)

        def done(_none: None) -> None:
            # What runs stops in its own time and says so then.
            self._followed([job.id for job in wanted if job.state is not JobState.RUNNING])
            if action is JobAction.REMOVE:
                self.load()

        def failed(error: GardenError) -> None:
            self._followed([job.id for job in wanted])
            self._on_failed(error)

        self._pump.run(work, done, failed, receiver=self, ahead=True)

    def _followed(self, job_ids: Sequence[str]) -> None:
        """These rows say again what their jobs do."""
        for job_id in job_ids:
            job = self._jobs.get(job_id)
            if self._asked.pop(job_id, None) is not None and job is not None:
                self.job_changed.emit(self._facts(job))

    def _on_failed(self, error: GardenError) -> None:
        self.said.emit(error.sentence, error.action)

    def _on_entry(self, entry: LibraryEntry) -> None:
        self.compare_ready.emit(entry)

    def _on_read(self, read: tuple[tuple[JobRecord, ...], DiskSpace | None]) -> None:
        jobs, disk = read
        before = self._jobs
        # What was announced while the log was being read is newer than what was read.
        self._jobs = {job.id: job for job in jobs} | (self._newer or {})
        self._newer = None
        first, self.read = not self.read, True
        if disk != self.disk:
            self.disk = disk
            self.disk_changed.emit()
        self._count_needed()
        if first or before != self._jobs:
            self.listed.emit()
        self._read_again()

    def _on_read_failed(self, error: GardenError) -> None:
        self._newer = None
        self._on_failed(error)
        self._read_again()

    def _read_again(self) -> None:
        if self._again:
            self._again = False
            self.load()

    def _on_job_changed(self, event: JobChanged) -> None:
        job = event.job
        before = self._jobs.get(job.id)
        if not self.read and before is None:
            # The page has not been shown yet; everything is read when it is.
            if self._newer is not None:
                self._newer[job.id] = job
            return
        self._jobs[job.id] = job
        if self._newer is not None:
            self._newer[job.id] = job
        self._count_needed()
        if before is None or before.state is not job.state:
            self._asked.pop(job.id, None)
            if job.state.ended:
                self._read_disk()
            self.listed.emit()
        elif before.place != job.place:
            self.listed.emit()
        elif job.kind in _SHOWN[self._filter]:
            self.job_changed.emit(self._facts(job))

    @Slot()
    def _on_look(self) -> None:
        activity = self._garden.activity
        for job in self._shown_jobs():
            if job.state is JobState.WAITING and job.due_at is not None:
                # The seconds to its next try pass without an event.
                self.job_changed.emit(self._facts(job))
        if any(not job.state.ended and not activity.is_own(job.id) for job in self._jobs.values()):
            self.load()
        elif any(job.state is JobState.RUNNING for job in self._jobs.values()):
            self._read_disk()

    def _read_disk(self) -> None:
        self._pump.run(_disk, self._on_disk, self._on_failed)

    def _on_disk(self, disk: DiskSpace | None) -> None:
        if disk != self.disk:
            self.disk = disk
            self.disk_changed.emit()

    def _count_needed(self) -> None:
        needed = sum(
            max(0, job.total - job.done)
            for job in self._jobs.values()
            if job.kind is JobKind.DOWNLOAD and job.unit == "bytes" and job.total and not job.state.ended
        )
        if needed != self._needed:
            self._needed = needed
            self.disk_changed.emit()

    def _shown_jobs(self) -> list[JobRecord]:
        kinds = _SHOWN[self._filter]
        return [job for job in self._jobs.values() if job.kind in kinds]

    def _facts(self, job: JobRecord) -> JobRowFacts:
        position = 0
        if job.state is JobState.WAITING:
            # Each kind has its own lanes, so only those of its kind are before it.
            before = [self._jobs.get(job_id) for job_id in self._garden.activity.queue()]
            same_kind = [other.id for other in before if other is not None and other.kind is job.kind]
            position = same_kind.index(job.id) + 1 if job.id in same_kind else 1
        lines = job_lines(job, position)
        if job.id in self._asked:
            lines = dataclasses.replace(lines, state=ASKED[self._asked[job.id]])
        return JobRowFacts(job=job, lines=lines, actions=actions_of(self._garden.activity, job))


def _queue_order(job: JobRecord, queue: Sequence[str]) -> tuple[int, int, float, str]:
    """What waits for its turn stands in its order, before what is paused."""
    place = queue.index(job.id) if job.id in queue else len(queue)
    return place, job.place, job.created_at, job.id


def _disk() -> DiskSpace | None:
    try:
        return disk_space()
    except GardenError:
        return None
