"""The words of one job's row in Activity: what it does, how far, how fast, how long still, and how it ended."""

from __future__ import annotations

import enum
import time
from dataclasses import dataclass

from garden.core.job_record import JobKind, JobRecord, JobState
from garden.core.quantity import format_bytes, format_duration
from garden.gui.viewmodels.wording import date

_DOING = {
    JobKind.DOWNLOAD: "Downloading",
    JobKind.QUANTIZE: "Quantizing",
    JobKind.QUALITY: "Measuring the loss",
    JobKind.VERIFY: "Checking the hash",
    JobKind.SPEED: "Measuring the speed",
    JobKind.ENGINE: "Adding it to the engine",
    JobKind.MOVE: "Moving",
}
_DONE = {
    JobKind.DOWNLOAD: "Downloaded and verified",
    JobKind.QUANTIZE: "Quantized and hashed",
    JobKind.QUALITY: "Loss measured",
    JobKind.VERIFY: "Hash checked",
    JobKind.SPEED: "Speed measured",
    JobKind.ENGINE: "Tested and switched on",
    JobKind.MOVE: "Moved with its files",
}


class Tone(enum.StrEnum):
    """How the state line is coloured."""

    PLAIN = "plain"
    WARNING = "warning"
    DANGER = "danger"


class Section(enum.StrEnum):
    """Where a job stands in the list."""

    UNDER_WAY = "Under way"
    WAITING = "Waiting"
    FINISHED = "Finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLines:
    """What one row shows.

    Attributes:
        section: The group it stands in.
        state: Second line: what it does or how it ended.
        tone: Colour of that line.
        amount: How much, first line on the right.
        detail: How fast and how long still, or when and how long it took.
        fraction: Of the progress bar, None for none.
        stalled: Whether the bar is coloured as a warning.
    """

    section: Section
    state: str
    tone: Tone
    amount: str
    detail: str
    fraction: float | None
    stalled: bool = False


def section_of(job: JobRecord) -> Section:
    """The group that a job stands in."""
    if job.state.ended:
        return Section.FINISHED
    return Section.UNDER_WAY if job.state is JobState.RUNNING else Section.WAITING


def job_lines(job: JobRecord, position: int = 0) -> JobLines:
    """The words for a job.

    Args:
        job: The job now.
        position: Its place among the waiting ones, from 1; 0 when it does not wait.
    """
    stalled = job.state is JobState.RUNNING and job.rate == 0 and job.kind is JobKind.DOWNLOAD
    state, tone = _state_line(job, position, stalled)
    idle = job.state is JobState.WAITING or (job.state is JobState.PAUSED and job.error is not None)
    show_bar = not job.state.ended and (job.done > 0 or not idle)
    return JobLines(
        section=section_of(job),
        state=state,
        tone=tone,
        amount=_amount(job),
        detail=_detail(job),
        fraction=job.fraction if show_bar else None,
        stalled=stalled,
    )


def _state_line(job: JobRecord, position: int, stalled: bool) -> tuple[str, Tone]:
    match job.state:
        case JobState.RUNNING:
            doing = job.note if stalled and job.note else " · ".join(filter(None, (_DOING[job.kind], job.note)))
            return doing, Tone.WARNING if stalled else Tone.PLAIN
        case JobState.WAITING if job.due_at is not None:
            left = max(0.0, job.due_at - time.time())
            return f"{job.note}; next try {f'in {format_duration(left)}' if left >= 1 else 'at its turn'}", Tone.WARNING
        case JobState.WAITING:
            return ("Next in the queue" if position <= 1 else f"Number {position} in the queue"), Tone.PLAIN
        case JobState.PAUSED:
            if job.error:
                return " ".join(filter(None, (job.error, job.action))), Tone.WARNING
            share = f" at {job.fraction:.0%}".replace("%", " %") if job.fraction else ""
            return f"{job.note or 'Paused'}{share}", Tone.PLAIN
        case JobState.SUCCEEDED:
            return _DONE[job.kind], Tone.PLAIN
        case JobState.CANCELLED:
            kept = job.resumable and job.done
            return f"Cancelled; {'what came is kept' if kept else 'nothing is left of it'}", Tone.PLAIN
        case JobState.FAILED:
            return " ".join(filter(None, (job.error, job.action))) or "Failed", Tone.DANGER


def _count(value: float, unit: str) -> str:
    return format_bytes(value) if unit == "bytes" else f"{value:,.0f} {unit}"


def _amount(job: JobRecord) -> str:
    if job.state is JobState.SUCCEEDED and job.kind is JobKind.QUANTIZE:
        # What was counted are the bytes of the source.
        return format_bytes(job.result_bytes) if job.result_bytes is not None else ""
    if job.total is None:
        return _count(job.done, job.unit) if job.done else ""
    if job.state is JobState.SUCCEEDED or not job.done:
        return _count(job.total, job.unit)
    if job.unit != "bytes":
        return f"{job.done:,} of {job.total:,} {job.unit}"
    whole = format_bytes(job.total)
    done = format_bytes(job.done)
    # The unit once, when both have the same.
    return f"{done.rpartition(' ')[0] if done[-3:] == whole[-3:] else done} of {whole}"


def _detail(job: JobRecord) -> str:
    if job.state is JobState.RUNNING:
        if not job.done and not job.rate and job.kind is not JobKind.DOWNLOAD:
            # Only a download is expected to move at once; other work reads its model first.
            return ""
        speed = f"{_count(job.rate, job.unit)}/s" if job.rate is not None else ""
        left = f"{_time_left(job.seconds_left)} left" if job.seconds_left is not None else "time left unknown"
        return " · ".join(filter(None, (speed, left)))
    if job.state is JobState.PAUSED:
        return "resumes where it stopped" if job.resumable else "begins again"
    if job.state.ended and job.ended_at:
        today = time.localtime(job.ended_at)[:3] == time.localtime()[:3]
        clock = time.strftime("%H:%M", time.localtime(job.ended_at))
        clock = clock if today else f"{date(job.ended_at, with_year=False)}, {clock}"
        took = f"took {format_duration(job.ended_at - job.started_at)}" if job.started_at else ""
        return " · ".join(filter(None, (clock, took)))
    return ""


def _time_left(seconds: float) -> str:
    """Whole minutes where it takes minutes: seconds that jump up and down say nothing."""
    return format_duration(round(seconds / 60) * 60 if seconds >= 120 else seconds)
