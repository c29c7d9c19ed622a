"""One job of this process: its record, its work and what was asked of it. Guarded by the runner's lock."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from typing import Any, assert_never

from garden.core.errors import (
    CancelledByUser,
    DiskFullError,
    GardenError,
    NetworkAwayError,
    OfflineError,
    RateLimitedError,
    may_pass,
)
from garden.core.job_record import JobKind, JobRecord, JobState
from garden.jobs.handle import Handle
from garden.jobs.job_context import JobContext
from garden.jobs.rate_meter import RateMeter

PAUSED_BY_USER = "Paused by you"
PAUSED_AT_CLOSE = "Paused when Garden closed"
PAUSED_OFFLINE = "Paused while Garden works offline"
PAUSED_FOR_SPACE = "Paused until there is room"
INTERRUPTED = "Interrupted; resume to go on"
WAITS_FOR_NETWORK = "Waits for the network"

#: What waits for the network is tried again after so long, then after twice as long, up to some minutes.
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 5.0, 300.0


def _where(kind: JobKind) -> str:
    """Where work is begun that cannot be begun again from its record."""
    match kind:
        case JobKind.DOWNLOAD:
            return "Start it again in Discover."
        case JobKind.QUANTIZE | JobKind.QUALITY:
            return "Start it again in Workshop."
        case JobKind.VERIFY:
            return "Start it again in Library."
        case JobKind.SPEED:
            return "Measure again."
        case JobKind.ENGINE:
            return "Start it again in Machine."
        case JobKind.MOVE:
            return "Start it again in Settings."
        case _:
            assert_never(kind)


class Intent(enum.Enum):
    """Why a run was asked to stop: a cancel clears away what it has made so far, a stop keeps it."""

    CANCEL = "cancel"
    STOP = "stop"
    PAUSE = "pause"
    OFFLINE = "offline"
    CLOSE = "close"

    @property
    def pauses(self) -> bool:
        """Whether the same run goes on later, so that whoever waits for it waits on."""
        return self in (Intent.PAUSE, Intent.OFFLINE)


class Job:
    """Mutable state of one job.

    Attributes:
        record: As last known; replaced, never changed.
        work: What to run; None for a job of an earlier process until somebody resumes it.
        handle: The caller's end.
        spent: Whether the handle has ended or is about to; the next run gets a new one.
        run: Context of the run under way, None while none is.
        intent: Why the run under way was asked to stop.
        published_at: When the last event went out, on the runner's steady clock.
        saved_at: When the log was last written, on the same clock.
        dirty: Whether figures are newer than the last event.
        meter: Speed of the run under way.
        done_before: What was done when the run under way began.
    """

    def __init__(self, record: JobRecord, work: Callable[[JobContext], Any] | None, handle: Handle[Any]) -> None:
        self.record = record
        self.work = work
        self.handle = handle
        self.spent = False
        self.run: JobContext | None = None
        self.intent: Intent | None = None
        self.meter = RateMeter()
        self.published_at = float("-inf")
        self.saved_at = float("-inf")
        self.dirty = False

    def change(self, **fields: Any) -> None:
        """Replace the record by a copy with some fields changed."""
        self.record = dataclasses.replace(self.record, **fields)

    def take_over(self, wall: float) -> None:
        """Turn from what an earlier process left it at: what can go on is paused, the rest has failed."""
        if self.record.state is not JobState.PAUSED:
            if self.record.resumable and self.record.due_at is not None:
                # It waited for the network: nothing was cut short, so it goes on waiting at the next start.
                self.change(state=JobState.PAUSED, note=PAUSED_AT_CLOSE)
            elif self.record.resumable:
                self.change(state=JobState.PAUSED, note=INTERRUPTED)
            else:
                self.change(
                    state=JobState.FAILED,
                    error="Garden ended while this was under way.",
                    action="Start it again." if self.record.target else _where(self.record.kind),
                    ended_at=wall,
                )
        self.change(rate=None, seconds_left=None, due_at=None)
        self.spent = True

    def begin(self, run: JobContext, wall: float) -> None:
        """Turn to running."""
        self.run, self.intent, self.meter = run, None, RateMeter()
        self.done_before = self.record.done
        self.change(state=JobState.RUNNING, note="", error=None, action="", started_at=wall, ended_at=None, due_at=None)

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
        if self.intent is None or (intent in (Intent.CANCEL, Intent.STOP) and self.intent is not Intent.STOP):
            self.intent = intent
        if self.run is not None:
            self.run.cancelled.set()

    def is_over(self, run: JobContext | None) -> bool:
        """Whether a run (or the wait for one, None) has ended already."""
        return self.run is not run or (run is None and self.record.state.ended)

    def settle(
        self,
        error: GardenError | None,
        intent: Intent | None,
        run: JobContext | None,
        wall: float,
        *,
        patient: bool = False,
    ) -> JobState:
        """Turn to where a run (or the wait for one) has ended, and say where that is.

        Args:
            error: What it raised, None when it has a result.
            intent: Why it was asked to stop, None when it was not. A child that was stopped may complain of anything,
                so what was asked for decides.
            run: Knows the file that was made.
            wall: Seconds since the epoch.
            patient: Whether it waits for a network that is away, for as long as that takes.
        """
        record = self.record
        if error is None:
            done = record.done if record.total is None else record.total
            self.change(state=JobState.SUCCEEDED, done=done)
            if run is not None:
                self.change(result_path=run.result_path, result_bytes=run.result_bytes)
        elif intent is Intent.PAUSE:
            self.change(state=JobState.PAUSED, note=PAUSED_BY_USER)
        elif intent is Intent.OFFLINE or (intent is None and isinstance(error, OfflineError) and record.resumable):
            self.change(state=JobState.PAUSED, note=PAUSED_OFFLINE)
        elif intent is Intent.CLOSE and record.resumable:
            self.change(state=JobState.PAUSED, note=PAUSED_AT_CLOSE)
        elif intent is not None or isinstance(error, CancelledByUser):
            self.change(state=JobState.CANCELLED, note="")
        elif isinstance(error, DiskFullError) and record.resumable:
            self.change(state=JobState.PAUSED, note=PAUSED_FOR_SPACE, error=error.sentence, action=error.action)
        elif patient and record.resumable and may_pass(error):
            self._put_off(error, wall)
        else:
            self.change(state=JobState.FAILED, error=error.sentence, action=error.action)
        self.run = None
        if self.record.state is not JobState.WAITING:
            self.change(due_at=None, tries=0)
        self.change(rate=None, seconds_left=None, ended_at=wall if self.record.state.ended else None)
        return self.record.state

    def _put_off(self, error: GardenError, wall: float) -> None:
        """Turn to waiting for a time at which it is tried again."""
        tries = 0 if self.record.done > self.done_before else self.record.tries
        wait = min(_FIRST_WAIT_SECONDS * 2.0 ** min(tries, 20), _LONGEST_WAIT_SECONDS)
        if isinstance(error, RateLimitedError) and error.retry_after_seconds is not None:
            wait = error.retry_after_seconds
        reason = WAITS_FOR_NETWORK if isinstance(error, NetworkAwayError) else error.sentence.rstrip(".")
        self.change(state=JobState.WAITING, note=reason, due_at=wall + wait, tries=tries + 1)
