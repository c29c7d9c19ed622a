"""How much room there is where downloads go."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from garden.core.errors import StateError
from garden.core.paths import hub_cache_dir


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSpace:
    """The disk of the Hub cache.

    Attributes:
        total_bytes: Its size.
        free_bytes: What a program may still write.
    """

    total_bytes: int
    free_bytes: int


def disk_space() -> DiskSpace:
    """Size of the disk of the Hub cache, which need not exist yet, and what is free on it.

    Raises:
        StateError: The disk does not say.
    """
    folder = hub_cache_dir()
    for place in (folder, *folder.parents):
        if place.exists():
            try:
                usage = shutil.disk_usage(place)
            except OSError as error:
                raise StateError("The disk of the Hub cache does not say how full it is.", "", str(error)) from error
            return DiskSpace(total_bytes=usage.total, free_bytes=usage.free)
    raise StateError("There is no place for the Hub cache.", "Set HF_HUB_CACHE to a folder.")


def free_bytes() -> int:
    """Bytes free on the disk of the Hub cache.

    Raises:
        StateError: The disk does not say.
    """
    return disk_space().free_bytes
