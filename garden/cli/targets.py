"""Models that a command names, and whose fault it was when there are several."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from garden.core.errors import CancelledByUser, GardenError
from garden.core.library_entry import LibraryEntry
from garden.services.garden import Garden


def usable_model(garden: Garden, target: str) -> LibraryEntry:
    """The model on this machine that a TARGET names.

    Raises:
        GardenError: There is none, or it cannot be used; the sentence names it.
    """
    entry = garden.library.resolve(target)
    if entry.problem:
        raise GardenError(f"{Path(entry.ref.path or target).name}: {entry.problem}")
    return entry


@contextlib.contextmanager
def about(name: str) -> Iterator[None]:
    """For a block that is about one of several models: what goes wrong in it is told with the model's name."""
    try:
        yield
    except CancelledByUser:
        raise
    except GardenError as error:
        if name not in error.sentence:
            error.sentence = f"{name}: {error.sentence}"
            error.args = (f"{error.sentence} {error.action}".strip(),)
        raise
