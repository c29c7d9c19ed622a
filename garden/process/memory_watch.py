"""Whether memory ran out while a child lived: the kernel counts its kills, other killers leave little memory behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psutil

#: Programs that end others before the kernel must (earlyoom, systemd-oomd) do so below this share of the memory.
LOW_SHARE = 0.1

#: Between two looks at the memory.
_LOOK_SECONDS = 0.5


class MemoryWatch:
    """Watches the memory for as long as a child lives.

    Args:
        proc: Where the kernel tells of processes.
        cgroups: Where control groups are mounted.
    """

    def __init__(self, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> None:
        self._proc = proc
        self._cgroups = cgroups
        self._kills_before = self._kills()
        self._looked_at = float("-inf")
        self._low = False

    def look(self) -> None:
        """Note how much memory is free, at most twice a second: once the child is gone, it is free again."""
        now = time.monotonic()
        if now - self._looked_at < _LOOK_SECONDS:
            return
        self._looked_at = now
        memory = psutil.virtual_memory()
        self._low = memory.available < LOW_SHARE * memory.total

    def ran_out(self) -> bool:
        """Whether the kernel has killed for memory since, or there was little left at the last look."""
        kills = self._kills()
        killed = kills is not None and self._kills_before is not None and kills > self._kills_before
        return killed or self._low

    def _kills(self) -> int | None:
        """How many processes of our control group, or of the machine, were killed for memory; None where none says."""
        for path in (*self._counters(), self._proc / "vmstat"):
            found = _count(path)
            if found is not None:
                return found
        return None

    def _counters(self) -> Iterator[Path]:
        """Files that may count for our group: its own first, then those above."""
        try:
            lines = (self._proc / "self" / "cgroup").read_text().splitlines()
        except OSError:
            return
        for line in lines:
            number, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            if number == "0":  # version 2: one tree
                root, name = self._cgroups, "memory.events"
            elif "memory" in controllers.split(","):
                root, name = self._cgroups / "memory", "memory.oom_control"
            else:
                continue
            folder = root / path.lstrip("/")
            # A container sees its own group as the root of the mount, whatever the path says.
            while folder == root or root in folder.parents:
                yield folder / name
                folder = folder.parent


def _count(path: Path) -> int | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        name, _, value = line.partition(" ")
        if name == "oom_kill" and value.strip().isdigit():
            return int(value)
    return None
