"""Which process wrote a row, and whether it still runs: a process id alone is used again."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

import psutil

#: A start time is told in clock ticks since a boot time that the system rounds to seconds.
_TOLERANCE_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    """A process of this machine.

    Attributes:
        pid: Its id.
        started_at: Seconds since the epoch, as the system tells it.
    """

    pid: int
    started_at: float

    @property
    def alive(self) -> bool:
        """Whether that very process still runs."""
        try:
            process = psutil.Process(self.pid)
            return (
                abs(process.create_time() - self.started_at) <= _TOLERANCE_SECONDS
                and process.status() != psutil.STATUS_ZOMBIE
            )
        except psutil.NoSuchProcess:
            return False
        except psutil.Error:
            # Another user's process: it is there, more cannot be told.
            return True


def identity_of(pid: int) -> ProcessIdentity | None:
    """The process that has this id now, None when there is none."""
    try:
        return ProcessIdentity(pid=pid, started_at=psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def this_process() -> ProcessIdentity:
    """This process."""
    return _identity_once(os.getpid())


@cache
def _identity_once(pid: int) -> ProcessIdentity:
    return ProcessIdentity(pid=pid, started_at=psutil.Process(pid).create_time())
