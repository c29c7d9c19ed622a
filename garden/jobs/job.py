"""One job of this process: its record, its work and what was asked of it. Guarded by the runner's lock."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from typing import Any

from garden.core.job_record import JobRecord, JobState
from garden.jobs.handle import Handle
from garden.jobs.job_context import JobContext
from garden.jobs.rate_meter import RateMeter

#: Events of one job are at least this far apart while it runs.
EVENT_SECONDS = 0.1
#: A running job's figures reach the log this often; its changes of state at once.
SAVE_SECONDS = 1.0
#: How often a rate is looked at again when the work says nothing, so that a stall shows.
STALL_SECONDS = 1.0


class Intent(enum.Enum):
    """Why a run was asked to stop."""

    CANCEL = "cancel"
    PAUSE = "pause"
    CLOSE = "close"


class Job:
    """Mutable state of one job.

    Attributes:
        record: As last known; replaced, never changed.
        work: What to run; None for a job of an earlier process until somebody resumes it.
        handle: The caller's end; a new one when it is resumed or retried after the handle had ended.
        run: Context of the run under way, None while none is.
        intent: Why the run under way was asked to stop.
        published_at: When the last event went out, on the runner's steady clock.
        saved_at: When the log was last written, on the same clock.
        dirty: Whether figures are newer than the last event.
        meter: Speed of the run under way.
    """

    def __init__(self, record: JobRecord, work: Callable[[JobContext], Any] | None, handle: Handle[Any]) -> None:
        self.record = record
        self.work = work
        self.handle = handle
        self.run: JobContext | None = None
        self.intent: Intent | None = None
        self.meter = RateMeter()
        self.published_at = float("-inf")
        self.saved_at = float("-inf")
        self.dirty = False

    def change(self, **fields: Any) -> None:
        """Replace the record by a copy with some fields changed."""
        self.record = dataclasses.replace(self.record, **fields)

    def begin(self, run: JobContext, wall: float) -> None:
        """Turn to running."""
        self.run, self.intent, self.meter = run, None, RateMeter()
        self.change(state=JobState.RUNNING, note="", error=None, action="", started_at=wall, ended_at=None)

    def advance(self, now: float, done: int, total: int | None, note: str) -> None:
        """Take in what the work reports."""
        self.meter.observe(now, done)
        self.change(done=done, total=self.record.total if total is None else total, note=note)
        self.measure(now)
        self.dirty = True

    def measure(self, now: float) -> bool:
        """Work out rate and time left again; whether they changed."""
        rate = self.meter.rate(now)
        left = None
        if rate and self.record.total is not None:
            left = max(0.0, (self.record.total - self.record.done) / rate)
        changed = (rate, left) != (self.record.rate, self.record.seconds_left)
        self.change(rate=rate, seconds_left=left)
        return changed

    def stop(self, intent: Intent) -> None:
        """Ask the run under way to stop; a cancel is not taken back by a later pause."""
        if self.intent is None or intent is Intent.CANCEL:
            self.intent = intent
        if self.run is not None:
            self.run.cancelled.set()
