"""Folders for the time of one task, which are cleared away also when the process that made them was killed.

They lie in the cache folder: what systems offer for temporary files is often memory, and models are large.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from garden.core.paths import cache_dir
from garden.core.write_failure import writing
from garden.process.process_identity import ProcessIdentity, this_process

#: ``twin-4711-1764050000123-x7k2``: what for, and by which process of all that ever had its id.
_NAME = re.compile(r"[a-z]+-(?P<pid>[0-9]{1,10})-(?P<started_ms>[0-9]{1,16})-.*")


def scratch_folder(purpose: str) -> tempfile.TemporaryDirectory[str]:
    """A new folder of this process, removed when its ``with`` block ends or with ``cleanup``.

    Args:
        purpose: What for, in small letters.

    Raises:
        StateError: It cannot be made.
        DiskFullError: No room.
    """
    owner = this_process()
    with writing("The folder for unfinished work"):
        root = _root()
        root.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(
            prefix=f"{purpose}-{owner.pid}-{round(owner.started_at * 1000)}-",
            dir=root,
            # Where a child that was just ended still has a file mapped, the next sweep removes it.
            ignore_cleanup_errors=True,
        )


def sweep_scratch_folders() -> int:
    """Remove what processes left that are gone.

    Returns:
        How many folders were removed.
    """
    removed = 0
    for folder in _left_alone():
        # What cannot be removed now is tried again at the next sweep.
        shutil.rmtree(folder, ignore_errors=True)
        removed += not folder.exists()
    return removed


def _left_alone() -> Iterator[Path]:
    with contextlib.suppress(OSError):
        for folder in sorted(_root().iterdir()):
            name = _NAME.fullmatch(folder.name)
            if name is None or folder.is_symlink():
                continue
            owner = ProcessIdentity(pid=int(name["pid"]), started_at=int(name["started_ms"]) / 1000)
            if not owner.alive:
                yield folder


def _root() -> Path:
    return cache_dir() / "scratch"
