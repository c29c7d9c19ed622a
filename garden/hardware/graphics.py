"""GPUs: which are there, awake or asleep, with how much memory. Looking never wakes one.

Called in the short-lived probe child: NVIDIA's library keeps a laptop's GPU awake as long as a process holds it.
"""

from __future__ import annotations

import dataclasses
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from garden.core.hardware_snapshot import EngineDevice, Gpu
from garden.hardware.amd import read_amd
from garden.hardware.apple import read_apple
from garden.hardware.driven_gpu import driven_gpus
from garden.hardware.nvidia import read_nvidia
from garden.hardware.pci import NAMES, PCI, PLAIN_NAMES, PciDisplay, pci_displays, pci_name
from garden.hardware.windows import read_windows, registry_adapters

#: Where every Intel processor has its integrated GPU; its cards of their own are elsewhere.
_INTEL_INTEGRATED = "00:02.0"

#: Asks NVIDIA's library for GPUs at these addresses, None for all.
NvidiaReader = Callable[[Sequence[str] | None], list[Gpu]]


def any_asleep(pci: Path = PCI) -> bool:
    """Whether a GPU sleeps that a driver, once loaded, might wake. Only Linux tells."""
    return any(display.asleep for display in pci_displays(pci))


def read_gpus(
    devices: Sequence[EngineDevice],
    known: Sequence[Gpu] = (),
    *,
    asked: bool = True,
    pci: Path = PCI,
    nvidia: NvidiaReader = read_nvidia,
    names: Sequence[Path] = NAMES,
) -> tuple[Gpu, ...]:
    """Every GPU of this machine.

    Args:
        devices: What the engine lists; a GPU among them is shown as usable.
        known: GPUs of an earlier look: name and size of one that sleeps now.
        asked: The engine was asked for its devices just now; else they are those of an earlier look, and what they
            say of free memory is old.
        pci: Where Linux lists PCI devices.
        nvidia: Asks NVIDIA's library.
        names: Where Linux keeps the names of PCI devices, for one whose driver gives it none.
    """
    if sys.platform == "darwin":
        return driven_gpus(read_apple(platform.machine()), devices, asked=asked)
    if sys.platform == "win32":
        return driven_gpus(read_windows(registry_adapters(), nvidia(None)), devices, asked=asked)
    displays = pci_displays(pci)
    found = _remembered(_linux(displays, nvidia), known)
    return _named(driven_gpus(found, devices, asked=asked), displays, names)


def _linux(displays: Sequence[PciDisplay], nvidia: NvidiaReader) -> list[Gpu]:
    awake = [display.address for display in displays if display.vendor == "nvidia" and not display.asleep]
    measured = {gpu.address or "": gpu for gpu in nvidia(awake)} if awake else {}
    return [measured.get(display.address) or _read(display) for display in displays]


def _read(display: PciDisplay) -> Gpu:
    if display.vendor == "amd" and not display.asleep:
        return read_amd(display)
    # Intel's drivers tell no sizes; where the engine drives the GPU, its device does.
    return Gpu(
        name=PLAIN_NAMES[display.vendor],
        vendor=display.vendor,
        unified=display.vendor == "intel" and display.address.endswith(_INTEL_INTEGRATED),
        asleep=display.asleep,
        address=display.address,
    )


def _remembered(gpus: list[Gpu], known: Sequence[Gpu]) -> list[Gpu]:
    """Name, size and kind of sleeping GPUs from an earlier look."""
    by_address = {gpu.address: gpu for gpu in known if gpu.address is not None}
    result = []
    for gpu in gpus:
        earlier = by_address.get(gpu.address or "") if gpu.asleep else None
        if earlier is None or earlier.vendor != gpu.vendor:
            result.append(gpu)
            continue
        result.append(
            dataclasses.replace(
                gpu, name=earlier.name, memory_total_bytes=earlier.memory_total_bytes, unified=earlier.unified
            )
        )
    return result


def _named(gpus: Sequence[Gpu], displays: Sequence[PciDisplay], names: Sequence[Path]) -> tuple[Gpu, ...]:
    by_address = {display.address: display for display in displays}
    return tuple(
        dataclasses.replace(gpu, name=pci_name(by_address[gpu.address], names) or gpu.name)
        if gpu.address in by_address and gpu.name in PLAIN_NAMES.values()
        else gpu
        for gpu in gpus
    )
