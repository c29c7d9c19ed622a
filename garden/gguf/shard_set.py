"""Models split over several files: ``name-00001-of-00003.gguf``."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from garden.core.errors import InvalidFileError

if TYPE_CHECKING:
    # Whoever reads only names needs no header.
    from garden.gguf.header import GgufHeader

_SHARD = re.compile(r"(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.IGNORECASE | re.DOTALL | re.ASCII)

#: More shards than any published model has; a larger number is a name made to keep us busy.
MAX_SHARDS = 999


def shard_of(filename: str) -> tuple[str, int, int] | None:
    """Stem, number and count of a shard's name; None for a file that is whole."""
    match = _SHARD.fullmatch(filename)
    if not match:
        return None
    number, count = int(match["number"]), int(match["count"])
    return (match["stem"], number, count) if 1 <= number <= count <= MAX_SHARDS else None


def shard_names(filename: str) -> tuple[str, ...]:
    """Names of all files of the set that this one belongs to, the first shard first."""
    shard = shard_of(filename)
    if shard is None:
        return (filename,)
    stem, _number, count = shard
    suffix = filename[-5:]
    return tuple(f"{stem}-{number:05d}-of-{count:05d}{suffix}" for number in range(1, count + 1))


def shard_paths(path: Path) -> tuple[Path, ...]:
    """All files of the set, the first shard first.

    Raises:
        InvalidFileError: A shard is missing beside this one.
    """
    paths = tuple(path.with_name(name) for name in shard_names(path.name))
    missing = [shard.name for shard in paths if not shard.exists()]
    if missing and len(paths) > 1:
        raise InvalidFileError(
            f"{len(missing)} of {len(paths)} parts of this model are missing, the first is {missing[0]}.",
            "Put all parts into one folder, or fetch the model again.",
        )
    return paths


def joined_header(headers: Sequence[GgufHeader]) -> GgufHeader:
    """One header for a set of shards, the first shard first: its metadata, the tensors of all.

    Offsets stay those within each shard.
    """
    first, *others = headers
    if not others:
        return first
    tensors = tuple(tensor for header in headers for tensor in header.tensors)
    return dataclasses.replace(first, tensors=tensors, data_bytes=sum(header.data_bytes for header in headers))
