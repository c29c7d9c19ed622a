"""The GGUF files of a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from garden.gguf.shard_set import shard_of

#: A folder deeper or fuller than this is somebody's whole disk, not a folder of models.
MAX_DEPTH, MAX_FILES = 8, 20_000


def gguf_files(folder: Path) -> Iterator[Path]:
    """GGUF files of a folder and below, of each set the first shard; links are not followed out of it."""
    seen = 0
    root_depth = len(folder.parts)
    for where, folders, files in os.walk(folder):
        depth = len(Path(where).parts) - root_depth
        folders[:] = [] if depth >= MAX_DEPTH else sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            seen += 1
            if seen > MAX_FILES:
                return
            shard = shard_of(name)
            if name.lower().endswith(".gguf") and (shard is None or shard[1] == 1):
                yield Path(where) / name
