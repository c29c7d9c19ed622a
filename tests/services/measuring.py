"""What tests of measurements look at: their children, and where they make models."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from garden.core.paths import cache_dir


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def children(worker: str) -> list[psutil.Process]:
    """Those of this process that run a worker."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            if worker in child.cmdline():
                found.append(child)
    return found


def made() -> list[Path]:
    """Models to measure with that are there now; the folder is there once one was made."""
    return list((cache_dir() / "scratch").iterdir())
