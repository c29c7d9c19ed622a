"""How much memory a new process could take: the machine's, or what its control group leaves of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil


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


def read_memory(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> Memory:
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
    for line in _text(proc / "self" / "cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0":  # version 2: one tree
            root, names = cgroups, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root = cgroups / "memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        folder = root / path.lstrip("/")
        # A container sees its own group as the root of the mount, whatever the path says.
        while folder == root or root in folder.parents:
            limit, used = _number(folder / names[0]), _number(folder / names[1])
            if limit is not None and used is not None and limit < 2**60:
                found.append((limit, limit - used + _reclaimable(folder / "memory.stat", names[2])))
            if folder == root:
                break
            folder = folder.parent
    return found


def _reclaimable(stat: Path, key: str) -> int:
    """Cached file pages that the kernel gives back when asked: free, although the group counts them as used."""
    for line in _text(stat).splitlines():
        name, _, value = line.partition(" ")
        if name == key and value.isdigit():
            return int(value)
    return 0


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
