"""The unfinished file beside its destination: of a name of its own, renamed when whole, gone when not."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import uuid
from collections.abc import Iterable
from pathlib import Path

from garden.core.errors import DiskFullError, RefusedError, StateError
from garden.core.lasting_rename import sync_folder
from garden.core.quantity import format_bytes
from garden.core.write_failure import writing
from garden.quantization.claim import PART_SUFFIX, Claim, is_same_file
from garden.quantization.file_hash import sha256_of_open

_CHOOSE = "Choose another folder."
_FREE_SPACE = "Free some space, or choose another folder."

#: Of the destination's name, as much as leaves room for the rest in the 255 bytes that file systems allow.
_NAME_BYTES = 180


class PartFile:
    """The file under work. No other file has its name, and no other process makes the same destination.

    Args:
        destination: What it becomes.

    Attributes:
        path: Where it is written until it is whole.
    """

    def __init__(self, destination: Path) -> None:
        self.destination = destination
        name = os.fsencode(destination.name)[:_NAME_BYTES].decode("utf-8", "ignore")
        self.path = destination.with_name(f".{name}.{uuid.uuid4().hex}{PART_SUFFIX}")
        self._claim: Claim | None = None
        self._descriptor: int | None = None

    def claim(self) -> None:
        """Create it, empty, after removing what a killed process left of the same destination.

        Raises:
            RefusedError: Another process makes the destination.
            DiskFullError: No room for even an empty file.
            StateError: The folder cannot be written.
        """
        with self._writing():
            self.destination.parent.mkdir(parents=True, exist_ok=True)
        self._claim = Claim(self.destination, self.path.absolute())
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        try:
            with self._writing():
                self._descriptor = os.open(self.path, flags, 0o644)
        except BaseException:
            self._close()
            raise

    def flush(self) -> int:
        """Force what was written to the disk and return the size in bytes.

        Raises:
            DiskFullError: The disk could not take it after all.
        """
        assert self._descriptor is not None
        with self._writing():
            os.fsync(self._descriptor)
        return os.fstat(self._descriptor).st_size

    def sha256(self) -> str:
        """Hash the file that ``commit`` renames: the open one, whatever has its path by now."""
        assert self._descriptor is not None
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        with self._writing(), os.fdopen(self._descriptor, "rb", buffering=0, closefd=False) as file:
            return sha256_of_open(file)

    def commit(self) -> None:
        """Give it its name at once; whoever looks sees the old file or the new one, never half of one.

        Raises:
            StateError: It was replaced or removed while it was written, or could not be renamed.
        """
        assert self._descriptor is not None
        if not is_same_file(self._descriptor, self.path):
            raise StateError(
                f"“{self.destination.name}” was replaced or removed by another program before it was whole.",
                "Try again; nothing was written over.",
            )
        with self._writing():
            if sys.platform == "win32":
                # An open file cannot be renamed there.
                os.close(self._descriptor)
                self._descriptor = None
            self.path.replace(self.destination)
        self._close()
        sync_folder(self.destination.parent)

    def discard(self) -> None:
        """Remove it; does nothing when it was never claimed or has been committed."""
        if self._claim is None:
            return
        ours = self._descriptor is None or is_same_file(self._descriptor, self.path)
        if sys.platform == "win32":
            self._close_file()
        if ours:
            with contextlib.suppress(OSError):
                self.path.unlink()
        self._close()

    def _writing(self) -> contextlib.AbstractContextManager[None]:
        return writing(f"“{self.destination.name}”", action=_CHOOSE, when_full=_FREE_SPACE)

    def _close(self) -> None:
        self._close_file()
        if self._claim is not None:
            self._claim.release()
            self._claim = None

    def _close_file(self) -> None:
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None


def check_destination(sources: Iterable[Path], destination: Path) -> None:
    """Refuse to write over what is read: the engine would destroy the source and crash (llama.cpp#12753).

    Args:
        sources: Every file that is read (all shards).
        destination: What is to be written.

    Raises:
        RefusedError: The destination is a source, or a folder.
    """
    if destination.is_dir() or not destination.name:
        raise RefusedError(f"“{destination}” is a folder.", "Add a file name.")
    for source in sources:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if source.samefile(destination):
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
            _FREE_SPACE,
        )
