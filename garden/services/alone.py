"""A lock that all Gardens on this machine share."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from garden.core.errors import CancelledByUser

_POLL_SECONDS = 0.1


@contextlib.contextmanager
def alone(path: Path, cancelled: threading.Event) -> Iterator[None]:
    """Hold the lock for the length of a block; waiting for it can be cancelled.

    Args:
        path: The lock's file.
        cancelled: Looked at ten times a second while another holds it.

    Raises:
        CancelledByUser: Cancelled while waiting.
    """
    lock = FileLock(path)
    while True:
        try:
            lock.acquire(timeout=_POLL_SECONDS)
            break
        except Timeout:
            if cancelled.is_set():
                raise CancelledByUser from None
    try:
        yield
    finally:
        lock.release()
