"""Reading small files of other programs: never a device, never more than was asked for, never outside of a folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def read_small(path: Path, most: int) -> bytes | None:
    """The content of a regular file.

    Args:
        path: The file.
        most: Bytes that it may have.

    Returns:
        None when it is not there, is no regular file, cannot be read or is larger.
    """
    # A pipe of that name would hold the reader up for ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError):
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > most:
            return None
        with os.fdopen(os.dup(descriptor), "rb") as stream:
            content = stream.read(most + 1)
        return content if len(content) <= most else None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def inside(path: Path, folder: Path) -> Path | None:
    """A regular file that really lies in a folder or below, all links followed; None when it does not.

    Args:
        path: The file as a store names it.
        folder: The folder, itself already free of links (``os.path.realpath``).
    """
    try:
        real = Path(os.path.realpath(path))
        return path if real.is_relative_to(folder) and real.is_file() else None
    except (OSError, ValueError):
        return None
