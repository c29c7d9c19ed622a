"""The list of models as it is kept between scans, and the word that it changed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from garden.core.events import EventBus, LibraryChanged
from garden.core.library_entry import LibraryEntry
from garden.services.bookkeeping import bookkeeping
from garden.store.library_index import LibraryIndex
from garden.store.model_use import ModelUses


class Listing:
    """What the library lists, with the hashes that files were found to have.

    Args:
        bus: Where changes are announced.
        index: The entries.
        uses: Hashes and last use.
    """

    def __init__(self, bus: EventBus, index: LibraryIndex, uses: ModelUses) -> None:
        self._bus = bus
        self._index = index
        self._uses = uses

    def entries(self) -> tuple[LibraryEntry, ...]:
        """What is listed; quick."""
        return self._index.list()

    def replace(self, entries: Sequence[LibraryEntry]) -> None:
        """List what a scan found."""
        with bookkeeping("What the scan found"):
            self._index.replace(entries)
        self._bus.publish(LibraryChanged())

    def put(self, entry: LibraryEntry) -> None:
        """List a model, new or changed."""
        self._index.put(entry)
        self._bus.publish(LibraryChanged())

    def remove(self, entry: LibraryEntry, paths: Sequence[Path]) -> None:
        """List a model no more, and forget what was noted of its files."""
        for path in paths:
            with bookkeeping("That a model was removed"):
                self._uses.forget(str(path))
        if entry.ref.path is not None:
            with bookkeeping("That a model was removed"):
                self._index.remove(entry.ref.path)
        self._bus.publish(LibraryChanged())

    def used(self, path: str) -> None:
        """Note that a file was loaded."""
        self._uses.used(path)

    def hashed(self, path: Path, sha256: str, *, verified: bool | None) -> int:
        """Note the hash of a file as it is now.

        Args:
            path: The file.
            sha256: What was computed.
            verified: Whether it is the one that was promised; None when nobody promised any.

        Returns:
            Its size in bytes.
        """
        status = path.stat()
        self._uses.hashed(
            str(path),
            sha256,
            size_bytes=status.st_size,
            modified_at=status.st_mtime,
            verified=verified,
            at=time.time(),
        )
        return status.st_size
