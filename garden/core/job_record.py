"""Long work as Activity lists it: what, how far, how fast, how long still, and how it ended."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal

#: What work is counted in.
JobUnit = Literal["bytes", "tokens", "items"]


class JobKind(enum.StrEnum):
    """What kind of work it is."""

    DOWNLOAD = "download"
    QUANTIZE = "quantize"
    QUALITY = "quality"
    VERIFY = "verify"
    SPEED = "speed"
    ENGINE = "engine"
    MOVE = "move"


class JobState(enum.StrEnum):
    """Where it stands."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """One piece of long work at one moment.

    Attributes:
        id: Stable identifier.
        kind: What it is.
        title: The model's name.
        subtitle: Type or further name, e.g. ``Q4_K_M``.
        state: Where it stands.
        note: What it is doing now, e.g. the tensor's name, or that it stalls.
        done: Work done, in ``unit``.
        total: Work in all, None when unknown.
        unit: What it is counted in.
        rate: Units per second over the last seconds, None when unknown; 0 in a stall.
        seconds_left: None when unknown.
        resumable: Whether it can be paused and goes on from where it stopped.
        target: What to run again: a JSON document that the owning service understands.
        reads: Paths of the models that it reads: they stay where they are while it is under way.
        error: One sentence, None unless it failed.
        action: What helps.
        result_path: A file to open or show, None when there is none.
        result_bytes: Size of what was made, None where that is ``total`` or nothing was made.
        place: Where it stands in its process's queue, the smaller the sooner; 0 before it was queued.
        due_at: It waits for something outside and is tried again then (seconds since the epoch); None otherwise.
        tries: How often in a row it was put off so.
        created_at: Seconds since the epoch.
        started_at: Seconds since the epoch.
        ended_at: Seconds since the epoch.
    """

    id: str
    kind: JobKind
    title: str
    subtitle: str = ""
    state: JobState = JobState.WAITING
    note: str = ""
    done: int = 0
    total: int | None = None
    unit: JobUnit = "bytes"
    rate: float | None = None
    seconds_left: float | None = None
    resumable: bool = False
    target: str = ""
    reads: tuple[str, ...] = ()
    error: str | None = None
    action: str = ""
    result_path: str | None = None
    result_bytes: int | None = None
    place: int = 0
    due_at: float | None = None
    tries: int = 0
    created_at: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None

    @property
    def fraction(self) -> float | None:
        """Share done, 0..1, None when the total is unknown."""
        return min(1.0, self.done / self.total) if self.total else None
