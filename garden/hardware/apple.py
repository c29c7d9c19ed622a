"""GPUs of a Mac, as ``system_profiler`` lists them. Written against recorded answers; it was not run on a Mac.

How much of the memory Apple's GPU may take is Metal's ``recommendedMaxWorkingSetSize``: two thirds of the RAM or more,
depending on its size and on macOS. The engine's Metal device tells it; without that device it is not known here.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

import msgspec

from garden.core.hardware_snapshot import Gpu, Vendor
from garden.core.quantity import GIB, MIB

_COMMAND = ("system_profiler", "SPDisplaysDataType", "-json")
_LIMIT_SECONDS = 20.0

_VENDORS: dict[str, Vendor] = {
    "sppci_vendor_apple": "apple",
    "sppci_vendor_amd": "amd",
    "sppci_vendor_nvidia": "nvidia",
    "intel": "intel",
}

_UNITS = {"MB": MIB, "GB": GIB}


class _Display(msgspec.Struct, frozen=True):
    model: str = msgspec.field(name="sppci_model", default="")
    name: str = msgspec.field(name="_name", default="")
    vendor: str = msgspec.field(name="spdisplays_vendor", default="")
    cores: str = msgspec.field(name="sppci_cores", default="")
    memory: str = msgspec.field(name="spdisplays_vram", default="")


class _Report(msgspec.Struct, frozen=True):
    displays: list[_Display] = msgspec.field(name="SPDisplaysDataType", default_factory=list)


def system_profiler() -> bytes:
    """What the system says of its displays; empty when it says nothing."""
    try:
        done = subprocess.run(_COMMAND, capture_output=True, check=False, timeout=_LIMIT_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout


def read_apple(machine: str, report: Callable[[], bytes] = system_profiler) -> list[Gpu]:
    """GPUs of a Mac.

    Args:
        machine: ``platform.machine()``.
        report: Asks ``system_profiler``.
    """
    try:
        displays = msgspec.json.decode(report(), type=_Report).displays
    except msgspec.DecodeError:
        displays = []
    gpus = [_gpu(display) for display in displays]
    if not gpus and machine == "arm64":
        gpus = [Gpu(name="Apple GPU", vendor="apple", unified=True)]
    return gpus


def _gpu(display: _Display) -> Gpu:
    vendor = _VENDORS.get(display.vendor.lower(), "other")
    name = display.model or display.name or "GPU"
    # M-series chips are sold with more and fewer GPU cores under one name.
    cores = f", {display.cores} cores" if vendor == "apple" and display.cores.isdigit() else ""
    size = _size(display.memory)
    return Gpu(name=f"{name}{cores}", vendor=vendor, memory_total_bytes=size, unified=size is None)


def _size(text: str) -> int | None:
    """``8 GB``, ``1536 MB``: own memory; a GPU that shares the RAM has another key, or none."""
    found = re.fullmatch(r"(\d+) (MB|GB)", text.strip())
    return int(found[1]) * _UNITS[found[2]] if found else None
