"""The memory of this machine as the engine would use it: which GPUs, how much, what a model takes beside its buffers.

Three nouns hold everywhere in the program:

- *free now*: what a reading of the machine says is free, less what loaded models were promised and have not touched
  yet (``HardwareSnapshot.ram_free_bytes``);
- *need*: the engine's buffers and what lies beside them: in RAM the vocabulary and the process, on a GPU what its
  driver takes for the process (``DeviceMemory.need_bytes``). What needs more than is free is too large;
- *margin*: what should be left; a model that leaves less fits tightly (``DeviceMemory.margin_bytes``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass

from garden.core.fit_forecast import MemoryKind
from garden.core.hardware_snapshot import Gpu, HardwareSnapshot
from garden.core.held_memory import RAM
from garden.core.quantity import MIB

#: Beside the buffers on a GPU: the driver's context of the new process (200–450 MiB with CUDA) and what the desktop
#: takes meanwhile; and what should be left. llama.cpp's own ``--fit`` keeps 1,024 MiB for both.
GPU_DRIVER_BYTES = 512 * MIB
GPU_MARGIN_BYTES = 256 * MIB

#: The same of a GPU that shares the RAM: its limit is the system's own, with a reserve in it already.
UNIFIED_DRIVER_BYTES = 128 * MIB

#: Of the process without a model (Linux, measured): alone, and with the driver of a GPU (Vulkan's software device; real
#: ones differ). Replaced by what loads on this machine showed.
PROCESS_BYTES, GPU_PROCESS_BYTES = 54 * MIB, 150 * MIB

#: What should be left of RAM: this share of it, and at least so much.
_RAM_MARGIN_SHARE = 0.05
_RAM_MARGIN_BYTES = 512 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one device offers.

    Attributes:
        name: For people.
        kind: The machine's, or a GPU's own.
        total_bytes: Its size.
        available_bytes: Free for us now.
        beside_bytes: Beside a model's buffers: vocabulary and process in RAM, the driver's context on a GPU.
        margin_bytes: What should be left; a fit that leaves less is tight.
        device: The engine's name of it.
        shared: Of a GPU: its memory is the machine's RAM.
        held_bytes: Of what is not available: held by, or promised to, models that Garden has loaded.
        freed_bytes: Of what is available: held by a model that would be unloaded first.
    """

    name: str
    kind: MemoryKind
    total_bytes: int
    available_bytes: int
    beside_bytes: int
    margin_bytes: int
    device: str = "CPU"
    shared: bool = False
    held_bytes: int = 0
    freed_bytes: int = 0

    @property
    def usable_bytes(self) -> int:
        """What is there for buffers."""
        return self.available_bytes - self.beside_bytes


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
        usual = UNIFIED_DRIVER_BYTES if gpu.unified else GPU_DRIVER_BYTES
        total = gpu.memory_total_bytes or 0
        free = total if gpu.memory_free_bytes is None else min(gpu.memory_free_bytes, total)
        available = min(free, machine.ram_free_bytes) if gpu.unified else free
        held, freed = _loaded_bytes(machine, gpu.device)
        budgets.append(
            Budget(
                name=gpu.name,
                kind="gpu",
                total_bytes=total,
                available_bytes=available,
                beside_bytes=learned.size_bytes if learned else usual,
                margin_bytes=GPU_MARGIN_BYTES,
                device=gpu.device or "",
                shared=gpu.unified,
                # The driver's reading may be older than the load.
                held_bytes=min(held, total - available),
                freed_bytes=min(freed, available),
            )
        )
    return tuple(budgets)


def ram_budget(machine: HardwareSnapshot, vocabulary_bytes: int) -> Budget:
    """The budget of the RAM: beside buffers a model needs its vocabulary and its process.

    Args:
        machine: Where.
        vocabulary_bytes: Of the model.
    """
    total, learned = machine.ram_total_bytes, machine.learned
    available = machine.ram_free_bytes
    held, freed = _loaded_bytes(machine, RAM)
    return Budget(
        name="RAM",
        kind="ram",
        total_bytes=total,
        available_bytes=available,
        beside_bytes=process_bytes(machine) + vocabulary_bytes,
        margin_bytes=learned.ram_bytes
        if learned and learned.ram_bytes is not None
        else max(_RAM_MARGIN_BYTES, round(total * _RAM_MARGIN_SHARE)),
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


def budgets_of(machine: HardwareSnapshot, vocabulary_bytes: int, *, as_is: Collection[str] = ()) -> Budgets:
    """What a machine offers to a model.

    Args:
        machine: Where.
        vocabulary_bytes: Of the model.
        as_is: Kinds of memory (``ram``, ``gpu``) that were given as a budget: all of it may be taken, to the last byte.
    """

    def given(budget: Budget) -> Budget:
        return dataclasses.replace(budget, beside_bytes=0, margin_bytes=0) if budget.kind in as_is else budget

    return Budgets(ram=given(ram_budget(machine, vocabulary_bytes)), gpus=tuple(map(given, gpu_budgets(machine))))
