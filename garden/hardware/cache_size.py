"""How much of the memory the processor keeps close: the size of its last cache."""

from __future__ import annotations

import re
from pathlib import Path

_SIZE = re.compile(r"(\d+)([KMG]?)")
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


def last_cache_bytes(cpus: Path = Path("/sys/devices/system/cpu")) -> int:
    """Bytes of the last caches of all processors together, each counted once; 0 where the system does not say.

    Args:
        cpus: Where Linux describes processors.
    """
    found: dict[tuple[int, str], int] = {}
    for cache in cpus.glob("cpu[0-9]*/cache/index[0-9]*"):
        level, size = _text(cache / "level"), _SIZE.fullmatch(_text(cache / "size"))
        if level.isdigit() and size and _text(cache / "type") != "Instruction":
            found[int(level), _text(cache / "shared_cpu_list")] = int(size[1]) * _UNITS[size[2]]
    last = max((level for level, _shared in found), default=0)
    return sum(size for (level, _shared), size in found.items() if level == last)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
