"""The list of models as it is kept between scans, and the word that it changed."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from garden.core.events import EventBus, LibraryChanged
from garden.core.library_entry import LibraryEntry
from garden.core.upstream import Upstream
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
        self._lock = threading.Lock()
        self._scanning = threading.RLock()
        self._meanwhile: dict[str, LibraryEntry | None] | None = None
        self._asked: dict[str, Upstream] = {}

    @contextlib.contextmanager
    def scanning(self) -> Iterator[None]:
        """Held by a scan, from what it reads of the settings to ``replace``; another one waits until it ended.

        What is listed or removed meanwhile stays so: the scan may have looked before.
        """
        with self._scanning:
            with self._lock:
                self._meanwhile, self._asked = {}, {}
            try:
                yield
            finally:
                with self._lock:
                    self._meanwhile, self._asked = None, {}

    def entries(self) -> tuple[LibraryEntry, ...]:
        """What is listed; quick."""
        return self._index.list()

    def replace(self, entries: Sequence[LibraryEntry]) -> None:
        """List what a scan found."""
        with self._lock:
            changed = self._meanwhile or {}
            kept = [self._with_answer(entry) for entry in entries if entry.ref.path not in changed]
            with bookkeeping("What the scan found"):
                self._index.replace([*kept, *(entry for entry in changed.values() if entry is not None)])
        self._bus.publish(LibraryChanged())

    def put(self, entry: LibraryEntry) -> None:
        """List a model, new or changed."""
        with self._lock:
            if self._meanwhile is not None and entry.ref.path is not None:
                self._meanwhile[entry.ref.path] = entry
            self._index.put(entry)
        self._bus.publish(LibraryChanged())

    def note_upstream(self, path: str, upstream: Upstream) -> LibraryEntry | None:
        """Note what the Hub has where a model came from, if it is still listed.

        What was asked long ago may be answered after the model was removed, or listed anew: only the answer is written.

        Args:
            path: Of its file.
            upstream: The answer.

        Returns:
            The model as it is listed now; None when it is not.
        """
        with self._lock:
            if self._meanwhile is not None:
                # A scan that has looked already replaces what is listed; whether the file is still there it knows best.
                self._asked[path] = upstream
                if (taken := self._meanwhile.get(path)) is not None:
                    self._meanwhile[path] = dataclasses.replace(taken, upstream=upstream)
            noted = self._index.change(path, lambda listed: dataclasses.replace(listed, upstream=upstream))
        if noted is not None:
            self._bus.publish(LibraryChanged())
        return noted

    def _with_answer(self, entry: LibraryEntry) -> LibraryEntry:
        answer = self._asked.get(entry.ref.path or "")
        return entry if answer is None else dataclasses.replace(entry, upstream=answer)

    def remove(self, entry: LibraryEntry, paths: Sequence[Path]) -> None:
        """List a model no more, and forget what was noted of its files."""
        for path in paths:
            with bookkeeping("That a model was removed"):
                self._uses.forget(str(path))
        if entry.ref.path is not None:
            with self._lock, bookkeeping("That a model was removed"):
                if self._meanwhile is not None:
                    self._meanwhile[entry.ref.path] = None
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
