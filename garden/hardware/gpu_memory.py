"""What GPUs have free before and after a load, each told by one and the same source.

NVIDIA's library and amdgpu's files count everything that lies on a GPU, the driver's context of the engine's process
included. The engine's own figure cannot be asked for before that context is there: with CUDA (``cudaMemGetInfo``) the
question makes it. A difference between the one before and the other after would miss the context, or count it twice.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from garden.core.hardware_snapshot import EngineDevice
from garden.core.residency import FreeMemory
from garden.hardware.amd import read_amd
from garden.hardware.nvidia import read_nvidia
from garden.hardware.pci import PCI, pci_displays

#: Free bytes by PCI address.
DriverReading = Callable[[], Mapping[str, int]]


def driver_free(pci: Path = PCI) -> dict[str, int]:
    """Bytes that drivers call free, by PCI address; of GPUs with memory of their own that are awake. Wakes none.

    Args:
        pci: Where Linux lists PCI devices.
    """
    if sys.platform == "darwin":
        return {}
    if sys.platform == "win32":
        gpus = read_nvidia(None)
    else:
        awake = [display for display in pci_displays(pci) if not display.asleep]
        nvidia = [display.address for display in awake if display.vendor == "nvidia"]
        gpus = read_nvidia(nvidia) if nvidia else []
        gpus += [read_amd(display) for display in awake if display.vendor == "amd"]
    return {
        gpu.address: gpu.memory_free_bytes
        for gpu in gpus
        if gpu.address is not None and gpu.memory_free_bytes is not None and not gpu.unified
    }


class GpuMemoryMeter:
    """Compares like with like: made before the engine is loaded, told the devices once it is, asked afterwards.

    Args:
        driver: Asks drivers.
    """

    def __init__(self, driver: DriverReading = driver_free) -> None:
        self._driver = driver
        self._by_driver = driver()
        self._before: dict[str, int] = {}

    def begin(self, devices: Sequence[EngineDevice]) -> None:
        """The engine is loaded, and no model yet: what it says itself."""
        self._before = _by_engine(devices)

    def taken(self, devices: Sequence[EngineDevice]) -> tuple[FreeMemory, ...]:
        """Before and now of each GPU that the engine lists.

        Args:
            devices: As the engine lists them now.
        """
        if not self._before:
            return ()
        by_driver, by_engine = self._driver() if self._by_driver else {}, _by_engine(devices)
        found = []
        for device in devices:
            place = (device.address or "")[-12:]
            if place in self._by_driver and place in by_driver:
                found.append(
                    FreeMemory(
                        device=device.name,
                        before_bytes=self._by_driver[place],
                        after_bytes=by_driver[place],
                        source="driver",
                    )
                )
            elif device.name in self._before and device.name in by_engine:
                found.append(
                    FreeMemory(
                        device=device.name, before_bytes=self._before[device.name], after_bytes=by_engine[device.name]
                    )
                )
        return tuple(found)


def _by_engine(devices: Sequence[EngineDevice]) -> dict[str, int]:
    return {device.name: device.memory_free_bytes for device in devices if device.memory_free_bytes is not None}
