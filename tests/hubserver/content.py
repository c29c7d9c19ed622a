"""What a served file contains: bytes, a file on disk, or a header followed by gigabytes of the same noise."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Protocol

#: Stands for weights: nothing that anyone would take for a header.
_NOISE = random.Random(8).randbytes(128 * 1024)


class Content(Protocol):
    """Bytes that can be read anywhere without holding all of them."""

    @property
    def size_bytes(self) -> int:
        """Length."""

    @property
    def sha256(self) -> str:
        """Hash that the server promises."""

    @property
    def git_sha1(self) -> str:
        """Git blob hash that the server promises for a small file."""

    def read(self, offset: int, length: int) -> bytes:
        """Bytes from ``offset``, fewer at the end."""


class BytesContent:
    """Bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size_bytes(self) -> int:
        """Length."""
        return len(self._data)

    @cached_property
    def sha256(self) -> str:
        """True hash."""
        return hashlib.sha256(self._data).hexdigest()

    @cached_property
    def git_sha1(self) -> str:
        """True hash."""
        return hashlib.sha1(b"blob %d\0" % len(self._data) + self._data, usedforsecurity=False).hexdigest()

    def read(self, offset: int, length: int) -> bytes:
        """A slice."""
        return self._data[offset : offset + length]


class FileContent:
    """A file on disk; hashed once, when first asked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size_bytes = path.stat().st_size

    @cached_property
    def sha256(self) -> str:
        """True hash."""
        with self._path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @cached_property
    def git_sha1(self) -> str:
        """True hash."""
        digest = hashlib.sha1(b"blob %d\0" % self.size_bytes, usedforsecurity=False)
        with self._path.open("rb") as file:
            while piece := file.read(1024 * 1024):
                digest.update(piece)
        return digest.hexdigest()

    def read(self, offset: int, length: int) -> bytes:
        """Read from disk."""
        with self._path.open("rb") as file:
            file.seek(offset)
            return file.read(length)


class SparseContent:
    """A header made when first asked for, then noise. Its hashes are promises that no download of it can keep.

    Args:
        identity: What the hashes are made from.
        size_bytes: Length in all.
        header: Makes the header; called for each read that touches it, so it should cache.
        header_bytes: Upper bound of the header's length: reads beyond it do not make the header.
    """

    def __init__(self, identity: str, size_bytes: int, header: Callable[[], bytes], header_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.sha256 = hashlib.sha256(identity.encode()).hexdigest()
        self.git_sha1 = hashlib.sha1(identity.encode(), usedforsecurity=False).hexdigest()
        self._header = header
        self._header_bytes = header_bytes

    def read(self, offset: int, length: int) -> bytes:
        """The part of the header, then noise."""
        length = max(0, min(length, self.size_bytes - offset))
        head = self._header()[offset : offset + length] if offset < self._header_bytes else b""
        start, length = (offset + len(head)) % len(_NOISE), length - len(head)
        return head + (_NOISE * (-(-(start + length) // len(_NOISE))))[start : start + length]
