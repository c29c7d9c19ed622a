"""Margins from loads: what the process, the driver and the system took beyond what was forecast."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from garden.core.learned_margins import DeviceMargin, LearnedMargins
from garden.core.quantity import MIB
from garden.core.residency import FreeMemory, ResidentForecast, ResidentMarks

#: So many of the newest loads say what this machine does now.
_LOADS_KEPT = 16

#: Fewer loads do not replace the margin that others showed to be safe.
_LEAST_LOADS = 3

#: What a process without a model can be; a figure outside is another fault's.
_PROCESS_RANGE = (16 * MIB, 2_048 * MIB)

#: Free memory moves by itself, since other programs run: less is no margin, and more says nothing of the load.
_RAM_RANGE = (256 * MIB, 1_536 * MIB)

#: Backends that cannot be asked what is free before their context lies on the GPU: the difference misses it.
_ASKING_TAKES = ("CUDA", "ROCm", "MUSA")

#: A driver's context, and what its next version may take more.
_GPU_RANGE, _GPU_SPARE = (64 * MIB, 2_048 * MIB), 64 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenLoad:
    """A load as it was forecast, and as it was seen.

    Attributes:
        resident: Forecast of its resident set.
        marks: Its high-water marks.
        free: Of the RAM and of each GPU, before and after.
        held: Bytes of the engine's buffers by device; those of the RAM are not needed.
        with_gpu: Whether its process had the driver of a GPU loaded.
    """

    resident: ResidentForecast | None
    marks: ResidentMarks
    free: tuple[FreeMemory, ...] = ()
    held: tuple[tuple[str, int], ...] = ()
    with_gpu: bool = False


def learned_margins(loads: Iterable[SeenLoad]) -> LearnedMargins:
    """Learn from loads.

    Args:
        loads: The newest first.
    """
    seen = tuple(loads)
    without = _processes(load for load in seen if not load.with_gpu)
    with_gpu = _processes(load for load in seen if load.with_gpu)
    ram = _ram_shortfalls(seen)
    return LearnedMargins(
        process_bytes=round(statistics.median(without)) if without else None,
        gpu_process_bytes=round(statistics.median(with_gpu)) if with_gpu else None,
        process_loads=len(without) + len(with_gpu),
        ram_bytes=_within(max(ram), _RAM_RANGE) if ram else None,
        ram_loads=len(ram),
        gpus=_gpus(seen),
    )


def _processes(loads: Iterable[SeenLoad]) -> list[int]:
    found = []
    for load in loads:
        peak, resident, marks = load.marks.resident_bytes, load.resident, load.marks
        # Before its first answer a process has not taken all that it will.
        if peak is None or resident is None or not marks.prompt_tokens:
            continue
        rest = peak - resident.beside_process_bytes(marks.prompt_tokens, marks.filled_tokens)
        if _PROCESS_RANGE[0] <= rest <= _PROCESS_RANGE[1]:
            found.append(rest)
    return found[:_LOADS_KEPT]


def _ram_shortfalls(loads: Sequence[SeenLoad]) -> list[int]:
    found = []
    for load in loads:
        free = next((free for free in load.free if free.device == "CPU"), None)
        if free is not None and load.resident is not None:
            found.append(free.taken_bytes - load.resident.after(1, 1))
    return found[:_LOADS_KEPT]


def _gpus(loads: Sequence[SeenLoad]) -> tuple[DeviceMargin, ...]:
    beyond: dict[str, list[int]] = {}
    for load in loads:
        held = dict(load.held)
        for free in load.free:
            # Some backends (Vulkan without VK_EXT_memory_budget) say that all is free whatever they hold.
            told = free.source == "driver" or not free.device.startswith(_ASKING_TAKES)
            if told and free.device != "CPU" and held.get(free.device) and free.taken_bytes >= held[free.device] / 2:
                beyond.setdefault(free.device, []).append(free.taken_bytes - held[free.device])
    return tuple(
        DeviceMargin(
            device=device,
            # The largest but one: once in a while another program takes memory at the same moment.
            size_bytes=_within(sorted(sizes[:_LOADS_KEPT])[-2] + _GPU_SPARE, _GPU_RANGE),
            loads=len(sizes[:_LOADS_KEPT]),
        )
        for device, sizes in beyond.items()
        if len(sizes) >= _LEAST_LOADS
    )


def _within(size: int, bounds: tuple[int, int]) -> int:
    return min(max(size, bounds[0]), bounds[1])
