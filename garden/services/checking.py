"""Hashing models, and comparing with what was promised."""

from __future__ import annotations

import dataclasses
import threading
import time
from pathlib import Path

from garden.core.errors import GardenError
from garden.core.job_record import JobKind
from garden.core.library_entry import LibraryEntry
from garden.core.model_ref import ModelRef
from garden.core.paths import hub_cache_dir
from garden.hub import cache
from garden.jobs.handle import Handle
from garden.jobs.job_context import JobContext
from garden.jobs.job_runner import JobRunner
from garden.quantization.file_hash import sha256_of
from garden.services import starter
from garden.services.entry_files import files_of
from garden.services.library_scan import LibraryScan
from garden.services.listing import Listing
from garden.services.other_programs.ollama import promised_hash
from garden.store.receipts import Receipts


class Checking:
    """Checks models without the network.

    Args:
        scan: Describes files.
        listing: What was found.
        receipts: What was made here.
        jobs: Runs checks.
    """

    def __init__(self, scan: LibraryScan, listing: Listing, receipts: Receipts, jobs: JobRunner) -> None:
        self._scan = scan
        self._listing = listing
        self._receipts = receipts
        self._jobs = jobs

    def problem_of(self, entry: LibraryEntry) -> str | None:
        """Why a model cannot be used, as its file is this moment; None when it can."""
        try:
            files_of(entry)
            return self._scan.describe(Path(entry.ref.path or "")).problem
        except GardenError as error:
            return f"{error.sentence} {error.action}".strip()

    def hash_of(self, entry: LibraryEntry, cancelled: threading.Event) -> str:
        """The hash of a model's (first) file, computed and remembered where nobody knew it.

        Raises:
            CancelledByUser: Cancelled.
            NotFoundError: It is gone.
        """
        if entry.ref.sha256 is not None:
            return entry.ref.sha256
        (path, *_shards) = files_of(entry)
        found = sha256_of(path, cancelled=cancelled)
        self._listing.hashed(path, found, verified=None)
        if self._is_listed(entry.ref):
            self._listing.put(dataclasses.replace(entry, ref=dataclasses.replace(entry.ref, sha256=found)))
        return found

    def verify(self, entry: LibraryEntry) -> Handle[bool | None]:
        """Hash a model and compare: True as promised, False damaged, None when nobody promised a hash (it is noted)."""

        def work(job: JobContext) -> bool | None:
            result: bool | None = None
            hashes: list[str] = []
            done = 0
            for path in files_of(entry):
                base = done

                def report(count: int, base: int = base, name: str = path.name) -> None:
                    job.progress(base + count, entry.ref.size_bytes or None, name)

                found = sha256_of(path, on_bytes=report, cancelled=job.cancelled)
                hashes.append(found)
                promised = self._promised(entry, path)
                matches = None if promised is None else found == promised
                result = matches if result is None or matches is False else result
                done += self._listing.hashed(path, found, verified=matches)
            if self._is_listed(entry.ref):
                # A hash that the Hub promised stays: that the bytes have another one is what ``verified`` says.
                ref = dataclasses.replace(entry.ref, sha256=entry.ref.sha256 or hashes[0])
                self._listing.put(dataclasses.replace(entry, ref=ref, verified=result, verified_at=time.time()))
            return result

        return self._jobs.submit(
            JobKind.VERIFY,
            entry.ref.name,
            entry.ref.quant_type or "",
            work,
            reads=() if entry.ref.path is None else (entry.ref.path,),
            total=entry.ref.size_bytes or None,
        )

    def _is_listed(self, ref: ModelRef) -> bool:
        return any(listed.ref.path == ref.path for listed in self._listing.entries())

    def _promised(self, entry: LibraryEntry, path: Path) -> str | None:
        """The hash that the Hub, a receipt, the starter or another program's store promises for a file."""
        for cached in cache.cached_models(hub_cache_dir()):
            if cached.path == path:
                return cached.sha256
        receipt = self._receipts.for_path(str(path))
        if receipt is not None:
            return receipt.sha256
        if entry.origin == "ollama":
            return promised_hash(path)
        return starter.SHA256 if entry.origin == "starter" else None
