"""Backends that the engine can be given on this machine: listed, switched on and off, with the work under way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from garden.core.errors import CancelledByUser, GardenError
from garden.core.events import JobChanged, MachineRead
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.job_record import JobKind, JobRecord
from garden.gui.viewmodels.backend_facts import BackendAction, BackendFacts, backend_facts
from garden.services.engine_backends import BackendStatus, wanted_by

if TYPE_CHECKING:
    from garden.core.added_backend import AddedBackend
    from garden.gui.bridge.event_pump import EventPump
    from garden.services.garden import Garden


class BackendsViewModel(QObject):
    """Follows the backends while someone looks.

    Signals:
        changed: ``rows`` are others.
        said: A sentence, and what helps.
    """

    changed = Signal()
    said = Signal(str, str)

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._looked_at = False
        self._found: tuple[BackendStatus, ...] = ()
        #: The last attempt of this session to add each, by name or path.
        self._jobs: dict[str, JobRecord] = {}
        self.rows: tuple[BackendFacts, ...] = ()
        pump.on(JobChanged, self._on_job_changed)
        pump.on(MachineRead, self._on_machine_read)

    def watch(self, looked_at: bool) -> None:
        """Read what there is, when the page is seen."""
        self._looked_at = looked_at
        if looked_at:
            self._read()

    def act(self, name: str, action: BackendAction) -> None:
        """Do what a row's button says.

        Args:
            name: Of the row.
            action: Of the button.
        """
        match action:
            case BackendAction.CANCEL:
                if (job := self._jobs.get(name)) is not None:
                    self._garden.activity.cancel(job.id)
            case BackendAction.SWITCH_OFF:
                self._pump.run(lambda: self._garden.backends.remove(name), self._on_removing, self._on_failed)
            case BackendAction.SWITCH_ON | BackendAction.TRY_AGAIN:
                self._jobs.pop(name, None)
                if "/" in name or "\\" in name:
                    self.add_file(Path(name))
                else:
                    self._pump.run(lambda: self._garden.backends.add(name), self._on_adding, self._on_failed)

    def add_file(self, path: Path) -> None:
        """Try a backend that was given by hand, and switch it on."""
        self._pump.run(lambda: self._garden.backends.add_file(path), self._on_adding, self._on_failed)

    # What comes back

    def _read(self) -> None:
        self._pump.run(self._garden.backends.status, self._on_status, self._on_failed)

    def _on_status(self, found: Sequence[BackendStatus]) -> None:
        self._found = tuple(found)
        self._show()

    def _on_adding(self, handle: object) -> None:
        from garden.jobs.handle import Handle

        assert isinstance(handle, Handle)
        self._pump.watch(handle, self._on_added, self._on_refused)

    def _on_removing(self, handle: object) -> None:
        from garden.jobs.handle import Handle

        assert isinstance(handle, Handle)
        self._read()
        self._pump.watch(handle, self._on_removed, self._on_failed)

    def _on_added(self, record: AddedBackend) -> None:
        self.said.emit(f"{record.backend} is switched on: {', '.join(record.self_test.devices)}.", "")
        self._read()

    def _on_removed(self, _machine: HardwareSnapshot) -> None:
        self.said.emit("The engine is as it was without it.", "Models that are loaded keep it until they are unloaded.")
        self._read()

    def _on_refused(self, error: GardenError) -> None:
        # The row says why; so does Activity.
        if not isinstance(error, CancelledByUser):
            self.said.emit(error.sentence, error.action)
        self._read()

    def _on_failed(self, error: GardenError) -> None:
        if not isinstance(error, CancelledByUser):
            self.said.emit(error.sentence, error.action)

    def _on_job_changed(self, event: JobChanged) -> None:
        if event.job.kind is JobKind.ENGINE:
            self._jobs[wanted_by(event.job)] = event.job
            self._show()

    def _on_machine_read(self, _event: MachineRead) -> None:
        if self._looked_at:
            self._read()

    def _show(self) -> None:
        rows = backend_facts(self._found, self._garden.machine.snapshot(), self._jobs)
        if rows != self.rows:
            self.rows = rows
            self.changed.emit()
