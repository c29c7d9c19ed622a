"""SHA-256 of a file, in the background of other work."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable
from pathlib import Path

from garden.core.errors import CancelledByUser, NotFoundError

_CHUNK_BYTES = 4 * 1024 * 1024


def sha256_of(
    path: Path,
    *,
    on_bytes: Callable[[int], None] | None = None,
    cancelled: threading.Event | None = None,
) -> str:
    """Hash a file in hexadecimal.

    Args:
        path: The file.
        on_bytes: Called with the bytes hashed so far, every few milliseconds of work.
        cancelled: Set by whoever wants it to stop.

    Raises:
        CancelledByUser: ``cancelled`` was set.
        NotFoundError: It cannot be read.
    """
    try:
        with path.open("rb", buffering=0) as file:
            return sha256_of_open(file, on_bytes=on_bytes, cancelled=cancelled)
    except OSError as error:
        raise NotFoundError(f"“{path.name}” could not be read.", "Check that it is still there.", str(error)) from error


def sha256_of_open(
    file: io.RawIOBase,
    *,
    on_bytes: Callable[[int], None] | None = None,
    cancelled: threading.Event | None = None,
) -> str:
    """Hash what an open file holds from where it stands, as ``sha256_of``.

    Raises:
        CancelledByUser: ``cancelled`` was set.
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    done = 0
    while chunk := file.read(_CHUNK_BYTES):
        if cancelled is not None and cancelled.is_set():
            raise CancelledByUser
        digest.update(chunk)
        done += len(chunk)
        if on_bytes:
            on_bytes(done)
    return digest.hexdigest()
