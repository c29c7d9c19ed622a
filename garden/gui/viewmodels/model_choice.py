"""The models a pane can take, the likely ones first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import PurePath

from garden.core.library_entry import LibraryEntry
from garden.core.model_ref import ModelRef

#: So many stand above the others.
_FIRST = 3


def likely_first(
    entries: Sequence[LibraryEntry], at_hand: str | None, taken: Collection[str | None]
) -> tuple[tuple[LibraryEntry, ...], tuple[LibraryEntry, ...]]:
    """Part the models: those that are likely to be wanted, and the others.

    Args:
        entries: All models; the others keep this order.
        at_hand: Where the model lies that is chosen in the Library; it comes first.
        taken: Where the models lie that have a pane already; they are not likely to be wanted again.
    """
    free = [entry for entry in entries if entry.ref.path not in taken]
    likely = [entry for entry in free if entry.last_used_at is not None or entry.ref.path == at_hand]
    likely.sort(key=lambda entry: (entry.ref.path != at_hand, -(entry.last_used_at or 0.0)))
    first = tuple(likely[:_FIRST]) if len(entries) > _FIRST else ()
    return first, tuple(entry for entry in entries if entry not in first)


def full_name(ref: ModelRef) -> str:
    """Name and type."""
    return " ".join(filter(None, (ref.name, ref.quant_type)))


def places(entries: Sequence[LibraryEntry]) -> dict[str, str]:
    """What tells models of the same name and type apart.

    Args:
        entries: All models that are offered together.

    Returns:
        Path of a file → its repository or folder, or the path itself where those are the same too; only of models
        that share name and type with another.
    """
    same: defaultdict[str, list[ModelRef]] = defaultdict(list)
    for entry in entries:
        same[full_name(entry.ref)].append(entry.ref)
    found = {}
    for refs in same.values():
        told = [ref.repo_id or PurePath(ref.path or "").parent.name for ref in refs]
        for ref, place in zip(refs, told, strict=True):
            if ref.path and len(refs) > 1:
                found[ref.path] = place if told.count(place) == 1 else ref.path
    return found
