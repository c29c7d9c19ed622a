"""Files of one repository into the shared cache, one after the other."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from pathlib import Path

from garden.core.errors import (
    ChangedUpstreamError,
    GardenError,
    HubError,
    NotFoundError,
    RateLimitedError,
    RevisionGoneError,
)
from garden.core.messages import FileFetched, Transfer, TransferPlanned, Transferred
from garden.hub.blob_store import BlobStore
from garden.hub.connection import HubConnection
from garden.hub.file_download import FileDownload, pause_note
from garden.hub.filename import check_filenames
from garden.hub.hub_library import cached_path, max_plain_bytes
from garden.hub.patience import Attempts, Patience
from garden.hub.resolved_file import ResolvedFile, resolve_file
from garden.hub.room import check_room
from garden.hub.steering import Steering
from garden.hub.wire import commit_hash
from garden.hub.xet import XetBytes

#: Files that change so often while they are fetched are not waited for.
_MOST_CHANGES = 4

#: A question that is only a courtesy to other tools does not hold up the result.
_COURTESY_SECONDS = 5.0

#: Told bytes here in all, bytes in all (None while unknown), and what is being done.
Progress = Callable[[int, int | None, str], None]


class RepositoryTransfer:
    """One request of the transfer worker.

    Args:
        request: What to fetch, and where to.
        progress: Told how far it is.
        cancelled: Ends it; what came is kept.
        patience: Waiting times.
        steering: Pace, and pauses that the Hub asked for; by default what the request says.
        on_planned: Told what is fetched, again when that has changed on the Hub.
        on_fetched: Told of each file that came whole; not of one that was here already.
    """

    def __init__(
        self,
        request: Transfer,
        progress: Progress,
        cancelled: threading.Event,
        patience: Patience | None = None,
        *,
        steering: Steering | None = None,
        on_planned: Callable[[TransferPlanned], None] = lambda _planned: None,
        on_fetched: Callable[[FileFetched], None] = lambda _fetched: None,
    ) -> None:
        self._request = request
        self._progress = progress
        self._cancelled = cancelled
        self._patience = patience or Patience()
        self._steering = steering or Steering(cancelled, request.bytes_per_second, request.hold_off_seconds)
        self._on_planned = on_planned
        self._on_fetched = on_fetched
        self._planned: list[ResolvedFile] = []
        self._fetched: list[ResolvedFile] = []
        self._change = ""
        self._connection = HubConnection(
            request.endpoint, request.token, offline=False, timeout_seconds=request.stall_seconds
        )

    @functools.cached_property
    def _store(self) -> BlobStore:
        """Where the files go; asked for only when the Hub knows the repository, so that its name is one."""
        return BlobStore(Path(self._request.cache_dir), self._request.repo_id)

    def run(self) -> Transferred:
        """Fetch all files.

        Returns:
            Where the first one is, its SHA-256 and the size of all.

        Raises:
            GardenError: As ``FileDownload.run`` says, or before the first byte: unsafe names, no space, too large.
        """
        try:
            check_filenames(self._request.filenames)
            if not self._request.filenames:
                raise NotFoundError("No file was named.", "Choose a file of the repository.")
            files, hashes = self._fetch_one_version()
            self._tell_main(files[0])
        finally:
            self._connection.close()
        path = cached_path(self._request.repo_id, files[0].commit, files[0].filename, self._store.cache_dir)
        if path is None:
            raise HubError("The downloaded file is not found in the cache.", "Check the models folder.")
        return Transferred(path=str(path), sha256=hashes[0], size_bytes=sum(file.size_bytes for file in files))

    def _fetch_one_version(self) -> tuple[list[ResolvedFile], list[str]]:
        """All files as they are in one commit: when the Hub replaces it meanwhile, all of them anew from the next."""
        revision = self._request.revision
        for changes in range(_MOST_CHANGES + 1):
            try:
                files = self._plan(revision)
                return files, self._fetch(files)
            except (RevisionGoneError, ChangedUpstreamError) as error:
                gone = isinstance(error, RevisionGoneError)
                if changes == _MOST_CHANGES or (gone and revision == self._request.branch):
                    raise
                if gone and not self._request.branch:
                    raise
                revision = self._request.branch or revision
                self._change = "Changed on the Hub, fetching the new version"
        raise AssertionError("the last round returns or raises")

    def _plan(self, revision: str) -> list[ResolvedFile]:
        self._progress(0, None, self._change or "Asking the Hub")
        names = self._request.filenames
        if commit_hash(revision) is None:
            # A branch may move on between two questions; its commit does not.
            revision = self._resolve(names[0], revision).commit
        files = [self._resolve(filename, revision) for filename in names]
        self._drop_replaced(files)
        self._planned = files
        self._on_planned(TransferPlanned(revision=files[0].commit, etags=tuple(file.etag for file in files)))
        for file in files:
            # Before the first byte of a set, not at its last file.
            self._xet(file)
        self._check_space(files)
        return files

    def _drop_replaced(self, files: list[ResolvedFile]) -> None:
        """Do away with what came of an earlier version and is in this one no more."""
        kept = {file.etag for file in files}
        for old in self._planned:
            if old.etag not in kept:
                self._store.drop_part(old.etag)
        for old in self._fetched:
            if old.etag not in kept:
                self._store.forget(old.etag, old.commit, old.filename)
        self._fetched = []

    def _resolve(self, filename: str, revision: str) -> ResolvedFile:
        attempts = Attempts(self._patience, self._cancelled)
        while True:
            attempts.check()
            self._steering.wait_for_turn(lambda left: self._progress(0, None, pause_note(left)))
            try:
                return resolve_file(self._connection, self._request.repo_id, revision, filename)
            except GardenError as error:
                delay = attempts.delay_after(error)
                if isinstance(error, RateLimitedError):
                    self._steering.asked_to_wait(delay)
                self._progress(0, None, error.sentence)
                attempts.wait(delay)

    def _check_space(self, files: list[ResolvedFile]) -> None:
        self._store.prepare()
        missing = sum(file.size_bytes - _bytes_here(self._store, file) for file in files)
        check_room(self._store.cache_dir, missing)

    def _xet(self, file: ResolvedFile) -> XetBytes | None:
        """Where the bytes of a file come from that the Hub does not send itself."""
        limit = self._request.plain_limit_bytes or max_plain_bytes()
        return XetBytes(self._connection, self._request.repo_id, file) if file.size_bytes > limit else None

    def _fetch(self, files: list[ResolvedFile]) -> list[str]:
        total = sum(file.size_bytes for file in files)
        before = 0
        hashes: list[str] = []
        for number, file in enumerate(files, 1):
            name = f"File {number} of {len(files)}" if len(files) > 1 else ""
            name = ": ".join(filter(None, (self._change, name)))

            def report(done: int, note: str, before: int = before, name: str = name) -> None:
                self._progress(before + done, total, ": ".join(filter(None, (name, note))))

            download = FileDownload(
                self._connection,
                self._store,
                file,
                report,
                self._cancelled,
                self._patience,
                self._steering,
                self._xet(file),
            )
            hashes.append(download.run())
            if download.fetched:
                self._fetched.append(file)
            if download.completed:
                self._on_fetched(FileFetched(etag=file.etag))
            before += file.size_bytes
            self._progress(before, total, "")
        return hashes

    def _tell_main(self, file: ResolvedFile) -> None:
        """Note that the main branch names this commit, when it does: other tools look for it without a network.

        Without it ``hf cache prune`` would take the files for leftovers.
        """
        courteous = HubConnection(
            self._request.endpoint, self._request.token, offline=False, timeout_seconds=_COURTESY_SECONDS
        )
        try:
            if resolve_file(courteous, self._request.repo_id, "main", file.filename).commit == file.commit:
                self._store.remember_branch("main", file.commit)
        except GardenError:
            return
        finally:
            courteous.close()


def _bytes_here(store: BlobStore, file: ResolvedFile) -> int:
    for path in (store.blob(file.etag), store.pointer(file.commit, file.filename), store.part(file.etag)):
        try:
            size = path.stat().st_size
        except OSError:
            continue
        if size <= file.size_bytes:
            return size
    return 0
