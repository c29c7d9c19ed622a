"""The machine at one moment, put together from its parts."""

from __future__ import annotations

import time
from collections.abc import Sequence

from garden.core.hardware_snapshot import Engine, Gpu, HardwareSnapshot
from garden.hardware.memory import read_memory
from garden.hardware.power import on_battery
from garden.hardware.processor import read_cpu


def snapshot(engine: Engine | None = None, gpus: Sequence[Gpu] = ()) -> HardwareSnapshot:
    """Memory and processor as they are now, with what the probe child said of engine and GPUs.

    Args:
        engine: From the probe child; None before it ran.
        gpus: From the probe child.
    """
    memory = read_memory()
    return HardwareSnapshot(
        ram_total_bytes=memory.total_bytes,
        ram_available_bytes=memory.available_bytes,
        ram_limited_by_cgroup=memory.limited_by_cgroup,
        swap_total_bytes=memory.swap_total_bytes,
        on_battery=on_battery(),
        cpu=read_cpu(),
        gpus=tuple(gpus),
        engine=engine or Engine(installed=False),
        taken_at=time.time(),
    )
