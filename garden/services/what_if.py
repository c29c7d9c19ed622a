"""Another machine in the place of this one, while the user wants to know how things would run there."""

from __future__ import annotations

import functools
import threading

from garden.core.errors import RefusedError
from garden.core.events import EventBus, WhatIfChanged
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.imagined_machine import ImaginedMachine
from garden.core.paths import resource_path
from garden.core.quantity import GIB
from garden.fit.imagined import imagined_snapshot
from garden.fit.published_machine import PublishedMachine, published_machines
from garden.services.machine import MachineService

#: A machine has at least so much, and at most; what a form lets through is checked here again.
LEAST_BYTES, MOST_BYTES = GIB, 4_096 * GIB


class WhatIfService:
    """Holds the other machine for this session; forecasts that are asked about it use it, loads never do.

    Safe to use from any thread.

    Args:
        bus: Told when another one is chosen.
        machine: This one.
    """

    def __init__(self, bus: EventBus, machine: MachineService) -> None:
        self._bus = bus
        self._machine = machine
        self._lock = threading.Lock()
        self._chosen: ImaginedMachine | None = None
        self._typed: tuple[ImaginedMachine, ...] = ()

    @property
    def chosen(self) -> ImaginedMachine | None:
        """The machine that stands for this one; None for this one itself."""
        return self._chosen

    @property
    def snapshot(self) -> HardwareSnapshot | None:
        """The chosen machine as forecasts see it; None for this one."""
        chosen = self._chosen
        return None if chosen is None else imagined_snapshot(chosen, self._machine.snapshot())

    @property
    def typed(self) -> tuple[ImaginedMachine, ...]:
        """Machines that were typed in, the newest first."""
        return self._typed

    @staticmethod
    @functools.cache
    def catalogue() -> tuple[PublishedMachine, ...]:
        """Machines to pick from.

        Raises:
            InvalidFileError: The catalogue is damaged.
        """
        return published_machines(resource_path("catalogue/machines.json").read_bytes())

    def as_seen(self, machine: ImaginedMachine) -> HardwareSnapshot:
        """Any machine as forecasts see it."""
        return imagined_snapshot(machine, self._machine.snapshot())

    def choose(self, machine: ImaginedMachine | None) -> None:
        """Let a machine stand for this one; None comes back to this one.

        Raises:
            RefusedError: No machine has so much memory, or so little.
        """
        if machine is not None:
            _check(machine)
        with self._lock:
            if machine == self._chosen:
                return
            self._chosen = machine
            if machine is not None and machine.catalogue_id is None:
                self._typed = (machine, *(other for other in self._typed if other != machine))
        self._bus.publish(WhatIfChanged(machine=machine))


def _check(machine: ImaginedMachine) -> None:
    for size in filter(None, (machine.ram_bytes, machine.gpu_bytes)):
        if not LEAST_BYTES <= size <= MOST_BYTES:
            raise RefusedError("No machine has so much memory, or so little.", "Type sizes between 1 and 4,096 GB.")
