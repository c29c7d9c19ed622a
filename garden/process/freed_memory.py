"""Memory that this process has freed and its allocator keeps."""

from __future__ import annotations

import contextlib
import ctypes
import sys


def return_freed_memory() -> None:
    """Give it back to the system; does nothing where the C library is not glibc.

    A freed block of up to 32 MiB makes glibc keep blocks of that size from then on (``M_MMAP_THRESHOLD``). The engine
    reads each matrix that it rearranges into a buffer of its own, and the largest of them would stay with the process.
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)
