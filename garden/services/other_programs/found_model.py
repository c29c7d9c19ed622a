"""A model that another program keeps on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from garden.core.library_entry import OtherProgram
from garden.core.plain_line import plain_line

#: Longer names are no names.
_MAX_NAME = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundModel:
    """One model file in the store of another program.

    Attributes:
        program: Whose it is.
        name: What that program calls it.
        path: The (first) file, inside the program's store.
        also: Further names that the program has for the same file.
        publisher: Who published it, as the program's folders say; None when they do not.
        sha256: The hash that the store promises for the file, None when it promises none.
        beside: Files that the program loads with it: projector, then adapters.
    """

    program: OtherProgram
    name: str
    path: Path
    also: tuple[str, ...] = ()
    publisher: str | None = None
    sha256: str | None = None
    beside: tuple[Path, ...] = ()


def plain_name(text: str) -> str:
    """A name out of somebody's file, fit to be shown on one line."""
    return plain_line(text, _MAX_NAME)
