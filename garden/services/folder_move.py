"""Moving a folder with its files: a kill at any moment leaves each file at its old or its new place."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from garden.core.errors import CancelledByUser, DiskFullError, IntegrityError, RefusedError
from garden.core.lasting_rename import sync_folder
from garden.core.quantity import format_bytes
from garden.core.write_failure import writing
from garden.store.atomic_file import write_atomically

#: Ending of what is being copied; such a file is nobody's model and is cleared away when the move goes on.
PART = ".garden-moving"

_CHUNK = 4 * 1024 * 1024

#: Room that stays free on the new disk.
_MARGIN = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """What is being moved; kept on the disk from before the first file until after the last.

    Attributes:
        old: The folder that is left.
        new: The folder that takes over.
    """

    old: Path
    new: Path

    def write(self, path: Path) -> None:
        """Keep it."""
        write_atomically(path, json.dumps({"old": str(self.old), "new": str(self.new)}).encode())

    @classmethod
    def read(cls, path: Path) -> Journal | None:
        """The one that was kept; None when nothing is being moved."""
        try:
            document = json.loads(path.read_bytes())
            return cls(old=Path(document["old"]), new=Path(document["new"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


class FolderMove:
    """Moves every file of a folder, one after the other.

    On one disk a file is renamed. Across disks it is copied, flushed, read again and compared, renamed to its name, and
    only then removed where it was.

    Args:
        old: The folder that is left.
        new: The folder that takes over; made when it is missing.
        on_moved: Called for each file with its old and new place, before the old one is gone for good; a file for which
            it was called may come again after a kill.
        without: Folders below the old one that stay.
        may_rename: Off, files are always copied.
    """

    def __init__(
        self,
        old: Path,
        new: Path,
        on_moved: Callable[[Path, Path], None],
        *,
        without: tuple[Path, ...] = (),
        may_rename: bool = True,
    ) -> None:
        self._old = old
        self._new = new
        self._on_moved = on_moved
        self._without = without
        self._may_rename = may_rename

    def check(self) -> int:
        """Whether it can be done, before anything is touched.

        Returns:
            Bytes to move.

        Raises:
            RefusedError: One folder lies in the other, or a file of the same name is there.
            DiskFullError: No room.
        """
        old, new = Path(os.path.realpath(self._old)), Path(os.path.realpath(self._new))
        if new == old or new.is_relative_to(old) or old.is_relative_to(new):
            raise RefusedError("One of the two folders lies in the other.", "Choose a folder beside the old one.")
        files = list(self._files())
        there = [path for path in files if os.path.lexists(self._target(path)) and not self._is_moved(path)]
        if there:
            raise RefusedError(
                f"{self._new} already has {there[0].relative_to(self._old)}.", "Choose an empty folder, or rename it."
            )
        total = sum(path.lstat().st_size for path in files)
        place = next(folder for folder in (new, *new.parents) if folder.is_dir())
        disk, free = place.stat().st_dev, shutil.disk_usage(place).free
        # What is renamed on its own disk takes no room.
        copied = sum(path.lstat().st_size for path in files if not self._may_rename or path.lstat().st_dev != disk)
        if copied and free < copied + _MARGIN:
            raise DiskFullError(
                f"{self._new} has {format_bytes(free)} free; the models take {format_bytes(copied)}.",
                "Choose another disk, or make room.",
            )
        return total

    def run(self, on_bytes: Callable[[int, str], None], cancelled: threading.Event) -> None:
        """Move what is still at the old place; call it again after a kill or a cancel.

        Args:
            on_bytes: Told the bytes moved in this run, and the file.
            cancelled: Set by whoever wants it to stop; what was moved stays moved.

        Raises:
            CancelledByUser: Cancelled.
            IntegrityError: A copy differs from its file, which stays where it was.
            DiskFullError: No room; the file stays where it was.
            StateError: A file could not be moved.
        """
        self._clear_parts()
        self._note_moved()
        done = 0
        # What is written into the old folder meanwhile goes along.
        while files := list(self._files()):
            for path in files:
                size = path.lstat().st_size

                def report(count: int, base: int = done, name: str = path.name) -> None:
                    on_bytes(base + count, name)

                if cancelled.is_set():
                    raise CancelledByUser
                with writing(path.name, action=f"Check that {self._new} is yours, then go on."):
                    self._move(path, report, cancelled)
                done += size
                report(0, done, path.name)
        self._remove_empty_folders()

    def _files(self) -> Iterator[Path]:
        """Everything in the old folder that is no folder; links are not followed."""
        for where, folders, files in os.walk(self._old):
            folders[:] = sorted(name for name in folders if Path(where) / name not in self._without)
            links = [name for name in folders if (Path(where) / name).is_symlink()]
            for name in sorted((*files, *links)):
                yield Path(where) / name

    def _target(self, path: Path) -> Path:
        return self._new / path.relative_to(self._old)

    def _is_moved(self, path: Path) -> bool:
        """Whether the new place has all of a file already: a kill came before it was removed from the old one."""
        target = self._target(path)
        try:
            if path.is_symlink() or target.is_symlink():
                return path.is_symlink() and target.is_symlink() and str(target.readlink()) == self._aim(path)
            return target.stat().st_size == path.stat().st_size and _hash(target) == _hash(path)
        except OSError:
            return False

    def _move(self, path: Path, report: Callable[[int], None], cancelled: threading.Event) -> None:
        target = self._target(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(target):
            if not self._is_moved(path):
                raise RefusedError(f"{target} is another file of that name.", "Rename one of the two, then go on.")
        elif path.is_symlink():
            target.symlink_to(self._aim(path), target_is_directory=path.is_dir())
        elif self._renamed(path, target):
            self._on_moved(path, target)
            return
        else:
            self._copy(path, target, report, cancelled)
        self._on_moved(path, target)
        path.unlink()
        sync_folder(path.parent)

    def _aim(self, link: Path) -> str:
        """What a link says at its new place: within the folder it goes along, to the outside it leads where it led."""
        said = link.readlink()
        to = Path(os.path.normpath(link.parent / said))
        if not to.is_relative_to(self._old) or any(to.is_relative_to(folder) for folder in self._without):
            return str(to)
        return str(self._new / to.relative_to(self._old)) if said.is_absolute() else str(said)

    def _renamed(self, path: Path, target: Path) -> bool:
        if not self._may_rename:
            return False
        try:
            path.rename(target)
        except OSError as error:
            if error.errno == errno.EXDEV:
                return False
            raise
        sync_folder(target.parent)
        sync_folder(path.parent)
        return True

    def _copy(self, path: Path, target: Path, report: Callable[[int], None], cancelled: threading.Event) -> None:
        part = target.with_name(target.name + PART)
        digest, done = hashlib.sha256(), 0
        try:
            with path.open("rb") as source, part.open("wb") as copy:
                while chunk := source.read(_CHUNK):
                    if cancelled.is_set():
                        raise CancelledByUser
                    digest.update(chunk)
                    copy.write(chunk)
                    done += len(chunk)
                    report(done)
                copy.flush()
                os.fsync(copy.fileno())
            if _hash(part) != digest.hexdigest():
                raise IntegrityError(
                    f"The copy of {path.name} differs from the file; the disk may be failing.",
                    "The file stays where it was. Check the new disk.",
                )
            # With its time: hashes that were computed hold for the file as it was then.
            shutil.copystat(path, part)
            part.rename(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        sync_folder(target.parent)

    def _note_moved(self) -> None:
        """Note again what is at its new place alone: a kill may have come between the rename and the note."""
        for where, _folders, files in os.walk(self._new):
            for name in files:
                new = Path(where) / name
                old = self._old / new.relative_to(self._new)
                if not os.path.lexists(old):
                    self._on_moved(old, new)

    def _clear_parts(self) -> None:
        for where, _folders, files in os.walk(self._new):
            for name in files:
                if name.endswith(PART):
                    (Path(where) / name).unlink(missing_ok=True)

    def _remove_empty_folders(self) -> None:
        for where, _folders, _files in os.walk(self._old, topdown=False):
            with contextlib.suppress(OSError):
                Path(where).rmdir()


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
