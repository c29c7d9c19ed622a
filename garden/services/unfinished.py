"""Downloads that did not end: what they left in the Hub cache, and clearing it away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from garden.core.errors import RefusedError
from garden.core.events import EventBus, LibraryChanged
from garden.core.job_record import JobKind, JobRecord, JobState
from garden.core.library_entry import LibraryEntry
from garden.core.model_ref import ModelRef
from garden.core.paths import hub_cache_dir
from garden.core.quantity import format_bytes
from garden.core.unfinished_download import UnfinishedDownload
from garden.hub import cache
from garden.jobs.job_runner import JobRunner
from garden.services.model_name import display_name
from garden.services.transfer_target import target_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RestingDownload:
    """A download that does not go on by itself, with what is here of it.

    Attributes:
        repo_id: ``owner/name``.
        parts: What it left; of one that another download goes on from too, the first of them tells.
        size_bytes: How much of it is here.
        total_bytes: How much it would be; None where no download of Garden's knows.
        job: The paused download, None when another tool left it or its record is gone.
    """

    repo_id: str
    parts: tuple[UnfinishedDownload, ...]
    size_bytes: int
    total_bytes: int | None = None
    job: JobRecord | None = None

    @property
    def sentence(self) -> str:
        """How much is here: ``Incomplete, 62 % here``."""
        if self.total_bytes:
            return f"Incomplete, {min(99, int(100 * self.size_bytes / self.total_bytes))} % here"
        return f"Incomplete, {format_bytes(self.size_bytes)} here"

    @property
    def entry(self) -> LibraryEntry:
        """As the Library lists it: a model that cannot be used yet."""
        ref = ModelRef(
            name=display_name(self.repo_id.rpartition("/")[2]),
            filenames=tuple(part.path.name for part in self.parts),
            repo_id=self.repo_id,
            path=str(self.parts[0].path),
            quant_type=(self.job.subtitle or None) if self.job is not None else None,
            size_bytes=self.total_bytes or self.size_bytes,
        )
        return LibraryEntry(ref=ref, origin="hub_cache", problem=self.sentence)


class UnfinishedService:
    """Lists and clears what transfers left, Garden's and other tools'.

    Args:
        bus: Where changes are announced.
        jobs: Whose paused downloads may own a part.
    """

    def __init__(self, bus: EventBus, jobs: JobRunner) -> None:
        self._bus = bus
        self._jobs = jobs

    def list(self) -> tuple[UnfinishedDownload, ...]:
        """What lies there, by repository; a transfer under way has its part there too."""
        return tuple(part for part in cache.unfinished_downloads(hub_cache_dir()) if part.size_bytes)

    def resting(self) -> tuple[RestingDownload, ...]:
        """What lies there, by download, without downloads that are under way or wait for their turn.

        The name of a part says whose it is: several downloads of one repository each have their own. What no download
        of Garden's is known to own stands together by repository.
        """
        jobs = self._open_downloads()
        found: dict[tuple[str, str], list[UnfinishedDownload]] = {}
        owners: dict[tuple[str, str], JobRecord] = {}
        for part in self.list():
            owner = _owner(part, jobs)
            if owner is not None and owner.state is not JobState.PAUSED:
                continue
            key = (part.repo_id, owner.id if owner is not None else "")
            found.setdefault(key, []).append(part)
            if owner is not None:
                owners[key] = owner
        return tuple(_resting(key[0], tuple(parts), owners.get(key)) for key, parts in found.items())

    def resume(self, resting: RestingDownload) -> None:
        """Let a paused download go on.

        Raises:
            RefusedError: No download of this Garden's is known that it belongs to.
        """
        if resting.job is None or not self._jobs.is_own(resting.job.id):
            raise RefusedError(
                "It is not known what this is a part of.", f"Find {resting.repo_id} on the Hub and download it again."
            )
        self._jobs.resume(resting.job.id)

    def clear(self, resting: RestingDownload) -> int:
        """Clear away what is here of one download, but for what another one goes on from; a paused one is cancelled.

        Returns:
            Bytes freed.

        Raises:
            StateError: A part is being fetched right now, or the system would not let it go.
        """
        others = [job for job in self._open_downloads() if resting.job is None or job.id != resting.job.id]
        freed = self.remove([part for part in resting.parts if not any(_owns(job, part) for job in others)])
        if resting.job is not None and self._jobs.is_own(resting.job.id):
            self._jobs.cancel(resting.job.id)
        return freed

    def remove(self, parts: Sequence[UnfinishedDownload]) -> int:
        """Clear parts away; a paused download that has lost all of them has nothing to go on from and is cancelled.

        Returns:
            Bytes freed.

        Raises:
            StateError: One is being fetched right now, or the system would not let it go.
        """
        freed = 0
        jobs = self._open_downloads()
        try:
            for part in parts:
                freed += cache.remove_unfinished(hub_cache_dir(), part)
        finally:
            left = self.list()
            for job in jobs:
                lost = any(_owner(part, [job]) for part in parts) and not any(_owner(part, [job]) for part in left)
                if lost and job.state is JobState.PAUSED and self._jobs.is_own(job.id):
                    self._jobs.cancel(job.id)
            self._bus.publish(LibraryChanged())
        return freed

    def _open_downloads(self) -> tuple[JobRecord, ...]:
        """Downloads that have not ended, other Gardens' too; the newest first."""
        return tuple(job for job in self._jobs.jobs() if job.kind is JobKind.DOWNLOAD and not job.state.ended)


def _owner(part: UnfinishedDownload, jobs: Sequence[JobRecord]) -> JobRecord | None:
    """The download that goes on from a part: one under way before one that is paused.

    By the hash that names the part; of a download that does not know its hashes yet, by the repository.
    """
    moving_first = sorted(jobs, key=lambda job: job.state is JobState.PAUSED)
    named = next((job for job in moving_first if _owns(job, part)), None)
    if named is not None:
        return named
    return next((job for job in moving_first if _may_own(job, part)), None)


def _owns(job: JobRecord, part: UnfinishedDownload) -> bool:
    target = target_of(job)
    return target is not None and target.repo_id == part.repo_id and part.path.name.partition(".")[0] in target.etags


def _may_own(job: JobRecord, part: UnfinishedDownload) -> bool:
    target = target_of(job)
    return target is not None and target.repo_id == part.repo_id and not target.etags


def _resting(repo_id: str, parts: tuple[UnfinishedDownload, ...], job: JobRecord | None) -> RestingDownload:
    here = sum(part.size_bytes for part in parts)
    done = max(here, job.done) if job is not None else here
    return RestingDownload(
        repo_id=repo_id, parts=parts, size_bytes=done, total_bytes=job.total if job is not None else None, job=job
    )
