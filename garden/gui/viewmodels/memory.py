"""What every memory meter shows: memory in use now, and what the model at hand would take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from garden.core.errors import GardenError
from garden.core.events import MachineRead
from garden.gui.viewmodels.readings import read_machine

if TYPE_CHECKING:
    from garden.core.hardware_snapshot import HardwareSnapshot
    from garden.gui.bridge.event_pump import EventPump
    from garden.services.garden import Garden

#: Between two readings while the window is in front.
READ_INTERVAL_MS = 3_000


class MemoryViewModel(QObject):
    """Reads the machine while someone looks, and not when the window is in the background.

    Signals:
        changed: A new reading, or another plan.
    """

    changed = Signal()

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._reading = False
        self.snapshot: HardwareSnapshot | None = None
        self.planned_ram_bytes = 0
        self.planned_gpu_bytes = 0
        self._timer = QTimer(self)
        self._timer.setInterval(READ_INTERVAL_MS)
        self._timer.timeout.connect(self.read)
        pump.on(MachineRead, self._on_machine_read)

    def watch(self, looked_at: bool) -> None:
        """Read again and again while the window is in front."""
        if looked_at and not self._timer.isActive():
            self._timer.start()
            self.read()
        elif not looked_at:
            self._timer.stop()

    def plan(self, ram_bytes: int, gpu_bytes: int) -> None:
        """Show what the model at hand would take; zeros show nothing."""
        if (ram_bytes, gpu_bytes) != (self.planned_ram_bytes, self.planned_gpu_bytes):
            self.planned_ram_bytes, self.planned_gpu_bytes = ram_bytes, gpu_bytes
            self.changed.emit()

    @Slot()
    def read(self) -> None:
        """Take a reading away from the Qt thread; the first may have to wait for a child."""
        if not self._reading:
            self._reading = True
            self._pump.run(lambda: read_machine(self._garden), self._on_snapshot, self._on_failed)

    def _on_snapshot(self, snapshot: HardwareSnapshot) -> None:
        self._reading = False
        self._show(snapshot)

    def _on_failed(self, _error: GardenError) -> None:
        # The meter keeps its last figures; the Machine page says what is wrong.
        self._reading = False

    def _on_machine_read(self, event: MachineRead) -> None:
        self._show(event.snapshot)

    def _show(self, snapshot: HardwareSnapshot) -> None:
        if snapshot != self.snapshot:
            self.snapshot = snapshot
            self.changed.emit()
