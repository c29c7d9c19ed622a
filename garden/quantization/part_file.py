"""The unfinished file beside its destination: claimed by one process, renamed when whole, gone when not."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from garden.core.errors import DiskFullError, GardenError, RefusedError
from garden.core.lasting_rename import sync_folder
from garden.core.quantity import format_bytes


def part_path(destination: Path) -> Path:
    """Where a destination is written until it is whole."""
    return destination.with_name(destination.name + ".part")


class PartFile:
    """The file under work. Others are kept off by a lock that the system drops when this process ends, however.

    Args:
        destination: What it becomes.
    """

    def __init__(self, destination: Path) -> None:
        self.destination = destination
        self.path = part_path(destination)
        self._descriptor: int | None = None

    def claim(self) -> None:
        """Create it, empty, after removing what a killed process left.

        Raises:
            RefusedError: Another process is writing it, or something that is no file is in the way.
            DiskFullError: No room for even an empty file.
            GardenError: The folder cannot be written.
        """
        _make_folder(self.destination.parent)
        try:
            if not remove_leftover(self.destination):
                raise RefusedError(
                    f"“{self.destination.name}” is being made by another process.",
                    "Wait for it to end, or choose another name.",
                )
            flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
            descriptor = os.open(self.path, flags, 0o644)
        except FileExistsError as error:
            raise RefusedError(
                f"“{self.path.name}” is in the way.", "Remove it, or choose another name.", str(error)
            ) from error
        except OSError as error:
            raise write_error(error, self.destination) from error
        if _lock(descriptor):
            self._descriptor = descriptor
        else:  # pragma: no cover - somebody locked it in the microseconds since it exists
            os.close(descriptor)
            raise RefusedError(f"“{self.destination.name}” is being made by another process.", "Choose another name.")

    def flush(self) -> int:
        """Force what was written to the disk and return the size in bytes.

        Raises:
            DiskFullError: The disk could not take it after all.
        """
        assert self._descriptor is not None
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise write_error(error, self.destination) from error
        return os.fstat(self._descriptor).st_size

    def commit(self) -> None:
        """Give it its name at once; whoever looks sees the old file or the new one, never half of one."""
        assert self._descriptor is not None
        try:
            if sys.platform == "win32":
                # An open file cannot be renamed there.
                os.close(self._descriptor)
                self._descriptor = None
            self.path.replace(self.destination)
        except OSError as error:
            raise write_error(error, self.destination) from error
        self._close()
        sync_folder(self.destination.parent)

    def discard(self) -> None:
        """Remove it; does nothing when it was never claimed or has been committed."""
        if self._descriptor is None:
            return
        with contextlib.suppress(OSError):
            self.path.unlink()
        self._close()

    def _close(self) -> None:
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None


def remove_leftover(destination: Path) -> bool:
    """Remove the unfinished file of a process that is gone.

    Returns:
        False when a process that lives holds it.

    Raises:
        RefusedError: What lies there is no ordinary file.
    """
    return _remove_if_unlocked(part_path(destination))


def sweep_leftovers(folder: Path) -> tuple[Path, ...]:
    """Remove every unfinished model in a folder that no living process holds; returns what was removed."""
    removed = []
    for path in sorted(folder.glob("*.gguf.part")):
        with contextlib.suppress(RefusedError, OSError):
            if path.is_file() and not path.is_symlink() and _remove_if_unlocked(path):
                removed.append(path)
    return tuple(removed)


def check_destination(sources: Iterable[Path], destination: Path) -> None:
    """Refuse to write over what is read: the engine would destroy the source and crash (llama.cpp#12753).

    Args:
        sources: Every file that is read (all shards).
        destination: What is to be written.

    Raises:
        RefusedError: Destination or its unfinished file is a source, or the destination is a folder.
    """
    if destination.is_dir() or not destination.name:
        raise RefusedError(f"“{destination}” is a folder.", "Add a file name.")
    for source in sources:
        for target in (destination, part_path(destination)):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                if source.samefile(target):
                    raise RefusedError(
                        "Source and destination are the same file; writing would destroy it.",
                        "Choose another name for the result.",
                    )


def check_space(folder: Path, size_bytes: int) -> None:
    """Refuse before the work what the disk cannot hold.

    Args:
        folder: Where it would be written; need not exist yet.
        size_bytes: Exact size of the file.

    Raises:
        DiskFullError: Less than that is free.
    """
    existing = next((path for path in (folder, *folder.absolute().parents) if path.exists()), None)
    if existing is None:
        return
    free = shutil.disk_usage(existing).free
    if free < size_bytes:
        raise DiskFullError(
            f"The disk has {format_bytes(free)} free, the file needs {format_bytes(size_bytes)}.",
            "Free some space, or choose another folder.",
        )


def write_error(error: OSError, destination: Path) -> GardenError:
    """The user's sentence for an error of the file system while writing."""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG):
        return DiskFullError(
            f"The disk is full: “{destination.name}” could not be written.",
            "Free some space, or choose another folder.",
            str(error),
        )
    reason = (error.strerror or type(error).__name__).lower()
    return GardenError(f"“{destination.name}” could not be written: {reason}.", "Choose another folder.", str(error))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise RefusedError(f"“{folder.name}” is no folder.", "Choose another folder.", str(error)) from error
    except OSError as error:
        raise write_error(error, folder) from error


def _remove_if_unlocked(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return True
    if not stat.S_ISREG(mode):
        raise RefusedError(
            f"“{path.name}” is in the way and is no ordinary file.", "Remove it, or choose another name."
        )
    try:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return True
    try:
        if not _lock(descriptor):
            return False
        if sys.platform != "win32":
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
    if sys.platform == "win32":
        try:
            path.unlink(missing_ok=True)
        except PermissionError:
            return False  # open in another process
    return True


def _lock(descriptor: int) -> bool:
    """Take the lock of an open file without waiting. Windows refuses to remove open files, which does the same."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks
    return True
