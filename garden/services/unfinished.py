"""Downloads that did not end: what they left in the Hub cache, and clearing it away."""

from __future__ import annotations

import json
from collections.abc import Sequence

from garden.core.events import EventBus, LibraryChanged
from garden.core.job_record import JobKind, JobState
from garden.core.paths import hub_cache_dir
from garden.core.unfinished_download import UnfinishedDownload
from garden.hub import cache
from garden.jobs.job_runner import JobRunner


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
            if paused and self._jobs.is_own(record.id) and json.loads(record.target).get("repo_id") in repo_ids:
                self._jobs.cancel(record.id)
