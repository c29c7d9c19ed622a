"""Headers of files on the Hub: their two ends, in a few short reads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from garden.core.catalog import RemoteFile, Repository, RepositoryFile
from garden.fit.sketch import sketched_header
from garden.gguf.byte_source import ByteSource
from garden.gguf.header import GgufHeader, read_header
from garden.gguf.header_start import START_BYTES, read_start
from garden.gguf.shard_set import joined_header
from garden.gguf.tensor_list import read_like, read_sparingly
from garden.jobs.handle import Handle, chained, finished
from garden.jobs.shared_work import SharedWork
from garden.services.bookkeeping import bookkeeping
from garden.services.model_name import display_name
from garden.store.headers import Headers, hash_key

if TYPE_CHECKING:
    from garden.jobs.pool import TaskPool
    from garden.services.hub_access import HubAccess

#: Repositories of which a header is kept to read the others by; each holds some hundred tensors.
_REPOSITORIES_KEPT = 16

#: Shards behind the first have no vocabulary, and few tensors.
_SHARD_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """A header that was read.

    Attributes:
        file: Of which file.
        first: Of its first shard, or of the file.
        whole: With the tensors of all shards.
    """

    file: RepositoryFile
    first: GgufHeader
    whole: GgufHeader


class RemoteHeaders:
    """Reads headers from the Hub, each once. Safe to use from several threads.

    The files of a repository wait for the first of them without holding a thread: it tells them where to look.

    Args:
        hub: The Hub.
        headers: Headers read before.
        pool: Runs the reads.
        prepare: Called on the pool before each: loads what forecasts want beside the header.
    """

    def __init__(self, hub: HubAccess, headers: Headers, pool: TaskPool, prepare: Callable[[], None]) -> None:
        self._hub = hub
        self._headers = headers
        self._pool = pool
        self._prepare = prepare
        self._first_reads: SharedWork[_Read] = SharedWork(pool, _REPOSITORIES_KEPT)

    def header(
        self,
        repository: Repository,
        file: RepositoryFile,
        *,
        own: bool = False,
        sketched: Callable[[GgufHeader], None] | None = None,
    ) -> Handle[GgufHeader]:
        """The header of a file, or of a set of shards, with every tensor; of the vocabulary the number of words.

        The quantizations of one model share all keys but a few and list the same tensors at nearly the same place, so
        that each costs one short read once one of them is known.

        Args:
            repository: Where it lies.
            file: Which one.
            own: Read the file's own first keys as well, unless its header is known.
            sketched: Called on a thread of the pool with a stand-in for the header, as soon as the first 64 KB of the
                first file of a repository are there: its keys, and weights that fill the file.

        Returns:
            A handle. It fails with a GardenError when the Hub cannot be reached or refuses, or the file is damaged.
        """

        def known() -> _Read | None:
            self._prepare()
            header = self._known(file)
            return None if header is None else _Read(file=file, first=header, whole=header)

        def read(cancelled: threading.Event) -> _Read:
            kept = self._kept_sibling(repository, file)
            return self._read(repository, file, kept, cancelled, own=own, sketched=sketched)

        def follow(first: _Read) -> Handle[GgufHeader]:
            if first.file == file:
                return finished(first.whole)
            return self._pool.submit(lambda cancelled: self._read(repository, file, first, cancelled, own=own).whole)

        place = (repository.summary.repo_id, repository.revision, file.kind)
        return chained(self._first_reads.submit(place, known, read, lambda first: first), follow)

    def _known(self, file: RepositoryFile) -> GgufHeader | None:
        return self._headers.get(hash_key(file.sha256)) if file.sha256 else None

    def _kept_sibling(self, repository: Repository, file: RepositoryFile) -> _Read | None:
        """A header of the repository that was read before the program started, of the same model before others."""
        others = [other for other in repository.files if other.kind == file.kind and len(other.files) == 1]
        for other in sorted(others, key=lambda other: _model_name(other) != _model_name(file)):
            header = self._known(other)
            if header is not None:
                return _Read(file=other, first=header, whole=header)
        return None

    def _read(
        self,
        repository: Repository,
        file: RepositoryFile,
        sibling: _Read | None,
        cancelled: threading.Event,
        *,
        own: bool,
        sketched: Callable[[GgufHeader], None] | None = None,
    ) -> _Read:
        source = self._source(repository, file.files[0], cancelled)
        first = None
        if sibling is not None:
            # Another model's keys are its own, and shards are cut at other tensors.
            apart = own or len(file.files) > 1 or _model_name(file) != _model_name(sibling.file)
            first = read_like(source, sibling.first, read_start(source) if apart else None)
        elif sketched is not None:
            sketched(sketched_header(read_start(source), file.size_bytes, file.quant_type))
        first = first or read_sparingly(source)
        others = (self._source(repository, part, cancelled, _SHARD_BYTES) for part in file.files[1:])
        whole = joined_header([first, *(read_header(other, first_bytes=_SHARD_BYTES) for other in others)])
        if file.sha256:
            with bookkeeping("A header"):
                self._headers.put(hash_key(file.sha256), whole)
        return _Read(file=file, first=first, whole=whole)

    def _source(
        self,
        repository: Repository,
        file: RemoteFile,
        cancelled: threading.Event,
        first_window_bytes: int = START_BYTES,
    ) -> ByteSource:
        return self._hub.client().source(
            repository.summary.repo_id,
            repository.revision,
            file.filename,
            file.size_bytes,
            cancelled,
            first_window_bytes=first_window_bytes,
        )


def _model_name(file: RepositoryFile) -> str:
    return display_name(file.filename.rpartition("/")[2].removesuffix(".gguf"))
