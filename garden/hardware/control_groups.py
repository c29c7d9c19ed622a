"""Control groups above this process: limits of every one of them bind it, not those of its own group alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from garden.hardware.small_file import small_text

PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """One group.

    Attributes:
        folder: Where its files are.
        version: 1 or 2; they name their files differently.
    """

    folder: Path
    version: int


def groups_above(controller: str, proc: Path = PROC, cgroups: Path = CGROUPS) -> Iterator[ControlGroup]:
    """This process's group and all above it, up to the mount; those that cannot be seen from here included.

    Args:
        controller: ``memory`` or ``cpu``.
        proc: Where the kernel tells of processes.
        cgroups: Where control groups are mounted.
    """
    for line in small_text(proc / "self" / "cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0":  # version 2: one tree
            root, version = cgroups, 2
        elif controller in controllers.split(","):
            root, version = cgroups / controller, 1
        else:
            continue
        folder = root / path.strip().lstrip("/")
        # A container sees its own group as the root of the mount, whatever the path says.
        while folder == root or root in folder.parents:
            yield ControlGroup(folder, version)
            if folder == root:
                break
            folder = folder.parent
