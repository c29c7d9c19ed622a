"""Looking for models on this machine: the shared Hub cache, models made here, the starter, added folders."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from garden.core.errors import CancelledByUser, GardenError
from garden.core.library_entry import LibraryEntry, Origin
from garden.core.model_ref import ModelRef
from garden.core.paths import hub_cache_dir
from garden.gguf.header import GgufHeader
from garden.gguf.quant_name import quant_type_of
from garden.gguf.shard_set import shard_names, shard_of
from garden.hub.cache import CachedFile, cached_models
from garden.quantization.lineage import LINEAGE_KEY, parse_lineage
from garden.services import starter
from garden.services.fit import FitService
from garden.services.model_name import display_name, telling_name
from garden.store.model_use import ModelUse, ModelUses
from garden.store.receipts import Receipts
from garden.store.speeds import Speeds

#: A folder deeper or fuller than this is somebody's whole disk, not a folder of models.
MAX_DEPTH, MAX_FILES = 8, 20_000


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

    def run(self, models_dir: Path, folders: Sequence[Path], cancelled: threading.Event) -> tuple[LibraryEntry, ...]:
        """Everything found, each file once, the Hub cache first.

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
        for folder in (models_dir, starter.starter_path().parent, *folders):
            for path in gguf_files(folder):
                self._check(cancelled)
                entries.setdefault(os.path.realpath(path), self._describe(path.absolute(), uses))
        # Wherever the user had it written to: what was made here is listed while it is there.
        for receipt in self._receipts.list():
            path = Path(receipt.path)
            if os.path.realpath(path) not in entries and path.is_file():
                self._check(cancelled)
                entries[os.path.realpath(path)] = self._describe(path, uses)
        return tuple(entries.values())

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
        return self._entry(ref, "hub_cache", uses)

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


def gguf_files(folder: Path) -> Iterator[Path]:
    """GGUF files of a folder and below, of each set the first shard; links are not followed out of it."""
    seen = 0
    root_depth = len(folder.parts)
    for where, folders, files in os.walk(folder):
        depth = len(Path(where).parts) - root_depth
        folders[:] = [] if depth >= MAX_DEPTH else sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            seen += 1
            if seen > MAX_FILES:
                return
            shard = shard_of(name)
            if name.lower().endswith(".gguf") and (shard is None or shard[1] == 1):
                yield Path(where) / name


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
