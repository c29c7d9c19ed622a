"""How fast this machine is, as Machine shows it: measured or not, when, under which conditions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from garden.core.calibration import Calibration, DeviceSpeed
from garden.core.errors import GardenError
from garden.core.events import MachineRead, SpeedsChanged
from garden.core.job_record import JobRecord
from garden.gui.viewmodels.machine_facts import DeviceFacts
from garden.gui.viewmodels.measuring import Measuring
from garden.gui.viewmodels.readings import begin_calibration, read_calibration
from garden.gui.viewmodels.wording import age

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.services.garden import Garden

#: Title of the job that measures this machine; it has no subtitle.
TITLE = "This machine"


#: Types that are shown, the first that was measured.
_SHOWN = ("Q4_K", "Q4_0", "Q8_0", "F16")

_UNKNOWN = "How fast models answer here is not known yet. Measuring loads small models, made for it, one by one."


class MachineSpeedViewModel(QObject):
    """Knows the calibration of this machine while someone looks, and makes a new one on demand.

    Signals:
        changed: Another calibration is known, or a measurement moved on.
        said: A sentence, and what helps.
    """

    changed = Signal()
    said = Signal(str, str)

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._measuring = Measuring(garden, pump, self)
        self._measuring.moved.connect(self.changed)
        self._measuring.said.connect(self.said)
        self.calibration: Calibration | None = None
        self.read = False
        pump.on(SpeedsChanged, self._on_speeds_changed)
        pump.on(MachineRead, self._on_machine_read)

    @property
    def job(self) -> JobRecord | None:
        """The measurement under way."""
        return self._measuring.job(TITLE, "")

    @property
    def facts(self) -> DeviceFacts:
        """The row's words."""
        if self.job is not None:
            return DeviceFacts(key="speed", icon="clock", title="Speed", note=self.job.note or "Waiting")
        return (
            speed_facts(self.calibration, time.time())
            if self.read
            else DeviceFacts(key="speed", icon="clock", title="Speed")
        )

    def look(self) -> None:
        """Ask for what is known of this machine as it is now."""
        self._pump.run(lambda: read_calibration(self._garden), self._on_read, self._on_failed, receiver=self)

    def measure(self) -> None:
        """Measure this machine."""
        self._measuring.begin(TITLE, "", lambda: begin_calibration(self._garden), "This machine was measured.")

    def cancel(self) -> None:
        """Stop measuring."""
        self._measuring.cancel(TITLE, "")

    def _on_read(self, calibration: Calibration | None) -> None:
        self.calibration, self.read = calibration, True
        self.changed.emit()

    def _on_failed(self, error: GardenError) -> None:
        self.said.emit(error.sentence, error.action)

    def _on_speeds_changed(self, _event: SpeedsChanged) -> None:
        if self.read:
            self.look()

    def _on_machine_read(self, _event: MachineRead) -> None:
        # The power may have been plugged in or out.
        if self.read:
            self.look()


def speed_facts(calibration: Calibration | None, now: float) -> DeviceFacts:
    """The row's words.

    Args:
        calibration: Of this machine as it is now, None when there is none.
        now: Seconds since the epoch.
    """
    if calibration is None:
        return DeviceFacts(key="speed", icon="clock", title="Speed", tag="Not measured", tone="warning", note=_UNKNOWN)
    # The fastest device is where models that fit will run.
    speed = calibration.speeds[-1]
    figure, rest = _bandwidth(speed)
    power = "on battery" if calibration.setup.on_battery else ""
    threads = f"{calibration.setup.threads} thread{'s' if calibration.setup.threads != 1 else ''}"
    parts = [f"Measured {age(calibration.measured_at, now)}", threads, power, _accuracy(speed)]
    note = " · ".join(filter(None, parts))
    disturbance = calibration.disturbance
    if disturbance:
        note += f". {disturbance}"
    return DeviceFacts(
        key="speed",
        icon="clock",
        title="Speed",
        tag="Disturbed" if disturbance else "",
        tone="warning" if disturbance else "plain",
        figure=figure,
        rest=rest,
        note=note,
    )


def _bandwidth(speed: DeviceSpeed) -> tuple[str, str]:
    kind = next((kind for kind in _SHOWN if kind in speed.types), None)
    if kind is None:
        return "", ""
    rate = 1e-9 / speed.types[kind].byte_seconds
    return f"{rate:.1f}" if rate < 99.5 else f"{rate:.0f}", f"GB/s of {kind} weights"


def _accuracy(speed: DeviceSpeed) -> str:
    """How far forecasts of models were off that were timed to check."""
    share = f"{speed.decode_error:.0%}".replace("%", " %")
    return f"{share} off in its own checks" if speed.decode_error else ""
