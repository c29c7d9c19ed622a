"""Where an open window can be reached by a second start; cheap, since each start asks it before anything else."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path

from garden.core.paths import data_dir


def window_address() -> str:
    """Of the window on this data folder and of this user: a local socket's path, on Windows a pipe's name.

    Raises:
        StateError: The data folder cannot be made.
    """
    digest = hashlib.sha256(os.fsencode(data_dir().resolve())).hexdigest()[:16]
    if sys.platform == "win32":
        return f"garden-{os.environ.get('USERNAME', '')}-{digest}"
    return str(Path(tempfile.gettempdir(), f"garden-{os.getuid()}-{digest}"))


def may_be_open(address: str) -> bool:
    """Whether it is worth asking: False where there is certainly no window.

    Anyone can put something into the folder of temporary files; only what this user put there is asked.
    """
    if sys.platform == "win32":
        return True
    try:
        return Path(address).lstat().st_uid == os.getuid()
    except OSError:
        return False
