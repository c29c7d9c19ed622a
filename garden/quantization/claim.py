"""Who makes which file: written down in Garden's own folder and locked there, so that only what Garden began is swept.

The note names the unfinished file. The system drops its lock when the process ends, however that happens: a note that
can be locked speaks of an unfinished file that nobody goes on with.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
from pathlib import Path

import msgspec

from garden.core.errors import RefusedError
from garden.core.paths import data_dir
from garden.core.write_failure import writing

#: Ends the names of unfinished files. No other program gives a file such a name.
PART_SUFFIX = ".garden-part"

_MAX_NOTE_BYTES = 64 * 1024

#: Where Windows locks a note: far behind its text, which stays readable.
_LOCKED_BYTE = 1 << 30


class _Note(msgspec.Struct, frozen=True):
    """What is written down."""

    part: str


class Claim:
    """The right of one process to make one file.

    Args:
        destination: The file to make.
        part: Its unfinished file, not made yet.

    Raises:
        RefusedError: Another process makes that file.
        DiskFullError: No room for the note.
        StateError: The note could not be written.
    """

    def __init__(self, destination: Path, part: Path) -> None:
        path = _note_path(destination)
        with writing("A note of the file in work", action=f"Check that {path.parent} is yours."):
            path.parent.mkdir(parents=True, exist_ok=True)
            held = _hold(path, create=True)
            if held is None:
                raise RefusedError(
                    f"“{destination.name}” is being made by another process.",
                    "Wait for it to end, or choose another name.",
                )
            self._held = held
            try:
                if held.alone:
                    with contextlib.suppress(OSError):
                        held.remove_part()
                held.write(_Note(part=str(part)))
            except BaseException:
                held.close()
                raise

    def release(self) -> None:
        """Let others make it; the unfinished file has been renamed or removed."""
        self._held.forget()


class _Held:
    """A note that this process has open and locked.

    Attributes:
        alone: Whether the lock holds; on a file system without locks nobody can tell.
    """

    def __init__(self, path: Path, descriptor: int, *, alone: bool) -> None:
        self.alone = alone
        self._path = path
        self._descriptor = descriptor

    def write(self, note: _Note) -> None:
        content = msgspec.json.encode(note)
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        while content:
            content = content[os.write(self._descriptor, content) :]
        os.fsync(self._descriptor)

    def remove_part(self) -> Path | None:
        """Remove the unfinished file that the note names; returns it when it was there.

        Raises:
            OSError: It could not be removed, or its folder is not here now (a drive that was taken out).
        """
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        try:
            part = Path(msgspec.json.decode(os.read(self._descriptor, _MAX_NOTE_BYTES), type=_Note).part)
        except msgspec.DecodeError:
            return None  # ended before it was written, which is before the file is made
        if not part.name.endswith(PART_SUFFIX):
            return None
        part.parent.stat()
        try:
            if not stat.S_ISREG(part.lstat().st_mode):
                return None
            part.unlink()
        except FileNotFoundError:
            return None
        return part

    def forget(self) -> None:
        """Remove the note, then let it go."""
        if sys.platform != "win32":
            # While it is locked: whoever opened it in between sees that it is no longer there.
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
        self.close()
        if sys.platform == "win32":
            # An open file cannot be removed there; one that somebody has opened since stays.
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self._descriptor)


def remove_leftover(destination: Path) -> bool:
    """Remove the unfinished file of a process that is gone.

    Returns:
        False when a process that lives is making it.
    """
    return _sweep(_note_path(destination))[0]


def sweep_leftovers() -> tuple[Path, ...]:
    """Remove every unfinished file that was written down and that no living process makes; returns what was removed."""
    notes = sorted(_folder().glob("*.json"))
    return tuple(part for note in notes if (part := _sweep(note)[1]) is not None)


def is_same_file(descriptor: int, path: Path) -> bool:
    """Whether a path still leads to the file that is open; it may have been replaced or removed since."""
    try:
        there = path.lstat()
    except OSError:
        return False
    opened = os.fstat(descriptor)
    return (opened.st_dev, opened.st_ino) == (there.st_dev, there.st_ino)


def _folder() -> Path:
    return data_dir() / "unfinished"


def _note_path(destination: Path) -> Path:
    """The note of a destination: one, by whichever way its folder was named."""
    path = os.path.normcase(Path(os.path.realpath(destination.absolute().parent)) / destination.name)
    return _folder() / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:32]}.json"


def _sweep(note: Path) -> tuple[bool, Path | None]:
    """Whether nobody makes the file that a note speaks of, and the unfinished file that was removed."""
    try:
        held = _hold(note, create=False)
        if held is None:
            return not note.exists(), None
    except OSError:
        return True, None
    if not held.alone:
        held.close()
        return False, None
    try:
        part = held.remove_part()
    except OSError:
        # The note stays for the next time.
        held.close()
        return True, None
    held.forget()
    return True, part


def _hold(path: Path, *, create: bool) -> _Held | None:
    """Open a note and lock it; None when another process holds it, or it is not there."""
    flags = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    while True:
        try:
            descriptor = os.open(path, flags | (os.O_CREAT if create else 0), 0o600)
        except FileNotFoundError:
            return None
        alone = _lock(descriptor)
        if alone is False:
            os.close(descriptor)
            return None
        if is_same_file(descriptor, path):
            return _Held(path, descriptor, alone=alone is True)
        # Whoever held it removed it between our opening and our locking it.
        os.close(descriptor)


def _lock(descriptor: int) -> bool | None:
    """Take the lock of an open file without waiting; None on a file system without locks."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
