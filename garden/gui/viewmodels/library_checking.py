"""Hashes of models that are being computed, each with how far it is; any can be stopped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from garden.core.errors import CancelledByUser, GardenError
from garden.core.events import JobChanged
from garden.core.job_record import JobKind
from garden.core.library_entry import LibraryEntry
from garden.gui.viewmodels.wording import about

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.jobs.handle import Handle
    from garden.services.garden import Garden


@dataclass(slots=True)
class _Check:
    """One that is under way: its handle, and the id of its job once that was begun."""

    entry: LibraryEntry
    handle: Handle[bool | None] | None = None
    job_ids: list[str] = field(default_factory=list)


class LibraryChecking(QObject):
    """Runs them.

    Signals:
        moved: How far a model is: the entry, and a share from 0 to 1, None once it is over.
        ended: One ended by itself, so that more is known of its model.
        said: What came of it: a sentence, and what helps.
    """

    moved = Signal(object, object)
    ended = Signal()
    said = Signal(str, str)

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._checks: dict[str | None, _Check] = {}
        pump.on(JobChanged, self._on_job_changed)

    def begin(self, entry: LibraryEntry) -> None:
        """Hash a model and compare with what was promised, unless that is under way."""
        if entry.ref.path in self._checks:
            return
        check = self._checks[entry.ref.path] = _Check(entry)

        def start() -> Handle[bool | None]:
            handle = self._garden.library.verify(entry)
            check.job_ids.append(handle.id)
            return handle

        self.moved.emit(entry, 0.0)
        check.handle = self._pump.begin(
            start,
            lambda same: self._on_done(entry, same),
            lambda error: self._on_failed(entry, error),
            receiver=self,
        )

    def stop(self, entry: LibraryEntry) -> None:
        """Hash it no further; what was known of it stays."""
        check = self._checks.get(entry.ref.path)
        if check is not None and check.handle is not None:
            check.handle.cancel()

    def _on_job_changed(self, event: JobChanged) -> None:
        job = event.job
        if job.kind is not JobKind.VERIFY or not job.total or job.state.ended:
            return
        for check in self._checks.values():
            if job.id in check.job_ids:
                self.moved.emit(check.entry, min(1.0, job.done / job.total))

    def _over(self, entry: LibraryEntry) -> None:
        self._checks.pop(entry.ref.path, None)
        self.moved.emit(entry, None)

    def _on_done(self, entry: LibraryEntry, same: bool | None) -> None:
        self._over(entry)
        if same is None:
            self.said.emit(f"Nobody promised a hash for {entry.ref.name}; the one it has is noted.", "")
        elif same:
            self.said.emit(f"{entry.ref.name} is what it should be: the hashes are equal.", "")
        else:
            self.said.emit(f"{entry.ref.name} differs from what was promised.", "Remove it and fetch it again.")
        self.ended.emit()

    def _on_failed(self, entry: LibraryEntry, error: GardenError) -> None:
        self._over(entry)
        if not isinstance(error, CancelledByUser):
            self.said.emit(about(entry.ref.name, error.sentence), error.action)
