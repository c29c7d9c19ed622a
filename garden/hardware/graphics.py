"""GPUs: which are there, awake or asleep, with how much memory. Looking never wakes one.

Called in the short-lived probe child: NVIDIA's library keeps a laptop's GPU awake as long as a process holds it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from garden.core.hardware_snapshot import EngineDevice, Gpu, Vendor
from garden.core.quantity import GIB
from garden.hardware.nvidia import read_nvidia

_VENDORS: dict[str, Vendor] = {"0x10de": "nvidia", "0x1002": "amd", "0x8086": "intel"}
_NAMES = {"nvidia": "NVIDIA GPU", "amd": "AMD GPU", "intel": "Intel GPU"}

#: Where every Intel processor has its integrated GPU; its cards of their own are elsewhere.
_INTEL_INTEGRATED = "00:02.0"


def read_gpus(
    devices: Sequence[EngineDevice],
    known: Sequence[Gpu] = (),
    *,
    pci: Path = Path("/sys/bus/pci/devices"),
    nvidia: Callable[[Mapping[str, bool]], list[Gpu]] = read_nvidia,
) -> tuple[Gpu, ...]:
    """Every GPU of this machine.

    Args:
        devices: What the engine lists; a GPU among them is matched by name, so that it is shown as usable.
        known: GPUs of an earlier look: name and size of one that sleeps now.
        pci: Where Linux lists PCI devices.
        nvidia: Asks NVIDIA's library.
    """
    if sys.platform == "darwin":
        found = _apple()
    elif sys.platform == "win32":
        found = _windows(nvidia({}))
    else:
        found = _linux(pci, nvidia)
    return _match(_remembered(found, known), devices)


def _linux(pci: Path, nvidia: Callable[[Mapping[str, bool]], list[Gpu]]) -> list[Gpu]:
    found: list[Gpu] = []
    asleep: dict[str, bool] = {}
    for device in sorted(pci.glob("*")):
        vendor = _VENDORS.get(_text(device / "vendor"))
        # Display controllers; virtual and server-management adapters compute nothing.
        if vendor is None or not _text(device / "class").startswith("0x03"):
            continue
        sleeps = asleep[device.name.lower()] = _text(device / "power" / "runtime_status") == "suspended"
        if vendor == "amd":
            found.append(_amd(device, sleeps))
        else:
            unified = vendor == "intel" and device.name.endswith(_INTEL_INTEGRATED)
            found.append(Gpu(name=_NAMES[vendor], vendor=vendor, unified=unified, asleep=sleeps))
    awake = [gpu for gpu in found if gpu.vendor == "nvidia" and not gpu.asleep]
    measured = nvidia(asleep) if awake else []
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
    free = max(0, total - used) if total and used is not None and not asleep else None
    return Gpu(
        name=name, vendor="amd", memory_total_bytes=total, memory_free_bytes=free, unified=unified, asleep=asleep
    )


def _apple() -> list[Gpu]:
    if platform.machine() != "arm64":
        return []
    return [Gpu(name="Apple GPU", vendor="apple", unified=True)]


def _windows(measured: list[Gpu]) -> list[Gpu]:
    """Adapters in the registry, with the 64-bit size, since AdapterRAM ends at 4 GiB; NVIDIA's by its own library."""
    found = list(measured)
    if sys.platform == "win32":
        import winreg

        root = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
        for index in range(16):
            with contextlib.suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, rf"{root}\{index:04d}") as key:
                name = str(winreg.QueryValueEx(key, "DriverDesc")[0])
                vendor: Vendor = next((v for v in ("nvidia", "amd", "intel") if v in name.lower()), "other")
                if vendor == "nvidia" and measured:
                    continue
                size = None
                with contextlib.suppress(OSError):
                    raw = winreg.QueryValueEx(key, "HardwareInformation.qwMemorySize")[0]
                    size = int.from_bytes(raw, "little") if isinstance(raw, bytes) else int(raw)
                found.append(Gpu(name=name, vendor=vendor, memory_total_bytes=size, unified=vendor == "intel"))
    return found


def _remembered(gpus: list[Gpu], known: Sequence[Gpu]) -> list[Gpu]:
    """Name and size of sleeping GPUs from an earlier look."""
    left = list(known)
    for gpu in gpus:
        if not gpu.asleep:
            left = _without(left, gpu)
    result = []
    for gpu in gpus:
        earlier = next((old for old in left if old.vendor == gpu.vendor and old.memory_total_bytes), None)
        if not gpu.asleep or gpu.memory_total_bytes or earlier is None:
            result.append(gpu)
            continue
        left.remove(earlier)
        result.append(
            dataclasses.replace(
                gpu, name=earlier.name, memory_total_bytes=earlier.memory_total_bytes, device=earlier.device
            )
        )
    return result


def _without(gpus: list[Gpu], gpu: Gpu) -> list[Gpu]:
    index = next((i for i, other in enumerate(gpus) if other.name == gpu.name), None)
    return gpus if index is None else gpus[:index] + gpus[index + 1 :]


def _match(gpus: list[Gpu], devices: Sequence[EngineDevice]) -> tuple[Gpu, ...]:
    """Say which GPUs the engine drives, and take its memory figures where there are no better ones."""
    free = _of_one_backend([device for device in devices if device.kind in ("gpu", "igpu")])
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
                # What the engine could read is awake by now.
                asleep=False,
            )
        )
    matched += [
        Gpu(
            name=device.description,
            vendor=next((v for v in ("nvidia", "amd", "intel", "apple") if v in device.description.lower()), "other"),
            memory_total_bytes=device.memory_total_bytes,
            memory_free_bytes=min(device.memory_free_bytes, device.memory_total_bytes),
            unified=device.kind == "igpu",
            device=device.name,
        )
        for device in free
    ]
    return tuple(matched)


def _of_one_backend(devices: Sequence[EngineDevice]) -> list[EngineDevice]:
    """Each GPU once: two backends (CUDA and Vulkan) list the same card, the first is the one that the engine takes."""
    kept: list[EngineDevice] = []
    for device in devices:
        backend = _backend(device)
        if not any(other.description == device.description and _backend(other) != backend for other in kept):
            kept.append(device)
    return kept


def _backend(device: EngineDevice) -> str:
    return device.name.rstrip("0123456789")


def _same(gpu: Gpu, device: EngineDevice) -> bool:
    described = device.description.lower()
    return gpu.vendor in described or gpu.name.lower() in described


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
