"""The words of a backend's row on Machine: what it is, whether it is on, what can be done about it."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from garden.core.added_backend import SelfTest
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.job_record import JobRecord, JobState
from garden.core.quantity import format_bytes
from garden.services.engine_backends import BackendStatus

Tone = Literal["plain", "accent", "warning"]


class BackendAction(enum.StrEnum):
    """What a row's button does."""

    SWITCH_ON = "Switch on"
    TRY_AGAIN = "Try again"
    SWITCH_OFF = "Switch off"
    CANCEL = "Cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendFacts:
    """One backend.

    Attributes:
        name: What it is asked for by; of a file that was given, its path.
        title: What it is called.
        tag: A word on its state, empty for none.
        tone: Colour of the tag.
        rest: What stands at the right, muted.
        note: The line below.
        fraction: How far the work is, 0..1; None without a bar.
        actions: Its buttons, the first one first.
    """

    name: str
    title: str
    tag: str = ""
    tone: Tone = "plain"
    rest: str = ""
    note: str = ""
    fraction: float | None = None
    actions: tuple[BackendAction, ...] = ()

    @property
    def sentence(self) -> str:
        """All of it, for a screen reader."""
        return ". ".join(filter(None, (self.title, self.tag, self.rest, self.note)))


def backend_facts(
    found: Sequence[BackendStatus], machine: HardwareSnapshot, jobs: dict[str, JobRecord]
) -> tuple[BackendFacts, ...]:
    """The rows: what is on, under way or was just refused, and what could help this machine.

    Args:
        found: What the service knows.
        machine: Which GPUs there are.
        jobs: The last attempt to add each, by name or path.
    """
    names = {status.name for status in found}
    rows = [_row(status, machine, jobs.get(status.name)) for status in found if _concerns(status, machine, jobs)]
    rows += [_given(path, job) for path, job in jobs.items() if path not in names and _says_something(job)]
    return tuple(rows)


def _concerns(status: BackendStatus, machine: HardwareSnapshot, jobs: dict[str, JobRecord]) -> bool:
    """Whether it is here, or fits this machine; CUDA is for NVIDIA's GPUs alone."""
    if status.record is not None or _says_something(jobs.get(status.name)):
        return True
    fits = status.name != "cuda" or any(gpu.vendor == "nvidia" for gpu in machine.gpus)
    return status.package is not None and fits


def _says_something(job: JobRecord | None) -> bool:
    return job is not None and (not job.state.ended or job.state is JobState.FAILED)


def _row(status: BackendStatus, machine: HardwareSnapshot, job: JobRecord | None) -> BackendFacts:
    title = f"{status.title} backend"
    if job is not None and not job.state.ended:
        return _under_way(status.name, title, job)
    if job is not None and job.state is JobState.FAILED and status.record is None:
        return _refused(status.name, title, job, BackendAction.TRY_AGAIN)
    if status.record is None:
        assert status.package is not None
        return BackendFacts(
            name=status.name,
            title=title,
            rest=format_bytes(status.package.download_bytes),
            note=_offer(status, machine),
            actions=(BackendAction.SWITCH_ON,),
        )
    if status.problem:
        again = (BackendAction.TRY_AGAIN,) if status.package is not None else ()
        return BackendFacts(
            name=status.name,
            title=title,
            tag="Not in use",
            tone="warning",
            note=status.problem,
            actions=(*again, BackendAction.SWITCH_OFF),
        )
    return BackendFacts(
        name=status.name,
        title=title,
        tag="On",
        tone="accent",
        note=f"{_passed(status.record.self_test)} · ggml {status.record.ggml_version}",
        actions=(BackendAction.SWITCH_OFF,),
    )


def _offer(status: BackendStatus, machine: HardwareSnapshot) -> str:
    assert status.package is not None
    whose = "For NVIDIA's GPUs" if status.name == "cuda" else "For GPUs of every vendor"
    text = (
        f"{whose}, without a compiler: fetched by hash from the {status.package.source}, and tried on a small model "
        "before it is used."
    )
    return text if machine.gpus else f"No GPU was found here. {text}"


def _passed(test: SelfTest) -> str:
    text = "the CPU's text" if test.same_text else "the CPU's text but for near ties"
    return f"{', '.join(test.devices)} · tried on {test.tokens} tokens: {text}"


def _under_way(name: str, title: str, job: JobRecord) -> BackendFacts:
    fetching = job.total is not None and job.done < job.total
    amount = f"{format_bytes(job.done)} of {format_bytes(job.total)}" if fetching and job.total and job.done else ""
    waiting = "Waiting for its turn" if job.state is JobState.WAITING else "Fetching it"
    return BackendFacts(
        name=name,
        title=title,
        rest=amount,
        note=job.note or waiting,
        # Once all of it is here nobody knows how long its trial takes; the note says what it does.
        fraction=job.fraction if fetching else None,
        actions=(BackendAction.CANCEL,),
    )


def _refused(name: str, title: str, job: JobRecord, *actions: BackendAction) -> BackendFacts:
    return BackendFacts(
        name=name,
        title=title,
        tag="Stays off",
        tone="warning",
        note=" ".join(filter(None, (job.error, job.action))),
        actions=actions,
    )


def _given(path: str, job: JobRecord) -> BackendFacts:
    if not job.state.ended:
        return _under_way(path, job.title, job)
    return _refused(path, job.title, job, BackendAction.TRY_AGAIN)
