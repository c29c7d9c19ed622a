"""Memory that loaded models were promised and have not touched yet: the system calls it free, other models must not."""

from __future__ import annotations

from collections.abc import Collection

import psutil

from garden.store.loaded_models import LoadedModels


def promised_bytes(loaded: LoadedModels, without: Collection[int] = ()) -> int:
    """RAM that loaded models will still take: pages of their caches that no token was written to yet.

    Args:
        loaded: What all Gardens on this machine have loaded.
        without: Processes to think away.
    """
    return sum(
        max(0, record.need_bytes - resident_bytes(record.pid))
        for record in loaded.list()
        # What lies on a GPU is in the driver's figures already.
        if record.configuration.load.n_gpu_layers == 0 and record.pid not in without
    )


def resident_bytes(pid: int) -> int:
    """What a process holds in RAM; 0 when it has ended."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
