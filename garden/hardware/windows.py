"""GPUs of a Windows machine, from the registry. Written against recorded values; it was not run on Windows.

``HardwareInformation.qwMemorySize`` has 64 bits. What WMI calls AdapterRAM, and ``HardwareInformation.MemorySize``
beside it, have 32 and end at 4 GiB: they are never read. Whether a GPU sleeps the registry does not say.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterable, Mapping, Sequence

from garden.core.hardware_snapshot import Gpu, Vendor
from garden.core.quantity import GIB

#: Display adapters, one key each: ``0000``, ``0001``, …
CLASS = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"

_VALUES = ("DriverDesc", "MatchingDeviceId", "HardwareInformation.qwMemorySize")
_MOST_ADAPTERS = 64

#: ``PCI\VEN_10DE&DEV_28E0&SUBSYS_…``: adapters of remote desktops and virtual screens are on no PCI bus.
_DEVICE_ID = re.compile(r"pci\\ven_([0-9a-f]{4})&", re.IGNORECASE)

_VENDORS: dict[str, Vendor] = {"10de": "nvidia", "1002": "amd", "8086": "intel"}

#: A carve-out of the RAM for a processor's GPU is smaller than a card's memory.
_SMALLEST_INTEL_CARD, _LARGEST_AMD_CARVE_OUT = 3 * GIB, 4 * GIB

#: One adapter: names of values and what they hold.
Adapter = Mapping[str, object]


def read_windows(adapters: Iterable[Adapter], measured: Sequence[Gpu] = ()) -> list[Gpu]:
    """GPUs of these adapters; NVIDIA's as their own library told.

    A key stays behind when a card is taken out; where NVIDIA's library answers, it alone says what is there.

    Args:
        adapters: Of the registry.
        measured: NVIDIA's GPUs.
    """
    found = list(measured)
    for adapter in adapters:
        matched = _DEVICE_ID.match(str(adapter.get("MatchingDeviceId", "")))
        vendor = _VENDORS.get(matched[1].lower()) if matched else None
        if vendor is None or (vendor == "nvidia" and measured):
            continue
        name = str(adapter.get("DriverDesc", "")) or f"{vendor.upper()} GPU"
        size = _size(adapter.get("HardwareInformation.qwMemorySize"))
        unified = _shares_the_ram(vendor, name, size)
        # A carve-out is not what such a GPU may use; the engine's device will tell that.
        found.append(Gpu(name=name, vendor=vendor, memory_total_bytes=None if unified else size, unified=unified))
    return found


def registry_adapters() -> list[dict[str, object]]:
    """The adapters of this machine's registry; empty on other systems."""
    found: list[dict[str, object]] = []
    if sys.platform == "win32":
        import winreg

        for index in range(_MOST_ADAPTERS):
            with (
                contextlib.suppress(OSError),
                winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, rf"{CLASS}\{index:04d}") as key,
            ):
                values: dict[str, object] = {}
                for name in _VALUES:
                    with contextlib.suppress(OSError):
                        values[name] = winreg.QueryValueEx(key, name)[0]
                found.append(values)
    return found


def _shares_the_ram(vendor: Vendor, name: str, size: int | None) -> bool:
    if vendor == "intel":
        return size is None or size < _SMALLEST_INTEL_CARD
    # ``AMD Radeon(TM) Graphics``, ``AMD Radeon 780M Graphics``; cards are called ``Radeon RX 7900 XT``.
    return vendor == "amd" and "graphics" in name.lower() and (size is None or size <= _LARGEST_AMD_CARVE_OUT)


def _size(value: object) -> int | None:
    """A number of 64 bits, which some drivers store as eight bytes."""
    if isinstance(value, bytes):
        return int.from_bytes(value, "little") or None
    return value if isinstance(value, int) and value > 0 else None
