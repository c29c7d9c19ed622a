"""Speed measurements under way: begun here or elsewhere, followed to their end, cancelled."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from garden.core.errors import CancelledByUser, GardenError
from garden.core.events import JobChanged
from garden.core.job_record import JobKind, JobRecord
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import LoadParameters
from garden.fit.pace import same_pace

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.jobs.handle import Handle
    from garden.services.garden import Garden

#: Stands for the id of a measurement that was asked for and has no record yet.
_UNWRITTEN = ""

#: Said of a measurement whose result is not of what is chosen now.
_WITH_OTHERS = "With the options from before"

#: Title and subtitle of a job.
Subject = tuple[str, str]


class Measuring(QObject):
    """Begins measurements of speed, and follows all there are.

    Signals:
        moved: One began, moved on or ended (title and subtitle of its job).
        said: One that was begun here ended: a sentence, and what helps.
    """

    moved = Signal(str, str)
    said = Signal(str, str)

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._jobs: dict[Subject, JobRecord] = {}
        self._begun: dict[Subject, Handle[Any]] = {}
        self._loads: dict[Subject, LoadParameters] = {}
        pump.on(JobChanged, self._on_job_changed)

    def job(self, title: str, subtitle: str, load: LoadParameters | None = None) -> JobRecord | None:
        """How far the measurement of a subject is, None while there is none.

        Args:
            title: Of its job.
            subtitle: Likewise.
            load: What is chosen now; the note tells when something else is being measured.
        """
        subject = (title, subtitle)
        job, measured = self._jobs.get(subject), self._loads.get(subject)
        if job is None or load is None or measured is None or same_pace(measured, load):
            return job
        return dataclasses.replace(job, note=f"{_WITH_OTHERS} · {job.note or 'waiting'}")

    def begin(
        self,
        title: str,
        subtitle: str,
        start: Callable[[], Handle[Any]],
        done: str,
        load: LoadParameters | None = None,
    ) -> None:
        """Measure; one that is under way goes on instead.

        Args:
            title: Of the job that ``start`` begins.
            subtitle: Likewise.
            start: Begins it, away from the Qt thread.
            done: What to say when it has succeeded.
            load: What is measured, as far as it is chosen.
        """
        subject = (title, subtitle)
        if subject in self._jobs:
            return
        if load is not None:
            self._loads[subject] = load
        self._jobs[subject] = JobRecord(id=_UNWRITTEN, kind=JobKind.SPEED, title=title, subtitle=subtitle)
        self._begun[subject] = self._pump.begin(
            start,
            lambda _result: self._end(subject, done, ""),
            lambda error: self._on_failed(subject, error),
            receiver=self,
        )
        self.moved.emit(*subject)

    def cancel(self, title: str, subtitle: str) -> None:
        """Stop it; nothing of it is kept."""
        subject = (title, subtitle)
        begun, job = self._begun.get(subject), self._jobs.get(subject)
        if begun is not None:
            begun.cancel()
        elif job is not None:
            self._pump.do(lambda: self._garden.activity.cancel(job.id), self._on_cancel_failed)

    def _on_job_changed(self, event: JobChanged) -> None:
        job = event.job
        if job.kind is not JobKind.SPEED:
            return
        subject = (job.title, job.subtitle)
        if job.state.ended:
            self._jobs.pop(subject, None)
        else:
            self._jobs[subject] = job
        self.moved.emit(*subject)

    def _on_failed(self, subject: Subject, error: GardenError) -> None:
        cancelled = isinstance(error, CancelledByUser)
        self._end(subject, "" if cancelled else error.sentence, "" if cancelled else error.action)

    def _end(self, subject: Subject, sentence: str, action: str) -> None:
        self._begun.pop(subject, None)
        self._loads.pop(subject, None)
        self._jobs.pop(subject, None)
        self.moved.emit(*subject)
        if sentence:
            self.said.emit(sentence, action)

    def _on_cancel_failed(self, error: GardenError) -> None:
        self.said.emit(error.sentence, error.action)


def measured_sentence(ref: ModelRef, load: LoadParameters | None) -> str:
    """What to say when a file was measured: with which options, since others may be chosen by then."""
    name = " ".join(filter(None, (ref.name, ref.quant_type)))
    if load is None:
        return f"The speed of {name} was measured."
    cache = load.type_k if load.type_k == load.type_v else f"{load.type_k} and {load.type_v}"
    threads = f"{load.threads} thread{'s' if load.threads != 1 else ''}"
    return f"The speed of {name} was measured, with KV {cache} and {threads}."
