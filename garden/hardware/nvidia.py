"""NVIDIA's own figures, through its management library (NVML).

An open handle keeps a laptop's GPU awake, and opening one wakes it: this is called in the short-lived probe child
only, and asks by address for GPUs that are awake.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Sequence
from typing import Any

from garden.core.hardware_snapshot import Gpu
from garden.hardware.memory import read_memory


def read_nvidia(addresses: Sequence[str] | None) -> list[Gpu]:
    """GPUs that NVML tells of; opened and closed here. Empty without a driver.

    Args:
        addresses: PCI addresses of GPUs that are awake, e.g. ``0000:01:00.0``; None for all that there are, where the
            system does not say which of them sleep.
    """
    try:
        nvml: Any = importlib.import_module("pynvml")
    except ImportError:
        return []
    found: list[Gpu] = []
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return found
    try:
        wanted = range(nvml.nvmlDeviceGetCount()) if addresses is None else addresses
        for which in wanted:
            # One that is lost, or was put to another driver, must not hide the others.
            with contextlib.suppress(nvml.NVMLError):
                found.append(_read(nvml, which))
    except nvml.NVMLError:
        return found
    finally:
        with contextlib.suppress(nvml.NVMLError):
            nvml.nvmlShutdown()
    return found


def _read(nvml: Any, which: int | str) -> Gpu:
    # By index NVML would open each GPU only to tell where it is.
    if isinstance(which, str):
        handle = nvml.nvmlDeviceGetHandleByPciBusId(which.encode())
    else:
        handle = nvml.nvmlDeviceGetHandleByIndex(which)
    name = str(nvml.nvmlDeviceGetName(handle))
    # NVML writes the domain with eight digits, Linux with four.
    address = str(nvml.nvmlDeviceGetPciInfo(handle).busId).lower()[-12:]
    total, free, unified = _memory(nvml, handle)
    return Gpu(
        name=name,
        vendor="nvidia",
        memory_total_bytes=total,
        memory_free_bytes=free,
        unified=unified,
        address=address,
    )


def _memory(nvml: Any, handle: Any) -> tuple[int | None, int | None, bool]:
    """Total, free, and whether it is the machine's; version 2 does not count as used what the driver keeps."""
    try:
        try:
            told = nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2)
        except (
            nvml.NVMLError_FunctionNotFound,
            nvml.NVMLError_ArgumentVersionMismatch,
            nvml.NVMLError_InvalidArgument,
        ):
            told = nvml.nvmlDeviceGetMemoryInfo(handle)  # a driver from before version 2
    except nvml.NVMLError_NotSupported:
        # GB10 and Jetson have no memory of their own: what is free is what the machine has free
        # (GB10, driver 580.173.02: XuehaiPan/nvitop#208).
        memory = read_memory()
        return memory.total_bytes, memory.available_bytes, True
    except nvml.NVMLError:
        return None, None, False
    return int(told.total), int(told.free), False
