"""Looking for models on this machine: the Hub cache, made here, the starter, other programs' stores, added folders."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from garden.core.errors import CancelledByUser, GardenError
from garden.core.library_entry import LibraryEntry, Origin, OtherProgram
from garden.core.model_ref import ModelRef
from garden.core.paths import hub_cache_dir
from garden.gguf.header import GgufHeader
from garden.gguf.quant_name import quant_type_of
from garden.gguf.shard_set import shard_names, shard_of
from garden.hub.cache import CachedFile, cached_models
from garden.hub.file_grouping import is_projector
from garden.quantization.lineage import LINEAGE_KEY, parse_lineage
from garden.services import starter
from garden.services.fit import FitService
from garden.services.gguf_files import gguf_files
from garden.services.model_name import display_name, telling_name
from garden.services.other_programs.found_model import FoundModel
from garden.services.other_programs.stores import models_of_others
from garden.store.model_use import ModelUse, ModelUses
from garden.store.receipts import Receipts
from garden.store.speeds import Speeds


class LibraryScan:
    """Reads what is there and describes each file.

    Args:
        fit: Reads headers.
        uses: Hashes and last use, remembered.
        receipts: What was made here.
        speeds: What was measured here.
    """

    def __init__(self, fit: FitService, uses: ModelUses, receipts: Receipts, speeds: Speeds) -> None:
        self._fit = fit
        self._uses = uses
        self._receipts = receipts
        self._speeds = speeds

    def run(
        self,
        models_dir: Path,
        folders: Sequence[Path],
        cancelled: threading.Event,
        *,
        files: Sequence[Path] = (),
        without: Collection[OtherProgram] = (),
    ) -> tuple[LibraryEntry, ...]:
        """Everything found, each file once, the Hub cache first.

        Args:
            models_dir: Where models made here go.
            folders: Folders of the user's.
            cancelled: Set by whoever wants it to stop.
            files: Single files of the user's; those that are gone are listed as that.
            without: Other programs whose stores are not to be read.

        Raises:
            CancelledByUser: Cancelled.
        """
        entries: dict[str, LibraryEntry] = {}
        # In one question: asked file by file, a long library would be read once per model.
        uses = self._uses.all()
        for cached in cached_models(hub_cache_dir()):
            self._check(cancelled)
            shard = shard_of(Path(cached.filename).name)
            if cached.complete and (shard is None or shard[1] == 1):
                entries[os.path.realpath(cached.path)] = self._describe_cached(cached, uses)
        for folder in (models_dir, starter.starter_path().parent):
            self._take(folder, entries, uses, cancelled)
        # Before the folders of the user's: a store that is one of them too stays the other program's.
        for found in models_of_others(without):
            self._check(cancelled)
            if os.path.realpath(found.path) not in entries:
                entries[os.path.realpath(found.path)] = self._describe_found(found, uses)
        for folder in folders:
            self._take(folder, entries, uses, cancelled)
        for path in files:
            self._check(cancelled)
            entries.setdefault(os.path.realpath(path), self._describe_single(path, uses))
        # Wherever the user had it written to: what was made here is listed while it is there.
        for receipt in self._receipts.list():
            path = Path(receipt.path)
            if os.path.realpath(path) not in entries and path.is_file():
                self._check(cancelled)
                entries[os.path.realpath(path)] = self._describe(path, uses)
        return tuple(entries.values())

    def _take(
        self, folder: Path, entries: dict[str, LibraryEntry], uses: Mapping[str, ModelUse], cancelled: threading.Event
    ) -> None:
        for path in gguf_files(folder):
            self._check(cancelled)
            if os.path.realpath(path) not in entries:
                entries[os.path.realpath(path)] = self._describe(path.absolute(), uses)

    def _describe_single(self, path: Path, uses: Mapping[str, ModelUse]) -> LibraryEntry:
        entry = self._describe(path, uses)
        if path.exists():
            return entry
        return dataclasses.replace(entry, problem=f"It is no longer in {path.parent}. Put it back, or forget it.")

    def describe_cached(self, cached: CachedFile) -> LibraryEntry:
        """Entry of a file of the Hub cache."""
        return self._describe_cached(cached, self._uses.all())

    def describe(self, path: Path) -> LibraryEntry:
        """Entry of any other file; a damaged one gets a problem instead of facts."""
        return self._describe(path.absolute(), self._uses.all())

    def _describe_cached(self, cached: CachedFile, uses: Mapping[str, ModelUse]) -> LibraryEntry:
        ref = ModelRef(
            name=display_name(cached.repo_id.rpartition("/")[2]),
            repo_id=cached.repo_id,
            revision=cached.revision,
            filenames=shard_names(cached.filename),
            path=str(cached.path),
            quant_type=quant_type_of(cached.filename),
            size_bytes=_size_of_set(cached.path, cached.size_bytes),
            sha256=cached.sha256,
        )
        return dataclasses.replace(self._entry(ref, "hub_cache", uses), projector=_projector_beside(cached))

    def _describe(self, path: Path, uses: Mapping[str, ModelUse]) -> LibraryEntry:
        if path == starter.starter_path():
            ref = ModelRef(
                name=starter.NAME,
                filenames=(path.name,),
                path=str(path),
                quant_type=starter.QUANT_TYPE,
                size_bytes=_size_of_set(path),
                sha256=starter.SHA256,
            )
            return self._entry(ref, "starter", uses)
        ref = ModelRef(
            name=display_name(path.stem),
            filenames=shard_names(path.name),
            path=str(path),
            quant_type=quant_type_of(path.name),
            size_bytes=_size_of_set(path),
            sha256=_remembered_hash(path, uses),
        )
        return self._entry(ref, "made_here" if self._receipts.for_path(str(path)) else "folder", uses)

    def _describe_found(self, found: FoundModel, uses: Mapping[str, ModelUse]) -> LibraryEntry:
        ref = ModelRef(
            name=found.name,
            filenames=shard_names(found.path.name),
            path=str(found.path),
            # A blob is named by its hash, which says nothing of a type.
            quant_type=quant_type_of(found.path.name) or quant_type_of(found.name.replace(":", "-")),
            size_bytes=_size_of_set(found.path),
            sha256=found.sha256 or _remembered_hash(found.path, uses),
        )
        made_here = self._receipts.for_path(str(found.path)) is not None
        entry = self._entry(ref, "made_here" if made_here else found.program, uses)
        beside = tuple(str(path) for path in found.beside)
        return dataclasses.replace(entry, publisher=found.publisher, also=found.also, beside=beside)

    def _entry(self, ref: ModelRef, origin: Origin, uses: Mapping[str, ModelUse]) -> LibraryEntry:
        assert ref.path is not None
        header: GgufHeader | None = None
        problem: str | None = None
        try:
            header = self._fit.header(ref)
        except GardenError as error:
            problem = f"{error.sentence} {error.action}".strip()
        use = uses.get(ref.path, ModelUse())
        speed = self._speeds.latest(ref)
        known = _remembered_hash(Path(ref.path), uses) is not None
        if header is not None:
            name = (
                telling_name(ref.name, header.text("general.name"), _folders(ref.path)) if not ref.repo_id else ref.name
            )
            ref = dataclasses.replace(ref, name=name, quant_type=ref.quant_type or header.file_type)
        lineage = parse_lineage(header.metadata.get(LINEAGE_KEY)) if header else ()
        if lineage and origin == "folder":
            origin = "made_here"
        return LibraryEntry(
            ref=ref,
            origin=origin,
            architecture=header.architecture if header else None,
            parameters=header.parameters if header else None,
            context_length=header.context_length if header else None,
            license=header.license if header else None,
            # The starter's hash was checked before it was put in place; so was every transfer of Garden's.
            verified=(use.verified if known else None) if origin != "starter" else (use.verified is not False),
            verified_at=use.verified_at if known else None,
            last_used_at=use.last_used_at,
            decode_tokens_per_second=speed.decode_tokens_per_second if speed else None,
            lineage=lineage,
            problem=problem,
        )

    @staticmethod
    def _check(cancelled: threading.Event) -> None:
        if cancelled.is_set():
            raise CancelledByUser


def _remembered_hash(path: Path, uses: Mapping[str, ModelUse]) -> str | None:
    """The hash that was computed for a file, while the file is what it was then."""
    use = uses.get(str(path))
    if use is None:
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    return use.sha256 if use.holds_for(status.st_size, status.st_mtime) else None


def _projector_beside(cached: CachedFile) -> str | None:
    """The projector in the model's folder of the same commit, as ``projector_for`` chooses it."""
    names = [entry.name for entry in os.scandir(cached.path.parent)] if cached.path.parent.is_dir() else []
    found = [name for name in names if is_projector(name) and name != cached.path.name]
    best = min(found, key=lambda name: (quant_type_of(name) != "F16", name), default=None)
    return None if best is None else str(cached.path.parent / best)


def _size_of_set(path: Path, fallback: int = 0) -> int:
    total = 0
    for name in shard_names(path.name):
        try:
            total += (path.parent / name).stat().st_size
        except OSError:
            return total or fallback
    return total


def _folders(path: str) -> tuple[str, ...]:
    """The two folders around a file, the nearest first."""
    around = Path(path).parent
    return around.name, around.parent.name
