"""GPUs that the engine drives: which device is which GPU, and what its backend says of its memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from garden.core.hardware_snapshot import EngineDevice, Gpu, Vendor
from garden.hardware.pci import PLAIN_NAMES

_VENDORS: tuple[Vendor, ...] = ("nvidia", "amd", "intel", "apple")


def driven_gpus(gpus: Sequence[Gpu], devices: Sequence[EngineDevice], *, asked: bool) -> tuple[Gpu, ...]:
    """The GPUs with the names of their devices, and the engine's figures where the system has none.

    Args:
        gpus: As the system tells.
        devices: As the engine lists them.
        asked: The engine was asked just now, so that what it drives is awake and its figures are fresh.
    """
    left = _of_one_backend([device for device in devices if device.kind in ("gpu", "igpu")])
    matched = []
    for gpu in gpus:
        device = _device_of(gpu, left)
        if device is None:
            matched.append(gpu)
            continue
        left.remove(device)
        matched.append(_driven(gpu, device, asked=asked))
    if not asked:
        # Nobody has seen them just now: one that the system does not list may be gone.
        return tuple(matched)
    return (*matched, *map(_unlisted, left))


def _driven(gpu: Gpu, device: EngineDevice, *, asked: bool) -> Gpu:
    unified, total, free = gpu.unified, gpu.memory_total_bytes, gpu.memory_free_bytes
    # The backend has the driver's word on whether the memory is the GPU's own; sizes alone can mislead.
    if gpu.vendor == "amd" and unified != (device.kind == "igpu"):
        unified, total, free = device.kind == "igpu", None, None
    total = total or device.memory_total_bytes
    free = device.memory_free_bytes if free is None and asked else free
    return dataclasses.replace(
        gpu,
        name=device.description if gpu.name in PLAIN_NAMES.values() else gpu.name,
        device=device.name,
        unified=unified,
        memory_total_bytes=total,
        memory_free_bytes=None if free is None or (gpu.asleep and not asked) else min(free, total),
        asleep=gpu.asleep and not asked,
    )


def _unlisted(device: EngineDevice) -> Gpu:
    """A device that the system does not list: one of another vendor, over the network, or computed by the CPU."""
    free = device.memory_free_bytes
    return Gpu(
        name=device.description,
        vendor=next((vendor for vendor in _VENDORS if vendor in device.description.lower()), "other"),
        memory_total_bytes=device.memory_total_bytes,
        memory_free_bytes=None if free is None else min(free, device.memory_total_bytes),
        unified=device.kind == "igpu",
        device=device.name,
        address=device.address,
    )


def _of_one_backend(devices: Sequence[EngineDevice]) -> list[EngineDevice]:
    """Each GPU once: two backends (CUDA and Vulkan) list the same card, the first is the one that the engine takes."""
    kept: list[EngineDevice] = []
    for device in devices:
        backend = _backend(device)
        if not any(_same_place(other, device) and _backend(other) != backend for other in kept):
            kept.append(device)
    return kept


def _same_place(one: EngineDevice, other: EngineDevice) -> bool:
    if one.address is not None and other.address is not None:
        return one.address == other.address
    return one.description == other.description


def _backend(device: EngineDevice) -> str:
    return device.name.rstrip("0123456789")


def _device_of(gpu: Gpu, devices: Sequence[EngineDevice]) -> EngineDevice | None:
    """By address where both have one; else by what it is called."""
    by_address = next(
        (d for d in devices if gpu.address is not None and _short(d.address) == _short(gpu.address)), None
    )
    if by_address is not None:
        return by_address
    unplaced = [device for device in devices if device.address is None or gpu.address is None]
    return next((device for device in unplaced if _same_name(gpu, device)), None)


def _short(address: str | None) -> str | None:
    """Some backends write the domain with eight digits, Linux writes four."""
    return None if address is None else address[-12:]


def _same_name(gpu: Gpu, device: EngineDevice) -> bool:
    described = device.description.lower()
    return gpu.vendor in described or gpu.name.lower() in described
