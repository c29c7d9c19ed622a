"""Files of one repository into the shared cache, one after the other."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from garden.core.errors import DiskFullError, GardenError, HubError, NotFoundError, RefusedError
from garden.core.messages import Transfer, Transferred
from garden.core.quantity import format_bytes
from garden.hub.blob_store import BlobStore
from garden.hub.connection import HubConnection
from garden.hub.file_download import FileDownload
from garden.hub.filename import check_filenames
from garden.hub.hub_library import cached_path, max_plain_bytes
from garden.hub.patience import Attempts, Patience
from garden.hub.resolved_file import ResolvedFile, resolve_file

#: Left free beside the files: databases, logs and the system go on working.
_RESERVE_BYTES = 128 * 1024 * 1024

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
    """

    def __init__(
        self, request: Transfer, progress: Progress, cancelled: threading.Event, patience: Patience | None = None
    ) -> None:
        self._request = request
        self._progress = progress
        self._cancelled = cancelled
        self._patience = patience or Patience()
        self._connection = HubConnection(
            request.endpoint, request.token, offline=False, timeout_seconds=request.stall_seconds
        )

    def run(self) -> Transferred:
        """Fetch all files.

        Returns:
            Where the first one is, its SHA-256 and the size of all.

        Raises:
            GardenError: As ``FileDownload.run`` says, or before the first byte: unsafe names, no space, too large.
        """
        try:
            check_filenames(self._request.filenames)
            self._progress(0, None, "Asking the Hub")
            files = [self._resolve(filename) for filename in self._request.filenames]
            if not files:
                raise NotFoundError("No file was named.", "Choose a file of the repository.")
            store = BlobStore(Path(self._request.cache_dir), self._request.repo_id)
            self._check_space(store, files)
            hashes = self._fetch(store, files)
            self._tell_main(store, files[0])
        finally:
            self._connection.close()
        path = cached_path(self._request.repo_id, files[0].commit, files[0].filename, store.cache_dir)
        if path is None:
            raise HubError("The downloaded file is not found in the cache.", "Check the models folder.")
        return Transferred(path=str(path), sha256=hashes[0], size_bytes=sum(file.size_bytes for file in files))

    def _resolve(self, filename: str) -> ResolvedFile:
        attempts = Attempts(self._patience, self._cancelled)
        while True:
            attempts.check()
            try:
                return resolve_file(self._connection, self._request.repo_id, self._request.revision, filename)
            except GardenError as error:
                delay = attempts.delay_after(error)
                self._progress(0, None, error.sentence)
                attempts.wait(delay)

    def _check_space(self, store: BlobStore, files: list[ResolvedFile]) -> None:
        limit = max_plain_bytes()
        for file in files:
            if file.size_bytes > limit:
                raise RefusedError(
                    f"'{file.filename}' is {format_bytes(file.size_bytes)}: above 50 GB the Hub serves a file through "
                    "its own transfer program only.",
                    f"Choose a smaller or split file, or run: hf download {self._request.repo_id} '{file.filename}'; "
                    "Garden finds it in the cache.",
                )
        store.prepare()
        missing = sum(file.size_bytes - _bytes_here(store, file) for file in files)
        free = shutil.disk_usage(store.cache_dir).free
        if missing and missing + _RESERVE_BYTES > free:
            raise DiskFullError(
                f"{format_bytes(missing)} are missing but only {format_bytes(free)} are free on the disk of "
                f"{store.cache_dir}.",
                "Free some space or set another models folder (HF_HUB_CACHE), then start the download again.",
            )

    def _fetch(self, store: BlobStore, files: list[ResolvedFile]) -> list[str]:
        total = sum(file.size_bytes for file in files)
        before = 0
        hashes: list[str] = []
        for number, file in enumerate(files, 1):
            name = f"File {number} of {len(files)}" if len(files) > 1 else ""

            def report(done: int, note: str, before: int = before, name: str = name) -> None:
                self._progress(before + done, total, ": ".join(filter(None, (name, note))))

            hashes.append(FileDownload(self._connection, store, file, report, self._cancelled, self._patience).run())
            before += file.size_bytes
            self._progress(before, total, "")
        return hashes

    def _tell_main(self, store: BlobStore, file: ResolvedFile) -> None:
        """Note that the main branch names this commit, when it does: other tools look for it without a network.

        Without it ``hf cache prune`` would take the files for leftovers.
        """
        courteous = HubConnection(
            self._request.endpoint, self._request.token, offline=False, timeout_seconds=_COURTESY_SECONDS
        )
        try:
            if resolve_file(courteous, self._request.repo_id, "main", file.filename).commit == file.commit:
                store.remember_branch("main", file.commit)
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
