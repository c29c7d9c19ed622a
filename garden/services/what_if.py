"""Other machines: how models would run there, and one of them in the place of this one while the user looks around."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import functools
import threading

from garden.core.errors import NotFoundError, RefusedError, StateError
from garden.core.events import EventBus, WhatIfChanged
from garden.core.fit_forecast import FitForecast, SpeedSource
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.imagined_machine import ImaginedMachine
from garden.core.paths import resource_path
from garden.core.quantity import GIB
from garden.core.run_configuration import LoadParameters
from garden.fit import estimator
from garden.fit.imagined import imagined_snapshot, published_speed
from garden.fit.published_machine import PublishedMachine, published_machines
from garden.gguf.header import GgufHeader
from garden.services.machine import MachineService
from garden.services.settings import SettingsService

#: A machine has at least so much, and at most; what a form lets through is checked here again.
LEAST_BYTES, MOST_BYTES = GIB, 4_096 * GIB

#: RAM of the machine around a card, unless the user says otherwise.
RAM_BESIDE_BYTES = 32 * GIB

#: What is compared with at first: the usual sizes of each kind.
_FIRST = (
    "ram-16gb-ddr5-5600",
    "ram-32gb-ddr5-5600",
    "rtx-4090",
    "rx-7900-xt",
    "rtx-3060-12gb",
    "macbook-pro-m4-32gb",
    "macbook-air-m2-16gb",
    "ryzen-ai-max-395-128gb",
)


class WhatIfService:
    """Holds other machines; forecasts that are asked about them use them, loads never do.

    The list is kept; which of them stands for this one is forgotten when the program ends.

    Safe to use from any thread.

    Args:
        bus: Told when another one is chosen, or the list changes.
        machine: This one.
        settings: Keep the list.
    """

    def __init__(self, bus: EventBus, machine: MachineService, settings: SettingsService) -> None:
        self._bus = bus
        self._machine = machine
        self._settings = settings
        self._lock = threading.Lock()
        self._chosen: ImaginedMachine | None = None
        self._machines = settings.current.other_machines

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
    def machines(self) -> tuple[ImaginedMachine, ...]:
        """Machines to compare with, those added last at the end.

        Raises:
            InvalidFileError: The catalogue is damaged.
        """
        with self._lock:
            if self._machines is None:
                known = {machine.id: machine for machine in self.catalogue()}
                self._machines = tuple(known[each].imagined(RAM_BESIDE_BYTES) for each in _FIRST if each in known)
            return self._machines

    @staticmethod
    @functools.cache
    def catalogue() -> tuple[PublishedMachine, ...]:
        """Machines to pick from.

        Raises:
            InvalidFileError: The catalogue is damaged.
        """
        return published_machines(resource_path("catalogue/machines.json").read_bytes())

    def named(self, name: str) -> PublishedMachine:
        """The machine of the catalogue with this name or id; letter case does not matter.

        Raises:
            NotFoundError: There is none, or several.
        """
        wanted = name.strip().casefold()
        catalogue = self.catalogue()
        for machine in catalogue:
            if wanted in (machine.id.casefold(), machine.name.casefold()):
                return machine
        found = found_machines(catalogue, name)
        if len(found) == 1:
            return found[0]
        close = [machine.id for machine in found] or difflib.get_close_matches(
            wanted, [machine.id for machine in catalogue], n=4, cutoff=0.5
        )
        sentence = f"The catalogue has several machines named {name}." if found else f"There is no machine {name}."
        hint = f"Did you mean {', '.join(close[:4])}? " if close else ""
        raise NotFoundError(sentence, f"{hint}garden hardware --catalogue lists them all.")

    def as_seen(self, machine: ImaginedMachine) -> HardwareSnapshot:
        """Any machine as forecasts see it."""
        return imagined_snapshot(machine, self._machine.snapshot())

    def forecast(self, header: GgufHeader, load: LoadParameters, machine: ImaginedMachine) -> FitForecast:
        """How a model would run on a machine.

        Its speed is the most that the published bandwidth of its memory allows, see ``published_speed``.

        Args:
            header: Of the file.
            load: How it would be loaded.
            machine: Where.
        """
        seen = self.as_seen(machine)
        forecast = estimator.forecast(header, load, seen, speeds=published_speed(seen))
        return dataclasses.replace(forecast, speed_source=SpeedSource.ELSEWHERE, speed_runs=0, speed_range=None)

    def choose(self, machine: ImaginedMachine | None) -> None:
        """Let a machine stand for this one; None comes back to this one."""
        with self._lock:
            if machine == self._chosen:
                return
            self._chosen = machine
        self._bus.publish(WhatIfChanged(machine=machine))

    def add(self, machine: ImaginedMachine) -> None:
        """Compare with a further machine; one that is there already stays where it is.

        Raises:
            RefusedError: No machine has so much memory, or so little.
        """
        for size in (machine.ram_bytes, machine.gpu_bytes):
            if size is not None and not LEAST_BYTES <= size <= MOST_BYTES:
                raise RefusedError("No machine has so much memory, or so little.", "Type sizes between 1 and 4,096 GB.")
        there = self.machines
        with self._lock:
            if machine in there:
                return
            self._machines = (*there, machine)
        self._keep()
        self._bus.publish(WhatIfChanged(machine=self._chosen))

    def remove(self, machine: ImaginedMachine) -> None:
        """Compare with it no more; this machine stands for itself again if that one did."""
        there = self.machines
        with self._lock:
            self._machines = tuple(each for each in there if each != machine)
            if self._chosen == machine:
                self._chosen = None
        self._keep()
        self._bus.publish(WhatIfChanged(machine=self._chosen))

    def _keep(self) -> None:
        # Where nothing can be written the list lasts as long as the program.
        with contextlib.suppress(StateError):
            self._settings.change(other_machines=self._machines)


def found_machines(catalogue: tuple[PublishedMachine, ...], text: str) -> tuple[PublishedMachine, ...]:
    """Machines whose name, id or bus contains every word of a text, in the catalogue's order; all for an empty one."""
    words = text.casefold().split()
    return tuple(
        machine
        for machine in catalogue
        if all(word in f"{machine.name} {machine.id} {machine.bus}".casefold() for word in words)
    )
