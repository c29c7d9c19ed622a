"""Whole files or none: written beside their place, flushed to the disk, then renamed."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from garden.core.lasting_rename import sync_folder
from garden.core.write_failure import writing


def write_atomically(path: Path, content: bytes, *, private: bool = False) -> None:
    """Write a file so that every reader sees the old content or the new, never half, whatever happens in between.

    Args:
        path: Where to; its folder is made.
        content: All of it.
        private: Readable by this user alone.

    Raises:
        DiskFullError: No room; the old file is untouched.
        StateError: It could not be written; the old file is untouched.
    """
    mode = 0o600 if private else 0o666
    with writing(path.name, action=f"Check that {path.parent} exists and is yours."):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name[:64]}.{uuid.uuid4().hex[:12]}.part")
        # Not tempfile: what it makes is private, while an export is for whomever the user's umask lets in.
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
