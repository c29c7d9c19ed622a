"""Headers of files on the Hub: their two ends, in a few short reads."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from garden.core.catalog import RemoteFile, Repository, RepositoryFile
from garden.fit.sketch import sketched_header
from garden.gguf.header import GgufHeader, read_header
from garden.gguf.header_start import START_BYTES, read_start
from garden.gguf.shard_set import joined_header
from garden.gguf.tensor_list import read_like, read_sparingly
from garden.services.bookkeeping import bookkeeping
from garden.services.model_name import display_name
from garden.store.headers import Headers, hash_key

if TYPE_CHECKING:
    from garden.hub.client import HubClient
    from garden.hub.remote_source import RemoteSource
    from garden.services.hub_access import HubAccess

#: Headers that are kept to read those of other files of the repository by; each holds some hundred tensors.
_SIBLINGS_KEPT = 16

#: Files whose first window is kept between the first figure and the header; each holds 64 KB.
_STARTED_KEPT = 32

#: Shards behind the first have no vocabulary, and few tensors.
_SHARD_BYTES = 16 * 1024

_Repository = tuple[str, str]
_Place = tuple["HubClient", str, str, str]
KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


class RemoteHeaders:
    """Reads headers from the Hub, each once. Safe to use from several threads; calls block for the network.

    Args:
        hub: The Hub.
        headers: Headers read before.
    """

    def __init__(self, hub: HubAccess, headers: Headers) -> None:
        self._hub = hub
        self._headers = headers
        self._siblings: dict[tuple[_Repository, str], GgufHeader] = {}
        self._first_of: defaultdict[_Repository, threading.Lock] = defaultdict(threading.Lock)
        self._started: dict[_Place, RemoteSource] = {}
        self._lock = threading.Lock()

    def sketch(self, repository: Repository, file: RepositoryFile) -> GgufHeader:
        """A stand-in for the header from the file's first 64 KB: its keys, and weights that fill the file.

        Raises:
            GardenError: The Hub cannot be reached or refuses, or it is no GGUF file of a model.
        """
        known = self._known(file)
        if known is not None:
            return known
        source = self._source(repository, file.files[0])
        start = read_start(source)
        self._keep(self._started, self._place(repository, file.files[0]), source, _STARTED_KEPT)
        return sketched_header(start, file.size_bytes, file.quant_type)

    def read(self, repository: Repository, file: RepositoryFile, *, own: bool = False) -> GgufHeader:
        """The header of a file, or of a set of shards, with every tensor; of the vocabulary the number of words.

        The quantizations of one model share all keys but a few and list the same tensors at nearly the same place, so
        that each costs one short read once one of them is known.

        Args:
            repository: Where it lies.
            file: Which one.
            own: Read the file's own first keys as well.

        Raises:
            GardenError: The Hub cannot be reached or refuses, or the file is damaged.
        """
        known = self._known(file)
        if known is not None:
            if len(file.files) == 1:
                self._remember(repository, file, known)
            return known
        # The others of a repository wait for the first, which tells them where to look.
        with self._first_of[_repository(repository)]:
            sibling = self._sibling(repository, file)
            if sibling is None:
                first = self._first_part(repository, file, None, own=own)
                self._remember(repository, file, first)
        if sibling is not None:
            name, header = sibling
            first = self._first_part(repository, file, header, own=own or name != _model_name(file))
            self._remember(repository, file, first)
        others = (self._source(repository, part, _SHARD_BYTES) for part in file.files[1:])
        header = joined_header([first, *(read_header(other, first_bytes=_SHARD_BYTES) for other in others)])
        if file.sha256:
            with bookkeeping("A header"):
                self._headers.put(hash_key(file.sha256), header)
        return header

    def _sibling(self, repository: Repository, file: RepositoryFile) -> tuple[str, GgufHeader] | None:
        """Name and header of a file of the repository, one of the same model before others."""
        with self._lock:
            place, own = _repository(repository), _model_name(file)
            found = {name: header for (where, name), header in self._siblings.items() if where == place}
        if own in found:
            return own, found[own]
        return next(iter(found.items()), None)

    def _remember(self, repository: Repository, file: RepositoryFile, header: GgufHeader) -> None:
        self._keep(self._siblings, (_repository(repository), _model_name(file)), header, _SIBLINGS_KEPT)

    def _known(self, file: RepositoryFile) -> GgufHeader | None:
        return self._headers.get(hash_key(file.sha256)) if file.sha256 else None

    def _first_part(
        self, repository: Repository, file: RepositoryFile, sibling: GgufHeader | None, *, own: bool
    ) -> GgufHeader:
        """The header of the file, or of the first shard.

        Args:
            repository: Where it lies.
            file: Which one.
            sibling: The same of another quantization of the model.
            own: Read the file's own first keys as well.
        """
        place = self._place(repository, file.files[0])
        source = self._started.get(place) or self._source(repository, file.files[0])
        header = None
        if sibling is not None:
            # The shards of another quantization are cut at other tensors.
            start = read_start(source) if own or len(file.files) > 1 else None
            header = read_like(source, sibling, start)
        header = header or read_sparingly(source)
        with self._lock:
            self._started.pop(place, None)
        return header

    def _source(self, repository: Repository, file: RemoteFile, first_window_bytes: int = START_BYTES) -> RemoteSource:
        client, repo_id, revision, filename = self._place(repository, file)
        return client.source(repo_id, revision, filename, file.size_bytes, first_window_bytes=first_window_bytes)

    def _place(self, repository: Repository, file: RemoteFile) -> _Place:
        # A client stands for an address and a token: what came by another one is not taken.
        return self._hub.client(), repository.summary.repo_id, repository.revision, file.filename

    def _keep(self, kept: dict[KeyT, ValueT], key: KeyT, value: ValueT, limit: int) -> None:
        with self._lock:
            kept.pop(key, None)
            kept[key] = value
            while len(kept) > limit:
                del kept[next(iter(kept))]


def _repository(repository: Repository) -> _Repository:
    return repository.summary.repo_id, repository.revision


def _model_name(file: RepositoryFile) -> str:
    return display_name(file.filename.rpartition("/")[2].removesuffix(".gguf"))
