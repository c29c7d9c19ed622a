"""Removing models from this machine, after it was counted what that frees; never a file of another program."""

from __future__ import annotations

import os
import stat
from collections import Counter
from pathlib import Path

from garden.core.errors import RefusedError, StateError
from garden.core.job_record import JobKind
from garden.core.library_entry import PROGRAM_NAMES, LibraryEntry, OtherProgram
from garden.core.paths import hub_cache_dir
from garden.hub import cache
from garden.jobs.job_runner import JobRunner
from garden.services.entry_files import files_of
from garden.services.listing import Listing
from garden.services.other_programs.stores import owner_of
from garden.services.removal_plan import RemovalPlan
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
    JobKind.MOVE: "a move of its folder",
}


class Removal:
    """Plans and does removals.

    Args:
        listing: What was found.
        receipts: What was made here, wherever it lies.
        loaded: What is loaded now.
        jobs: Work that may read a model.
    """

    def __init__(self, listing: Listing, receipts: Receipts, loaded: LoadedModels, jobs: JobRunner) -> None:
        self._listing = listing
        self._receipts = receipts
        self._loaded = loaded
        self._jobs = jobs

    def plan(self, entry: LibraryEntry, *, to_trash: bool = True) -> RemovalPlan:
        """What removing a model would do; nothing is touched.

        Args:
            entry: The model, all its files.
            to_trash: Into the system's bin where there is one, so that it can be undone.

        Raises:
            NotFoundError: It is only on the Hub.
        """
        paths = files_of(entry)
        owner = self._owner(entry, paths)
        if owner is not None:
            return RemovalPlan(entry=entry, owner=owner)
        cached = {str(file.path): file for file in cache.cached_models(hub_cache_dir())}
        now = later = kept = 0
        blobs = {str(cached[str(path)].blob): cached[str(path)] for path in paths if str(path) in cached}
        for file in blobs.values():
            freed = cache.removal(hub_cache_dir(), file)
            now, later, kept = now + freed.parts_bytes, later + freed.blob_bytes, kept + freed.kept_bytes
            if freed.for_good:
                now, later = now + freed.blob_bytes, later - freed.blob_bytes
        single = _sizes([path for path in paths if str(path) not in cached])
        later, kept = later + single[0], kept + single[1]
        if not to_trash:
            now, later = now + later, 0
        return RemovalPlan(entry=entry, paths=paths, now_bytes=now, bin_bytes=later, kept_bytes=kept)

    def remove(self, entry: LibraryEntry, *, to_trash: bool = True) -> RemovalPlan:
        """Remove a model, all its files; models that are loaded stay, and so do files of other programs.

        Args:
            entry: What to remove.
            to_trash: Into the system's bin where there is one, so that it can be undone.

        Returns:
            What was done.

        Raises:
            RefusedError: It is another program's, it is loaded, or work under way reads it.
            StateError: The system would not let it go.
        """
        plan = self.plan(entry, to_trash=to_trash)
        if plan.owner is not None:
            name = PROGRAM_NAMES[plan.owner]
            raise RefusedError(f"{entry.ref.name} belongs to {name}; Garden only reads it.", plan.owner_action)
        self.refuse_in_use(entry)
        cached = {str(file.path): file for file in cache.cached_models(hub_cache_dir())}
        for path in plan.paths:
            file = cached.get(str(path))
            if file is not None:
                cache.remove(hub_cache_dir(), file, _trash if to_trash else None)
            elif path.is_symlink():
                # A link holds no bytes; in the bin it would lead nowhere.
                _delete(path)
            elif path.exists():
                (_trash if to_trash else _delete)(path)
        self._listing.remove(entry, plan.paths)
        return plan

    def refuse_in_use(self, entry: LibraryEntry, doing: str = "remove") -> None:
        """Refuse what any of Garden's processes has loaded, or reads for work that is under way.

        Args:
            entry: The model.
            doing: What is to be done with it.

        Raises:
            RefusedError: It is in use.
        """
        if any(record.configuration.model.path == entry.ref.path for record in self._loaded.list()):
            raise RefusedError(f"{entry.ref.name} is loaded.", f"Unload it first, then {doing} it.")
        for job in self._jobs.jobs():
            if not job.state.ended and entry.ref.path in job.reads:
                raise RefusedError(
                    f"{entry.ref.name} is in use: {_DOING[job.kind]} is under way.",
                    f"Wait for its end or cancel it, then {doing} the model.",
                )

    def _owner(self, entry: LibraryEntry, paths: tuple[Path, ...]) -> OtherProgram | None:
        """The program whose file it is, however it came to be listed; what was made here is the user's everywhere."""
        if self._receipts.for_path(str(paths[0])) is not None:
            return None
        return entry.program or owner_of(paths[0])


def _sizes(paths: list[Path]) -> tuple[int, int]:
    """Bytes that are free without these files, and bytes that stay: each inode once, of links only what they keep."""
    names: Counter[tuple[int, int]] = Counter()
    found: dict[tuple[int, int], os.stat_result] = {}
    kept = 0
    for path in paths:
        try:
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                kept += path.stat().st_size
                continue
        except OSError:
            continue
        names[(status.st_dev, status.st_ino)] += 1
        found[(status.st_dev, status.st_ino)] = status
    freed = 0
    for inode, status in found.items():
        if status.st_nlink > names[inode]:
            kept += status.st_size
        else:
            freed += status.st_size
    return freed, kept


def _trash(path: Path) -> None:
    import send2trash

    try:
        send2trash.send2trash(path)
    except (OSError, send2trash.TrashPermissionError) as error:
        raise StateError(
            f"{path.name} could not be moved to the trash and is still here.",
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
