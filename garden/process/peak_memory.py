"""How much memory this process has held at most."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil


def peak_memory_bytes() -> int:
    """Resident high-water mark of this process, in bytes.

    Linux: ``VmHWM``, since ``ru_maxrss`` starts at what the parent held when it started us. macOS: ``ru_maxrss``.
    Windows: the peak working set.
    """
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    memory = psutil.Process().memory_info()
    return int(getattr(memory, "peak_wset", memory.rss))
