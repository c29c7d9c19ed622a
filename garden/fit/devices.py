"""The memory of this machine as the engine would use it: which GPUs, how much, what stays free."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass

from garden.core.fit_forecast import MemoryKind
from garden.core.hardware_snapshot import Gpu, HardwareSnapshot
from garden.core.held_memory import RAM
from garden.core.quantity import MIB

#: Kept free of a GPU: the driver's context of the new process (200–450 MiB with CUDA) and what the desktop takes
#: meanwhile. llama.cpp's own ``--fit`` keeps 1,024 MiB, the comfort included.
GPU_MARGIN_BYTES = 512 * MIB
GPU_COMFORT_BYTES = 256 * MIB

#: Of a GPU that shares the RAM: its limit is the system's own, with a reserve in it already.
UNIFIED_MARGIN_BYTES = 128 * MIB

#: Of the process without a model (Linux, measured): alone, and with the driver of a GPU (Vulkan's software device; real
#: ones differ). Replaced by what loads on this machine showed.
PROCESS_BYTES, GPU_PROCESS_BYTES = 54 * MIB, 150 * MIB

#: Less left of RAM than this share (but at least so much) makes a fit a tight one.
_RAM_COMFORT_SHARE = 0.05
_RAM_COMFORT_BYTES = 512 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one device offers.

    Attributes:
        name: For people.
        kind: The machine's, or a GPU's own.
        total_bytes: Its size.
        available_bytes: Free for us now.
        margin_bytes: Not to be touched.
        comfort_bytes: Less than so much left above the margin is tight.
        device: The engine's name of it.
        shared: Of a GPU: its memory is the machine's RAM.
        held_bytes: Of what is not available: held by, or promised to, models that Garden has loaded.
        freed_bytes: Of what is available: held by a model that would be unloaded first.
    """

    name: str
    kind: MemoryKind
    total_bytes: int
    available_bytes: int
    margin_bytes: int
    comfort_bytes: int
    device: str = "CPU"
    shared: bool = False
    held_bytes: int = 0
    freed_bytes: int = 0

    @property
    def usable_bytes(self) -> int:
        """Available above the margin."""
        return self.available_bytes - self.margin_bytes


def usable_gpus(machine: HardwareSnapshot) -> tuple[Gpu, ...]:
    """GPUs that the engine would put layers on: those with memory of their own, else those that share the RAM."""
    driven = [gpu for gpu in machine.gpus if gpu.device is not None and gpu.memory_total_bytes]
    own = tuple(gpu for gpu in driven if not gpu.unified)
    return own or tuple(driven)


def gpu_budgets(machine: HardwareSnapshot) -> tuple[Budget, ...]:
    """One budget per GPU that the engine would use; a sleeping one counts as free."""
    budgets = []
    for gpu in usable_gpus(machine):
        learned = machine.learned.of_device(gpu.device or "") if machine.learned else None
        usual = UNIFIED_MARGIN_BYTES if gpu.unified else GPU_MARGIN_BYTES
        total = gpu.memory_total_bytes or 0
        free = total if gpu.memory_free_bytes is None else min(gpu.memory_free_bytes, total)
        available = min(free, machine.ram_available_bytes) if gpu.unified else free
        held, freed = _loaded_bytes(machine, gpu.device)
        budgets.append(
            Budget(
                name=gpu.name,
                kind="gpu",
                total_bytes=total,
                available_bytes=available,
                margin_bytes=learned.size_bytes if learned else usual,
                comfort_bytes=GPU_COMFORT_BYTES,
                device=gpu.device or "",
                shared=gpu.unified,
                # The driver's reading may be older than the load.
                held_bytes=min(held, total - available),
                freed_bytes=min(freed, available),
            )
        )
    return tuple(budgets)


def ram_budget(machine: HardwareSnapshot, vocabulary_bytes: int, busy_bytes: int = 0) -> Budget:
    """The budget of the RAM: beside buffers a model needs its vocabulary and its process.

    Args:
        machine: Where.
        vocabulary_bytes: Of the model.
        busy_bytes: Promised to loaded models whose pages the reading does not show yet.
    """
    total, learned = machine.ram_total_bytes, machine.learned
    promised = sum(held.promised_bytes for held in machine.held if held.device == RAM)
    available = max(0, machine.ram_available_bytes - busy_bytes - promised)
    held, freed = _loaded_bytes(machine, RAM)
    return Budget(
        name="RAM",
        kind="ram",
        total_bytes=total,
        available_bytes=available,
        margin_bytes=process_bytes(machine) + vocabulary_bytes,
        comfort_bytes=learned.ram_bytes
        if learned and learned.ram_bytes is not None
        else max(_RAM_COMFORT_BYTES, round(total * _RAM_COMFORT_SHARE)),
        held_bytes=min(held, max(0, total - available)),
        freed_bytes=min(freed, available),
    )


def _loaded_bytes(machine: HardwareSnapshot, device: str | None) -> tuple[int, int]:
    """What loaded models hold on a device, and what those that are thought away held there."""
    held = sum(held.size_bytes for held in machine.held if held.device == device)
    return held, sum(freed.taken_bytes for freed in machine.freed if freed.device == device)


def process_bytes(machine: HardwareSnapshot) -> int:
    """What a model's process takes without the model: more where it loads the driver of a GPU, whatever runs there."""
    learned, driven = machine.learned, bool(usable_gpus(machine))
    seen = (learned.gpu_process_bytes if driven else learned.process_bytes) if learned else None
    if seen is not None:
        return seen
    return GPU_PROCESS_BYTES if driven else PROCESS_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """What a machine offers.

    Attributes:
        ram: Its RAM.
        gpus: GPUs that the engine would use.
    """

    ram: Budget
    gpus: tuple[Budget, ...]


def budgets_of(
    machine: HardwareSnapshot, vocabulary_bytes: int, busy_bytes: int = 0, *, as_is: Collection[str] = ()
) -> Budgets:
    """What a machine offers to a model.

    Args:
        machine: Where.
        vocabulary_bytes: Of the model.
        busy_bytes: Of RAM: promised to loaded models whose pages the reading does not show yet.
        as_is: Kinds of memory (``ram``, ``gpu``) that were given as a budget: all of it may be taken, to the last byte.
    """

    def given(budget: Budget) -> Budget:
        return dataclasses.replace(budget, margin_bytes=0, comfort_bytes=0) if budget.kind in as_is else budget

    return Budgets(
        ram=given(ram_budget(machine, vocabulary_bytes, busy_bytes)), gpus=tuple(map(given, gpu_budgets(machine)))
    )
