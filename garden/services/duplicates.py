"""Models whose bytes lie on this machine more than once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from garden.core.library_entry import LibraryEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class SameBytes:
    """Models of the same bytes in different places of the disk.

    Attributes:
        sha256: Their hash.
        entries: The one to keep first: another program's, which Garden does not touch, else by name and path.
    """

    sha256: str
    entries: tuple[LibraryEntry, ...]

    @property
    def twice_bytes(self) -> int:
        """What the others take beside the first."""
        return self.entries[0].ref.size_bytes * (len(self.entries) - 1)


def duplicates(entries: Sequence[LibraryEntry]) -> tuple[SameBytes, ...]:
    """Groups of models with one hash; names of one inode are one model. The largest first.

    Only models whose hash is known can be told: those that were hashed here, or that the Hub or a store promises.
    """
    groups: dict[tuple[str, int], dict[object, LibraryEntry]] = {}
    for entry in sorted(entries, key=_keeping_order):
        if entry.ref.sha256 is not None and entry.problem is None and entry.ref.path is not None:
            group = groups.setdefault((entry.ref.sha256, entry.ref.size_bytes), {})
            group.setdefault(_inode(entry.ref.path), entry)
    found = [
        SameBytes(sha256=sha256, entries=tuple(group.values()))
        for (sha256, _size), group in groups.items()
        if len(group) > 1
    ]
    return tuple(sorted(found, key=lambda group: group.twice_bytes, reverse=True))


def _keeping_order(entry: LibraryEntry) -> tuple[bool, str, str]:
    return entry.program is None, entry.ref.name.lower(), entry.ref.path or ""


def _inode(path: str) -> object:
    try:
        status = Path(path).stat()
    except OSError:
        return path
    # Some file systems number nothing.
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(path)
