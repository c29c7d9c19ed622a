"""What the Library's page reads at once, away from the Qt thread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from garden.core.library_entry import LibraryEntry
from garden.core.upstream import Upstream
from garden.services.duplicates import duplicates
from garden.services.unfinished import RestingDownload

if TYPE_CHECKING:
    from garden.services.garden import Garden


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLibrary:
    """The library as it was read.

    Attributes:
        entries: The models, as the last scan found them.
        resting: Downloads that did not end, and do not go on by themselves.
        newer: By path: what has replaced a file on the Hub and is not here.
        several: Paths of files of which several commits are here.
        twins: By path: the model whose bytes the one that lies there has too.
    """

    entries: tuple[LibraryEntry, ...]
    twins: Mapping[str, LibraryEntry]
    resting: Sequence[RestingDownload]
    newer: Mapping[str, Upstream]
    several: Collection[str]


def read_library(garden: Garden) -> ReadLibrary:
    """Read everything that the page shows; blocks for some milliseconds."""
    entries = garden.library.entries()
    twins = {
        entry.ref.path: group.entries[0]
        for group in duplicates(entries)
        for entry in group.entries[1:]
        if entry.ref.path is not None
    }
    hashes = {entry.ref.sha256 for entry in entries}
    newer = {
        entry.ref.path: entry.upstream
        for entry in entries
        if entry.upstream is not None and entry.upstream.state == "changed" and entry.ref.path is not None
        if entry.upstream.sha256 is None or entry.upstream.sha256 not in hashes
    }
    count = Counter((entry.ref.repo_id, entry.ref.filenames) for entry in entries if entry.ref.repo_id)
    several = {
        entry.ref.path
        for entry in entries
        if entry.ref.path is not None and entry.ref.repo_id and count[entry.ref.repo_id, entry.ref.filenames] > 1
    }
    resting = garden.unfinished.resting()
    return ReadLibrary(entries=entries, twins=twins, resting=resting, newer=newer, several=several)
