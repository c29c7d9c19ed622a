"""What Machine shows: the parts of the machine, what they can run, and how good earlier forecasts were."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from garden.core.errors import CancelledByUser, GardenError
from garden.core.events import LibraryChanged, MachineRead, SettingsChanged, WhatIfChanged
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.library_entry import LibraryEntry
from garden.core.paths import resource_path
from garden.core.run_configuration import DEFAULT_CONTEXT_LENGTH
from garden.fit.published_model import published_models
from garden.gui.viewmodels.machine_facts import DeviceFacts, device_facts
from garden.gui.viewmodels.readings import begin_probe, read_entries, read_machine
from garden.gui.viewmodels.run_map import CONTEXTS, RunMap, run_map

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.services.garden import Garden
    from garden.store.forecasts import LoadRecord

#: Between two readings of the memory while someone looks.
READ_INTERVAL_MS = 5_000

#: Readings between two probes of GPUs that the engine uses; a probe is a child of half a second.
_PROBE_TICKS = 6

#: The map is computed anew when this much of the free memory has come or gone.
_MAP_CHANGE = 0.05

#: Types that one chooses between; every other one lies between two of them.
QUANT_TYPES = ("F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K")
KV_TYPES = ("f16", "q8_0", "q4_0")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDot:
    """A model of the library on the chart.

    Attributes:
        name: The model's name.
        parameters: How large it is.
        context_length: The context it would be loaded with.
    """

    name: str
    parameters: int
    context_length: int


class MachineViewModel(QObject):
    """Reads the machine while someone looks; everything slow happens away from the Qt thread.

    Signals:
        read: A new snapshot, or the probe began, ended or failed.
        mapped: ``run_map`` is another one, or is being computed.
        dots_changed: Models of the library came or went.
        audited: ``loads`` were read.
        said: A sentence, and what helps.
    """

    read = Signal()
    mapped = Signal()
    dots_changed = Signal()
    audited = Signal()
    said = Signal(str, str)

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._reading = False
        self._mapping = False
        self._map_again = False
        self._mapped_for: tuple[HardwareSnapshot, str, str] | None = None
        self.snapshot: HardwareSnapshot | None = None
        self.probing = False
        self.problem: GardenError | None = None
        self.run_map: RunMap | None = None
        self.quant_type = "Q4_K_M"
        kv_type = garden.settings.current.kv_type
        self.kv_type = kv_type if kv_type in KV_TYPES else KV_TYPES[0]
        self.loads: tuple[LoadRecord, ...] = ()
        self.audit_read = False
        self.dots: tuple[ModelDot, ...] = ()
        pump.on(MachineRead, self._on_machine_read)
        pump.on(LibraryChanged, self._on_library_changed)
        pump.on(SettingsChanged, self._on_settings_changed)
        pump.on(WhatIfChanged, self._on_what_if_changed)
        self._looked_at = False
        self._timer = QTimer(self)
        self._timer.setInterval(READ_INTERVAL_MS)
        self._timer.timeout.connect(self._on_tick)
        self._ticks = 0

    @property
    def facts(self) -> tuple[DeviceFacts, ...]:
        """The cards' words; empty before the first reading."""
        if self.snapshot is None:
            return ()
        problem = self.problem.sentence if self.problem is not None else ""
        return device_facts(self.snapshot, self._garden.machine.probed, problem)

    @property
    def age_seconds(self) -> float | None:
        """How long ago the memory was read."""
        return None if self.snapshot is None else max(0.0, time.time() - self.snapshot.taken_at)

    @property
    def default_context(self) -> int:
        """The context that models are loaded with unless the user says otherwise."""
        return self._garden.settings.current.context_length or DEFAULT_CONTEXT_LENGTH

    @property
    def subject(self) -> str:
        """The machine that the map is of."""
        chosen = self._garden.what_if.chosen
        return "this machine" if chosen is None else chosen.title

    @property
    def mapping(self) -> bool:
        """Whether the map is being computed."""
        return self._mapping

    def watch(self, looked_at: bool) -> None:
        """Read again and again while the page is seen; look for GPUs and engine if nobody ever has."""
        self._looked_at = looked_at
        if not looked_at:
            self._timer.stop()
            return
        self._timer.start()
        self._pump.run(self._first_look, self._on_first_look, self._on_failed)
        self._read_library()
        self._pump.run(self._read_audit, self._on_audit, self._on_failed)

    @Slot()
    def look(self) -> None:
        """Read the memory."""
        if not self._reading:
            self._reading = True
            self._pump.run(lambda: read_machine(self._garden), self._on_snapshot, self._on_look_failed)

    @Slot()
    def refresh(self) -> None:
        """Look for GPUs and engine again."""
        if self.probing:
            return
        self.probing, self.problem = True, None
        self._pump.begin(lambda: begin_probe(self._garden), self._on_probed, self._on_probe_failed)
        self.read.emit()

    def choose_type(self, quant_type: str) -> None:
        """Draw the map for another type of weights."""
        if quant_type in QUANT_TYPES and quant_type != self.quant_type:
            self.quant_type = quant_type
            self._compute_map()

    def choose_kv_type(self, kv_type: str) -> None:
        """Draw the map for another type of the KV cache."""
        if kv_type in KV_TYPES and kv_type != self.kv_type:
            self.kv_type = kv_type
            self._compute_map()

    # Readings

    @Slot()
    def _on_tick(self) -> None:
        self._ticks += 1
        if self._ticks % _PROBE_TICKS == 0 and self._has_usable_gpu():
            self.refresh()
        else:
            self.look()

    def _has_usable_gpu(self) -> bool:
        """Whether a GPU's free memory matters, which only a probe can read."""
        return self.snapshot is not None and any(gpu.device is not None for gpu in self.snapshot.gpus)

    def _first_look(self) -> HardwareSnapshot | None:
        """Away from the Qt thread: the machine now, None where nobody has looked for GPUs and engine yet."""
        return self._garden.machine.snapshot() if self._garden.machine.probed else None

    def _on_first_look(self, snapshot: HardwareSnapshot | None) -> None:
        if snapshot is not None:
            self._take(snapshot)
        if snapshot is None or self._has_usable_gpu():
            self.refresh()

    def _read_audit(self) -> tuple[LoadRecord, ...]:
        return self._garden.audit.records()

    def _on_snapshot(self, snapshot: HardwareSnapshot) -> None:
        self._reading = False
        self._take(snapshot)

    def _on_look_failed(self, error: GardenError) -> None:
        self._reading = False
        self._on_failed(error)

    def _on_machine_read(self, event: MachineRead) -> None:
        if self._looked_at:
            self._take(event.snapshot)

    def _on_probed(self, snapshot: HardwareSnapshot) -> None:
        self.probing = False
        self._take(snapshot)

    def _on_probe_failed(self, error: GardenError) -> None:
        self.probing = False
        if not isinstance(error, CancelledByUser):
            self.problem = error
            self.said.emit(error.sentence, error.action)
        self.look()
        self.read.emit()

    def _take(self, snapshot: HardwareSnapshot) -> None:
        self.snapshot = snapshot
        self.read.emit()
        self._compute_map()

    # The map

    def _compute_map(self) -> None:
        other = self._garden.what_if.snapshot
        machine = other or self.snapshot
        # Before the first probe GPUs are unknown: a map without them would have to be taken back.
        known = other is not None or self._garden.machine.probed
        if machine is None or not known or not self._is_other(machine):
            return
        if self._mapping:
            self._map_again = True
            return
        self._mapping, self._map_again = True, False
        self._mapped_for = (machine, self.quant_type, self.kv_type)
        quant_type, kv_type = self.quant_type, self.kv_type

        def work() -> RunMap:
            models = published_models(resource_path("catalogue/models.json").read_bytes())
            return run_map(models, machine, quant_type, kv_type)

        self._pump.run(work, self._on_map, self._on_map_failed)
        self.mapped.emit()

    def _on_what_if_changed(self, _event: WhatIfChanged) -> None:
        if self._looked_at:
            self._compute_map()

    def _is_other(self, machine: HardwareSnapshot) -> bool:
        """Whether the map would come out differently from the last one."""
        if self._mapped_for is None:
            return True
        before, quant_type, kv_type = self._mapped_for
        if (quant_type, kv_type) != (self.quant_type, self.kv_type) or len(before.gpus) != len(machine.gpus):
            return True
        pairs = [(before.ram_free_bytes, machine.ram_free_bytes)]
        for old, new in zip(before.gpus, machine.gpus, strict=True):
            if (old.device, old.asleep) != (new.device, new.asleep):
                return True
            pairs.append((old.memory_free_bytes or 0, new.memory_free_bytes or 0))
        return any(abs(new - old) > _MAP_CHANGE * max(old, 1) for old, new in pairs)

    def _on_map(self, found: RunMap) -> None:
        self._mapping = False
        self.run_map = found
        self.mapped.emit()
        if self._map_again:
            self._compute_map()

    def _on_map_failed(self, error: GardenError) -> None:
        self._mapping = False
        self.mapped.emit()
        self._on_failed(error)

    # Library and audit

    def _read_library(self) -> None:
        self._pump.run(lambda: read_entries(self._garden), self._on_entries, self._on_failed)

    def _on_library_changed(self, _event: LibraryChanged) -> None:
        if self._looked_at:
            self._read_library()

    def _on_settings_changed(self, _event: SettingsChanged) -> None:
        if self._looked_at:
            self._read_library()
            self.mapped.emit()

    def _on_entries(self, entries: Sequence[LibraryEntry]) -> None:
        dots = _dots(entries, self.default_context)
        if dots != self.dots:
            self.dots = dots
            self.dots_changed.emit()

    def _on_audit(self, loads: Sequence[LoadRecord]) -> None:
        self.loads = tuple(loads)
        self.audit_read = True
        self.audited.emit()

    def _on_failed(self, error: GardenError) -> None:
        self.said.emit(error.sentence, error.action)


def _dots(entries: Sequence[LibraryEntry], context_length: int) -> tuple[ModelDot, ...]:
    """One dot per model, however many of its quantizations are here."""
    dots: dict[str, ModelDot] = {}
    for entry in entries:
        if entry.parameters and entry.problem is None:
            trained = entry.context_length or context_length
            shown = min(max(min(context_length, trained), CONTEXTS[0]), CONTEXTS[-1])
            dots.setdefault(
                entry.ref.name, ModelDot(name=entry.ref.name, parameters=entry.parameters, context_length=shown)
            )
    return tuple(sorted(dots.values(), key=lambda dot: -dot.parameters))
