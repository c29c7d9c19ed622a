"""Display adapters as Linux shows them under /sys/bus/pci/devices, in a folder of a test's own."""

from __future__ import annotations

from pathlib import Path

DISPLAY, AUDIO = "0x030000", "0x040300"
NVIDIA, AMD, INTEL, VIRTIO = "0x10de", "0x1002", "0x8086", "0x1af4"


def add(
    pci: Path,
    address: str,
    vendor: str,
    *,
    kind: str = DISPLAY,
    device: str = "0x0001",
    status: str = "active",
    **files: str,
) -> Path:
    """Add a device.

    Args:
        pci: The folder that stands for /sys/bus/pci/devices.
        address: Its address.
        vendor: Vendor's number.
        kind: PCI class.
        device: Device's number.
        status: Of its power management.
        files: What its driver adds.
    """
    folder = pci / address
    (folder / "power").mkdir(parents=True)
    for name, text in {"class": kind, "vendor": vendor, "device": device, **files}.items():
        (folder / name).write_text(text + "\n")
    (folder / "power" / "runtime_status").write_text(status + "\n")
    return folder
