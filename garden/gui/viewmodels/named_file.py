"""Which file of a repository a pasted address means."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from garden.core.catalog import RepositoryFile


def named_file(files: Iterable[RepositoryFile], wanted: str) -> str | None:
    """The name of the file, or of the first shard of the set, that is called so or is of this type; None without one.

    Args:
        files: What the repository has.
        wanted: A path inside it, its last part, or a quant type in any letter case.
    """
    rows = tuple(files)
    for file in rows:
        if any(wanted in (part.filename, part.filename.rpartition("/")[2]) for part in file.files):
            return file.filename
    key = wanted.upper().replace("-", "_")
    return next((file.filename for file in rows if (file.quant_type or "").upper() == key), None)
