"""Hollow files for tests, and headers that the engine itself accepts."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from garden.gguf.byte_source import FileSource
from garden.gguf.header import GgufHeader, read_header
from garden.gguf.hollow_file import write_hollow_file
from garden.gguf.shard_set import joined_header, shard_paths
from tests.fit.headers import published

#: What the engine insists on, and headers for the formula leave out.
_REQUIRED = {
    "attention.layer_norm_rms_epsilon": 1e-5,
    "attention.layer_norm_epsilon": 1e-5,
    "context_length": 4_096,
}


def complete(header: GgufHeader) -> GgufHeader:
    """The header with the keys that the engine insists on."""
    added = {f"{header.architecture}.{key}": value for key, value in _REQUIRED.items()}
    return dataclasses.replace(header, metadata={**added, **header.metadata})


def published_for_engine(repo_id: str, quant_type: str = "Q4_K_M") -> GgufHeader:
    """The header of a well-known model as the engine accepts it."""
    return complete(published(repo_id, quant_type))


def header_of_file(path: Path) -> GgufHeader:
    """Of a file, or of the set of shards that it belongs to."""
    headers = []
    for shard in shard_paths(path):
        with FileSource(shard) as source:
            headers.append(read_header(source))
    return joined_header(headers)


def hollow(header: GgufHeader, folder: Path, name: str = "hollow") -> Path:
    """A hollow file with this header."""
    path = folder / f"{name}.gguf"
    write_hollow_file(header, path)
    return path
