"""What the Library's page reads at once, away from the Qt thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from garden.core.library_entry import LibraryEntry
from garden.services.duplicates import duplicates

if TYPE_CHECKING:
    from garden.services.garden import Garden


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLibrary:
    """The library as it was read.

    Attributes:
        entries: The models, as the last scan found them.
        twins: By path: the model whose bytes the one that lies there has too.
    """

    entries: tuple[LibraryEntry, ...]
    twins: Mapping[str, LibraryEntry]


def read_library(garden: Garden) -> ReadLibrary:
    """Read everything that the page shows; blocks for some milliseconds."""
    entries = garden.library.entries()
    twins = {
        entry.ref.path: group.entries[0]
        for group in duplicates(entries)
        for entry in group.entries[1:]
        if entry.ref.path is not None
    }
    return ReadLibrary(entries=entries, twins=twins)
