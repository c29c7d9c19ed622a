"""Headers of files on this machine, read once and remembered."""

from __future__ import annotations

from pathlib import Path

from garden.core.errors import InvalidFileError, NotFoundError
from garden.core.model_ref import ModelRef
from garden.gguf.byte_source import FileSource
from garden.gguf.header import GgufHeader, read_header
from garden.gguf.shard_set import joined_header, shard_paths
from garden.services.bookkeeping import bookkeeping
from garden.store.headers import Headers, file_key


def local_header(ref: ModelRef, headers: Headers) -> GgufHeader:
    """Header of a file; of a set of shards, with the tensors of all.

    Args:
        ref: The model.
        headers: Those that were read before; new ones are kept there.

    Raises:
        NotFoundError: The file is gone.
        InvalidFileError: It is damaged.
    """
    if ref.path is None:
        raise NotFoundError(f"{ref.name} is not on this machine.", "Download it first.")
    return joined_header([_read(path, headers) for path in shard_paths(Path(ref.path))])


def _read(path: Path, headers: Headers) -> GgufHeader:
    try:
        key = file_key(path)
    except OSError as error:
        raise NotFoundError(f"There is no file {path}.", "Check the path.", str(error)) from error
    header = headers.get(key)
    if header is None:
        with FileSource(path) as source:
            header = read_header(source)
        with bookkeeping("A header"):
            headers.put(key, header)
    if path.stat().st_size < header.header_bytes:
        raise InvalidFileError("This is not a complete GGUF file.", "Fetch it again or remove it.")
    return header
