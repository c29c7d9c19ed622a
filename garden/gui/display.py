"""Whether a window can be opened here at all. Qt does not say so: it aborts the process."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

#: Platforms of Qt that need no display.
_WITHOUT_DISPLAY = frozenset({"offscreen", "minimal", "minimalegl", "vnc", "linuxfb", "eglfs"})

_X_DISPLAY = re.compile(r"(?:unix)?(?P<host>[^:/]*):(?P<number>\d+)(?:\.\d+)?")


def display_problem(environment: Mapping[str, str] | None = None) -> str | None:
    """One sentence on why no window can be opened, None when one can.

    Args:
        environment: Variables of the process; those of this one when None.
    """
    if sys.platform in ("win32", "darwin"):
        return None
    environment = os.environ if environment is None else environment
    if environment.get("QT_QPA_PLATFORM", "").partition(":")[0] in _WITHOUT_DISPLAY:
        return None
    if _wayland_answers(environment):
        return None
    display = environment.get("DISPLAY", "")
    if not display:
        return "There is no display here to open a window on."
    if not _x_answers(display):
        return f"The display {display} does not answer."
    return None


def _wayland_answers(environment: Mapping[str, str]) -> bool:
    name = environment.get("WAYLAND_DISPLAY", "")
    if not name:
        return False
    return _local_answers(str(Path(environment.get("XDG_RUNTIME_DIR", "/nonexistent"), name)))


def _x_answers(display: str) -> bool:
    parsed = _X_DISPLAY.fullmatch(display)
    if parsed is None:
        # A path, as on some systems; Qt knows better than this check.
        return True
    number = int(parsed["number"])
    if parsed["host"]:
        return _connects("AF_INET", (parsed["host"], 6000 + number))
    path = f"/tmp/.X11-unix/X{number}"
    return _local_answers(path) or _connects("AF_UNIX", f"\0{path}")


def _local_answers(path: str) -> bool:
    """Whether someone serves a local socket: the kernel's list says so at once, else a connection."""
    try:
        if any(line.endswith(path) for line in Path("/proc/net/unix").read_text().splitlines()):
            return True
    except OSError:
        pass
    # A socket from outside a container is not in the list of inside.
    return _connects("AF_UNIX", path)


def _connects(family_name: str, address: str | tuple[str, int]) -> bool:
    import socket  # a few milliseconds, mostly not needed

    family = getattr(socket, family_name)
    try:
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.settimeout(2)
            connection.connect(address)
    except OSError:
        return False
    return True
