"""Hashes that the Hub promises: SHA-256 of large files, git's hash of small ones; the promise is the blob's name."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable
from pathlib import Path

from garden.core.errors import CancelledByUser

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}")
_PIECE_BYTES = 1024 * 1024


def is_promise(etag: str) -> bool:
    """Whether an ETag is a hash that bytes can be held against."""
    return bool(_SHA256.fullmatch(etag) or _SHA1.fullmatch(etag))


class BlobHash:
    """A hash that grows with the file.

    Args:
        etag: The promise: 64 hexadecimal digits of SHA-256, or 40 of git's blob hash.
        size_bytes: Size of the whole file; git's hash begins with it.
    """

    def __init__(self, etag: str, size_bytes: int) -> None:
        self.etag = etag
        self._sha256 = hashlib.sha256()
        self._git = None
        if len(etag) == 40:
            self._git = hashlib.sha1(b"blob %d\0" % size_bytes, usedforsecurity=False)

    def update(self, data: bytes) -> None:
        """Take in the next bytes."""
        self._sha256.update(data)
        if self._git is not None:
            self._git.update(data)

    @property
    def matches(self) -> bool:
        """Whether the bytes so far are what was promised."""
        return (self._git or self._sha256).hexdigest() == self.etag

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes so far, whatever the promise is."""
        return self._sha256.hexdigest()


def hash_file(
    path: Path,
    into: BlobHash,
    cancelled: threading.Event | None = None,
    on_bytes: Callable[[int], None] | None = None,
) -> int:
    """Read a file into a hash.

    Args:
        path: The file.
        into: The hash.
        cancelled: Looked at between pieces.
        on_bytes: Told the bytes read so far.

    Returns:
        Bytes read.

    Raises:
        CancelledByUser: ``cancelled`` was set.
        OSError: The file cannot be read.
    """
    done = 0
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE_BYTES):
            if cancelled is not None and cancelled.is_set():
                raise CancelledByUser
            into.update(piece)
            done += len(piece)
            if on_bytes is not None:
                on_bytes(done)
    return done
