"""Display adapters on Linux's PCI bus, and which of them sleep: read from what the kernel itself keeps.

``class``, ``vendor``, ``device`` and ``power/runtime_status`` come from the kernel's own memory. Everything else under
a device (``config``, what its driver adds, a render node) may wake it, and is not opened while it sleeps
(Syllo/nvtop#267, aristocratos/btop#1838).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from garden.core.hardware_snapshot import Vendor
from garden.hardware.small_file import small_text

PCI = Path("/sys/bus/pci/devices")

#: Where distributions keep the list of names.
NAMES = (Path("/usr/share/hwdata/pci.ids"), Path("/usr/share/misc/pci.ids"), Path("/usr/share/pci.ids"))

_VENDORS: dict[str, Vendor] = {"0x10de": "nvidia", "0x1002": "amd", "0x8086": "intel"}

#: What a GPU is called until its driver, or the list of names, says more.
PLAIN_NAMES: dict[Vendor, str] = {"nvidia": "NVIDIA GPU", "amd": "AMD GPU", "intel": "Intel GPU"}

#: A device that is on its way to sleep would turn back for whoever opens it.
_ASLEEP = frozenset({"suspended", "suspending"})

_MARKETING_NAME = re.compile(r"\[([^\]]+)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class PciDisplay:
    """A display adapter.

    Attributes:
        folder: Where the kernel describes it.
        vendor: Who made it.
        device: Its number, e.g. ``0x28e0``.
        asleep: Powered down, or about to be.
    """

    folder: Path
    vendor: Vendor
    device: str
    asleep: bool

    @property
    def address(self) -> str:
        """Where it is, e.g. ``0000:01:00.0``."""
        return self.folder.name.lower()


def pci_displays(pci: Path = PCI) -> tuple[PciDisplay, ...]:
    """GPUs of the three vendors that compute; virtual and server-management adapters do not. Wakes none.

    Args:
        pci: Where the kernel lists PCI devices; absent on other systems.
    """
    found = []
    for folder in sorted(pci.glob("*")):
        vendor = _VENDORS.get(small_text(folder / "vendor"))
        if vendor is None or not small_text(folder / "class").startswith("0x03"):
            continue
        found.append(
            PciDisplay(
                folder=folder,
                vendor=vendor,
                device=small_text(folder / "device"),
                asleep=small_text(folder / "power" / "runtime_status") in _ASLEEP,
            )
        )
    return tuple(found)


def pci_name(display: PciDisplay, names: Sequence[Path] = NAMES) -> str | None:
    """The adapter's name by its number, e.g. ``GeForce RTX 4060 Max-Q / Mobile``; None where the list does not have it.

    Args:
        display: The adapter.
        names: Files to look in.
    """
    codes = {vendor: code for code, vendor in _VENDORS.items()}
    wanted, device = codes[display.vendor][2:], display.device.removeprefix("0x").lower()
    for path in names:
        try:
            with path.open(encoding="utf-8", errors="replace") as lines:
                inside = False
                for line in lines:
                    if line[:1] not in ("\t", "#", "\n"):
                        if inside:
                            break
                        inside = line.startswith(wanted)
                    elif inside and line.startswith(f"\t{device} "):
                        full = line.split(maxsplit=1)[1].strip()
                        marketing = _MARKETING_NAME.search(full)
                        return marketing[1] if marketing else full
        except OSError:
            continue
    return None
