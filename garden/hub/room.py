"""Room on a disk: what a transfer leaves free, and the sentence when there is too little."""

from __future__ import annotations

import shutil
from pathlib import Path

from garden.core.errors import DiskFullError
from garden.core.quantity import format_bytes

#: Left free beside the files, so that databases, logs and the system go on working: at most this, and no more than a
#: twentieth of a small disk.
_RESERVE_BYTES = 128 * 1024 * 1024
_RESERVE_SHARE = 20


def check_room(folder: Path, missing_bytes: int) -> None:
    """Make sure that so much more can be written below a folder, and the reserve stays.

    Raises:
        DiskFullError: It cannot; with the figures.
    """
    usage = shutil.disk_usage(folder)
    if missing_bytes > 0 and missing_bytes + reserve_bytes(usage.total) > usage.free:
        raise DiskFullError(
            f"{format_bytes(missing_bytes)} are missing but only {format_bytes(usage.free)} are free on the disk of "
            f"{folder}.",
            "Free some space or set another models folder (HF_HUB_CACHE), then start the download again.",
        )


def check_reserve(folder: Path, filename: str, missing_bytes: int) -> None:
    """Stop a transfer before the disk is full.

    Raises:
        DiskFullError: Only the reserve is left while bytes are still to come; with the figures.
    """
    usage = shutil.disk_usage(folder)
    if usage.free < min(missing_bytes, reserve_bytes(usage.total)):
        raise DiskFullError(
            f"Stopped before the disk is full: {format_bytes(missing_bytes)} of '{filename}' are missing and "
            f"{format_bytes(usage.free)} are free.",
            "Free some space, then start the download again; it goes on where it stopped.",
        )


def reserve_bytes(disk_bytes: int) -> int:
    """What is left free on a disk of this size."""
    return min(_RESERVE_BYTES, disk_bytes // _RESERVE_SHARE)
