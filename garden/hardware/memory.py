"""How much memory a new process could take: the machine's, or what its control group leaves of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil

from garden.hardware.control_groups import CGROUPS, PROC, groups_above
from garden.hardware.small_file import small_number, small_text

#: By version: limit, use, and the key of what the kernel gives back when asked.
_FILES = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    2: ("memory.max", "memory.current", "inactive_file"),
}

#: Version 1 writes the largest multiple of a page where there is no limit.
_NO_LIMIT = 2**60


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """RAM at one moment.

    Attributes:
        total_bytes: Of the machine, or of the tightest control group.
        available_bytes: Without swapping, and within every control group above this process.
        limited_by_cgroup: Whether a control group sets the total.
        swap_total_bytes: Never counted as memory.
    """

    total_bytes: int
    available_bytes: int
    limited_by_cgroup: bool
    swap_total_bytes: int


def read_memory(proc: Path = PROC, cgroups: Path = CGROUPS) -> Memory:
    """Read it now, in well under a millisecond.

    Args:
        proc: Where the kernel tells of processes.
        cgroups: Where control groups are mounted.
    """
    machine = psutil.virtual_memory()
    total, available = machine.total, machine.available
    limited = False
    for limit, free in _cgroup_limits(proc, cgroups):
        if limit < total:
            total, limited = limit, True
        available = min(available, free)
    return Memory(
        total_bytes=total,
        available_bytes=max(0, available),
        limited_by_cgroup=limited,
        swap_total_bytes=psutil.swap_memory().total,
    )


def _cgroup_limits(proc: Path, cgroups: Path) -> list[tuple[int, int]]:
    """Limit and free bytes of each control group above this process that has a limit."""
    found = []
    for group in groups_above("memory", proc, cgroups):
        names = _FILES[group.version]
        limit, used = small_number(group.folder / names[0]), small_number(group.folder / names[1])
        if limit is not None and used is not None and limit < _NO_LIMIT:
            found.append((limit, limit - used + _reclaimable(group.folder / "memory.stat", names[2])))
    return found


def _reclaimable(stat: Path, key: str) -> int:
    """Cached file pages that the kernel gives back when asked: free, although the group counts them as used."""
    for line in small_text(stat).splitlines():
        name, _, value = line.partition(" ")
        if name == key and value.isdigit():
            return int(value)
    return 0
