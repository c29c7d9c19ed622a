"""A limit on how much more memory this process may take, so that what cannot fit fails here and now."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def limit_growth(extra_bytes: int) -> int | None:
    """Let the address space grow by so much at most; a larger allocation fails instead of waking the OOM killer.

    Linux only: elsewhere the limit does not exist or is not kept. Not for processes with a GPU backend, whose drivers
    reserve far more addresses than memory.

    Args:
        extra_bytes: From now on.

    Returns:
        The limit that held before (−1 for none), None when nothing was set.
    """
    if sys.platform != "linux":
        return None
    import resource

    with contextlib.suppress(ValueError, OSError):
        before, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = _address_space_bytes() + extra_bytes
        resource.setrlimit(resource.RLIMIT_AS, (min([wanted, *(x for x in (before, hard) if x >= 0)]), hard))
        return before
    return None


@contextmanager
def growth_limited(extra_bytes: int) -> Iterator[None]:
    """The same for the length of a block: Python raises MemoryError in it."""
    before = limit_growth(extra_bytes)
    try:
        yield
    finally:
        if before is not None:
            import resource

            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_AS, (before, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _address_space_bytes() -> int:
    import resource

    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
