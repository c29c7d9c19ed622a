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
        parts: What it left.
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
        """What lies there, by repository, without downloads that are under way or wait for their turn."""
        jobs: dict[str, JobRecord] = {}
        for record in self._jobs.jobs():
            if record.kind is JobKind.DOWNLOAD and not record.state.ended and (repo_id := _repo_id(record)):
                jobs.setdefault(repo_id, record)
        parts: dict[str, list[UnfinishedDownload]] = {}
        for part in self.list():
            parts.setdefault(part.repo_id, []).append(part)
        return tuple(
            _resting(repo_id, tuple(found), jobs.get(repo_id))
            for repo_id, found in parts.items()
            if repo_id not in jobs or jobs[repo_id].state is JobState.PAUSED
        )

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

    def remove(self, parts: Sequence[UnfinishedDownload]) -> int:
        """Clear parts away; a paused download that has lost all of them has nothing to go on from and is cancelled.

        Returns:
            Bytes freed.

        Raises:
            StateError: One is being fetched right now, or the system would not let it go.
        """
        freed = 0
        try:
            for part in parts:
                freed += cache.remove_unfinished(hub_cache_dir(), part)
        finally:
            left = {part.repo_id for part in self.list()}
            self._cancel_paused({part.repo_id for part in parts} - left)
            self._bus.publish(LibraryChanged())
        return freed

    def _cancel_paused(self, repo_ids: set[str]) -> None:
        for record in self._jobs.jobs():
            paused = record.kind is JobKind.DOWNLOAD and record.state is JobState.PAUSED
            if paused and self._jobs.is_own(record.id) and _repo_id(record) in repo_ids:
                self._jobs.cancel(record.id)


def _repo_id(record: JobRecord) -> str | None:
    """The repository that a download is of, None for one that is of none."""
    target = target_of(record)
    return target.repo_id if target is not None else None


def _resting(repo_id: str, parts: tuple[UnfinishedDownload, ...], job: JobRecord | None) -> RestingDownload:
    here = sum(part.size_bytes for part in parts)
    done = max(here, job.done) if job is not None else here
    return RestingDownload(
        repo_id=repo_id, parts=parts, size_bytes=done, total_bytes=job.total if job is not None else None, job=job
    )
