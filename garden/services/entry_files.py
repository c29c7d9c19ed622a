"""The files of a model on this machine."""

from __future__ import annotations

from pathlib import Path

from garden.core.errors import NotFoundError
from garden.core.library_entry import LibraryEntry
from garden.gguf.shard_set import shard_names


def files_of(entry: LibraryEntry) -> tuple[Path, ...]:
    """All files of a model, the first shard first, whether they are there or not.

    Raises:
        NotFoundError: It is only on the Hub.
    """
    if entry.ref.path is None:
        raise NotFoundError(f"{entry.ref.name} is not on this machine.")
    first = Path(entry.ref.path)
    return tuple(first.parent / name for name in shard_names(first.name))
