"""What the system says when a file cannot be written, as an error that a user can read."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from garden.core.errors import DiskFullError, StateError

_FREE_SPACE = "Free some space, then try again."
_CHOOSE = "Choose another folder, or permit writing there."

#: The system's own words are in the language of the machine, and some name no cause that a user knows.
_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk is full for this user (a quota)",
    errno.EFBIG: "the disk is full, or takes no file of this size",
    errno.EEXIST: "something else is in its place",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the disk is read-only",
    errno.ENOENT: "its folder does not exist",
    errno.ENOTDIR: "a file is in the place of its folder",
    errno.EISDIR: "a folder is in its place",
    errno.ENAMETOOLONG: "its name is too long for the disk",
    errno.EIO: "the disk failed",
}


def is_full(error: OSError) -> bool:
    """Whether there was no room: on the disk, in the user's share of it, or for a file of that size."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def reason_of(error: OSError) -> str:
    """Why the system refused, some words without a full stop."""
    known = _REASONS.get(error.errno or 0)
    return known or (error.strerror or type(error).__name__).lower()


def write_failure(
    error: OSError, what: str, *, action: str = _CHOOSE, when_full: str = _FREE_SPACE, progress: str = ""
) -> DiskFullError | StateError:
    """The error that says what could not be written, why, and what helps.

    Args:
        error: What the system raised.
        what: What was to be written, as it begins a sentence.
        action: What helps where there is room.
        when_full: What helps where there is none.
        progress: How far it came, said where there is no room.
    """
    reason = reason_of(error)
    sentence = f"{what} could not be written: {reason}."
    if not is_full(error):
        return StateError(sentence, action, repr(error))
    if progress:
        sentence = f"{reason[0].upper()}{reason[1:]}: {progress}."
    return DiskFullError(sentence, when_full, repr(error))


@contextlib.contextmanager
def writing(what: str, *, action: str = _CHOOSE, when_full: str = _FREE_SPACE) -> Iterator[None]:
    """Raise ``write_failure`` in place of what the system raises in a block that writes.

    Raises:
        DiskFullError: No room.
        StateError: It could not be written for another reason.
    """
    try:
        yield
    except OSError as error:
        raise write_failure(error, what, action=action, when_full=when_full) from error
