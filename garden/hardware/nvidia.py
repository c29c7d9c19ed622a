"""NVIDIA's own figures, through its management library.

An open handle keeps a laptop's GPU awake, and opening one wakes it: this is called in the short-lived probe child
only, and not at all while every NVIDIA GPU sleeps.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import psutil

from garden.core.hardware_snapshot import Gpu


def read_nvidia(asleep: Mapping[str, bool]) -> list[Gpu]:
    """NVIDIA GPUs that are awake; opened and closed here. Empty without a driver.

    Args:
        asleep: By PCI address, e.g. ``0000:01:00.0``; those are left alone.
    """
    try:
        import pynvml
    except ImportError:
        return []
    found: list[Gpu] = []
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return found
    try:
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            # NVML writes the domain with eight digits, Linux with four.
            if asleep.get(str(pynvml.nvmlDeviceGetPciInfo(handle).busId).lower()[-12:]):
                continue
            name = str(pynvml.nvmlDeviceGetName(handle))
            try:
                memory = pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)
                total, free, unified = int(memory.total), int(memory.free), False
            except pynvml.NVMLError:
                # Boards with unified memory do not answer; what is free is what the machine has free.
                ram = psutil.virtual_memory()
                total, free, unified = ram.total, ram.available, True
            found.append(
                Gpu(name=name, vendor="nvidia", memory_total_bytes=total, memory_free_bytes=free, unified=unified)
            )
    except pynvml.NVMLError:
        return found
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()
    return found
