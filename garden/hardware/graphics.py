"""GPUs: which are there, awake or asleep, with how much memory. Looking never wakes one.

Called in the short-lived probe child: NVIDIA's library keeps a laptop's GPU awake as long as a process holds it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

from garden.core.hardware_snapshot import EngineDevice, Gpu

_VENDORS = {"0x10de": "nvidia", "0x1002": "amd", "0x8086": "intel"}
_NAMES = {"nvidia": "NVIDIA GPU", "amd": "AMD GPU", "intel": "Intel GPU"}

GIB = 1024**3


def read_gpus(devices: Sequence[EngineDevice], pci: Path = Path("/sys/bus/pci/devices")) -> tuple[Gpu, ...]:
    """Every GPU of this machine.

    Args:
        devices: What the engine lists; a GPU among them is matched by name, so that it is shown as usable.
        pci: Where Linux lists PCI devices.
    """
    if sys.platform == "darwin":
        found = _apple()
    elif sys.platform == "win32":
        found = _nvidia({}) or _windows()
    else:
        found = _linux(pci)
    return _match(found, devices)


def _linux(pci: Path) -> list[Gpu]:
    found: list[Gpu] = []
    asleep: dict[str, bool] = {}
    for device in sorted(pci.glob("*")):
        if not _text(device / "class").startswith("0x03"):
            continue
        vendor = _VENDORS.get(_text(device / "vendor"))
        if vendor is None:
            continue  # virtual and server-management adapters compute nothing
        asleep[device.name.lower()] = _text(device / "power" / "runtime_status") == "suspended"
        if vendor == "amd":
            found.append(_amd(device, asleep[device.name.lower()]))
        elif vendor == "intel":
            found.append(Gpu(name="Intel GPU", vendor="intel", unified=True, asleep=asleep[device.name.lower()]))
        else:
            found.append(Gpu(name=_NAMES[vendor], vendor=vendor, asleep=asleep[device.name.lower()]))
    awake = [gpu for gpu in found if gpu.vendor == "nvidia" and not gpu.asleep]
    if awake:
        measured = _nvidia(asleep)
        if measured:
            found = [gpu for gpu in found if gpu not in awake] + measured
    return found


def _amd(device: Path, asleep: bool) -> Gpu:
    vram, vram_used = _number(device / "mem_info_vram_total"), _number(device / "mem_info_vram_used")
    gtt, gtt_used = _number(device / "mem_info_gtt_total"), _number(device / "mem_info_gtt_used")
    # An integrated one has a small carve-out of its own and borrows the rest.
    unified = bool(vram and gtt and vram <= 4 * GIB and gtt >= 8 * GIB and gtt >= 4 * vram)
    total, used = (gtt, gtt_used) if unified else (vram, vram_used)
    name = _text(device / "product_name") or ("AMD Radeon, integrated" if unified else "AMD Radeon")
    free = total - used if total and used is not None and not asleep else None
    return Gpu(
        name=name, vendor="amd", memory_total_bytes=total, memory_free_bytes=free, unified=unified, asleep=asleep
    )


def _nvidia(asleep: dict[str, bool]) -> list[Gpu]:
    """NVIDIA's own figures; opened and closed here. Empty without a driver."""
    try:
        import pynvml
    except ImportError:
        return []
    found = []
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            bus = str(pynvml.nvmlDeviceGetPciInfo(handle).busId).lower()[-12:]
            if asleep.get(bus):
                continue
            name = str(pynvml.nvmlDeviceGetName(handle))
            try:
                memory = pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)
                found.append(
                    Gpu(
                        name=name,
                        vendor="nvidia",
                        memory_total_bytes=int(memory.total),
                        memory_free_bytes=int(memory.free),
                    )
                )
            except pynvml.NVMLError:
                # Boards with unified memory do not answer; what is free is what the machine has free.
                ram = psutil.virtual_memory()
                found.append(
                    Gpu(
                        name=name,
                        vendor="nvidia",
                        memory_total_bytes=ram.total,
                        memory_free_bytes=ram.available,
                        unified=True,
                    )
                )
    except pynvml.NVMLError:
        return found
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()
    return found


def _apple() -> list[Gpu]:
    if platform.machine() != "arm64":
        return []
    return [Gpu(name="Apple GPU", vendor="apple", unified=True)]


def _windows() -> list[Gpu]:
    """Adapters in the registry; the 64-bit size, since AdapterRAM ends at 4 GiB."""
    found: list[Gpu] = []
    if sys.platform == "win32":
        import winreg

        root = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
        for index in range(16):
            with contextlib.suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, rf"{root}\{index:04d}") as key:
                name = str(winreg.QueryValueEx(key, "DriverDesc")[0])
                size = None
                with contextlib.suppress(OSError):
                    size = int(winreg.QueryValueEx(key, "HardwareInformation.qwMemorySize")[0])
                vendor = next((v for v in ("nvidia", "amd", "intel") if v in name.lower()), "other")
                found.append(Gpu(name=name, vendor=vendor, memory_total_bytes=size, unified=vendor == "intel"))
    return found


def _match(gpus: list[Gpu], devices: Sequence[EngineDevice]) -> tuple[Gpu, ...]:
    """Say which GPUs the engine drives, and take its memory figures where there are no better ones."""
    free = [device for device in devices if device.kind in ("gpu", "igpu")]
    matched = []
    for gpu in gpus:
        device = next((d for d in free if _same(gpu, d)), None)
        if device is None:
            matched.append(gpu)
            continue
        free.remove(device)
        total = gpu.memory_total_bytes or device.memory_total_bytes
        left = gpu.memory_free_bytes if gpu.memory_free_bytes is not None else device.memory_free_bytes
        matched.append(
            dataclasses.replace(
                gpu,
                name=gpu.name if gpu.name not in _NAMES.values() else device.description,
                device=device.name,
                memory_total_bytes=total,
                memory_free_bytes=min(left, total),
            )
        )
    for device in free:
        matched.append(
            Gpu(
                name=device.description,
                vendor=next(
                    (v for v in ("nvidia", "amd", "intel", "apple") if v in device.description.lower()), "other"
                ),
                memory_total_bytes=device.memory_total_bytes,
                memory_free_bytes=min(device.memory_free_bytes, device.memory_total_bytes),
                unified=device.kind == "igpu",
                device=device.name,
            )
        )
    return tuple(matched)


def _same(gpu: Gpu, device: EngineDevice) -> bool:
    described = device.description.lower()
    return (
        gpu.vendor in described or gpu.name.lower() in described or (gpu.vendor == "apple" and device.name == "Metal")
    )


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
