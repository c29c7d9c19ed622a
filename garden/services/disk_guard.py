"""Room for the downloads of the whole queue: what it needs, whether the disk has it, and the sentence when not."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from garden.core.errors import DiskFullError
from garden.core.job_record import JobKind, JobRecord, JobState
from garden.core.paths import hub_cache_dir
from garden.core.quantity import format_bytes
from garden.hub.blob_store import BlobStore, bytes_of
from garden.hub.room import reserve_bytes
from garden.jobs.job_runner import JobRunner
from garden.services.transfer_target import TransferTarget, target_of

_ACTION = "Free some space: it goes on by itself when there is room, or when you resume it."


class DiskGuard:
    """Looks after the disk of the Hub cache.

    Args:
        jobs: The queue.
    """

    def __init__(self, jobs: JobRunner) -> None:
        self._jobs = jobs

    def problem_of_adding(self, size_bytes: int) -> DiskFullError | None:
        """Why a download cannot join the queue as it is, None when all of it has room."""
        needed = missing_bytes(self._downloads(JobState.RUNNING, JobState.WAITING))
        free = _free_bytes()
        if needed + size_bytes <= free:
            return None
        return _too_little(needed + size_bytes, free, "with this, the queue needs" if needed else "this needs")

    def check_running(self) -> None:
        """Before a download begins: what runs together has room.

        Raises:
            DiskFullError: It has not.
        """
        needed = missing_bytes(self._downloads(JobState.RUNNING))
        free = _free_bytes()
        if needed > free:
            raise _too_little(needed, free, "what is being downloaded needs")

    def has_room(self, record: JobRecord) -> bool:
        """Whether a download that was paused for want of room has it now."""
        return missing_bytes([record, *self._downloads(JobState.RUNNING, JobState.WAITING)]) <= _free_bytes()

    def _downloads(self, *states: JobState) -> list[JobRecord]:
        return [job for job in self._jobs.jobs() if job.kind is JobKind.DOWNLOAD and job.state in states]


def missing_bytes(records: Iterable[JobRecord]) -> int:
    """Bytes that downloads will still write; the same files in two processes count once.

    What lies in the cache counts too: a record says nothing of it before its transfer has spoken, and less while that
    checks what is here.
    """
    missing: dict[object, int] = {}
    for record in records:
        target = target_of(record)
        key = record.id if target is None else (target.repo_id, target.filenames)
        here = 0 if target is None else bytes_here(target)
        missing[key] = max(missing.get(key, 0), (record.total or 0) - max(record.done, here))
    return sum(missing.values())


def bytes_here(target: TransferTarget) -> int:
    """What lies in the cache of the very bytes of a download, whole or as parts; 0 while its hashes are not known."""
    store = BlobStore(hub_cache_dir(), target.repo_id)
    files = zip(target.etags, target.filenames, strict=False)
    return sum(bytes_of(store, etag, target.revision, filename) for etag, filename in files)


def _free_bytes() -> int:
    """What may be written before only the reserve is left."""
    folder = hub_cache_dir()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    return max(0, usage.free - reserve_bytes(usage.total))


def _too_little(needed: int, free: int, what: str) -> DiskFullError:
    sentence = f"{what} {format_bytes(needed)}, but {format_bytes(free)} can be used on the disk of {_folder()}."
    return DiskFullError(sentence[0].upper() + sentence[1:], _ACTION)


def _folder() -> Path:
    return hub_cache_dir()
