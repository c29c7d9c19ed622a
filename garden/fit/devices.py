"""The memory of this machine as the engine would use it: which GPUs, how much, what stays free."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass

from garden.core.fit_forecast import MemoryKind
from garden.core.hardware_snapshot import Gpu, HardwareSnapshot
from garden.core.quantity import MIB

#: Kept free of a GPU: the driver's context of the new process (200–450 MiB with CUDA) and what the desktop takes
#: meanwhile. llama.cpp's own ``--fit`` keeps 1,024 MiB, the comfort included.
GPU_MARGIN_BYTES = 512 * MIB
GPU_COMFORT_BYTES = 256 * MIB

#: Of a GPU that shares the RAM: its limit is the system's own, with a reserve in it already.
UNIFIED_MARGIN_BYTES = 128 * MIB

#: Kept free of RAM: the process itself (41 MiB before the model, measured) and some room for the system to breathe.
#: The vocabulary comes on top; no buffer shows it.
RAM_MARGIN_BYTES = 256 * MIB

#: Memory of a vocabulary per token: 17 MiB for 49,152 BPE tokens, 42 MiB for 262,144 SPM tokens were measured.
VOCABULARY_BYTES_PER_TOKEN = 370

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
    """

    name: str
    kind: MemoryKind
    total_bytes: int
    available_bytes: int
    margin_bytes: int
    comfort_bytes: int
    device: str = "CPU"
    shared: bool = False

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
        total = gpu.memory_total_bytes or 0
        free = total if gpu.memory_free_bytes is None else min(gpu.memory_free_bytes, total)
        budgets.append(
            Budget(
                name=gpu.name,
                kind="gpu",
                total_bytes=total,
                available_bytes=min(free, machine.ram_available_bytes) if gpu.unified else free,
                margin_bytes=UNIFIED_MARGIN_BYTES if gpu.unified else GPU_MARGIN_BYTES,
                comfort_bytes=GPU_COMFORT_BYTES,
                device=gpu.device or "",
                shared=gpu.unified,
            )
        )
    return tuple(budgets)


def ram_budget(machine: HardwareSnapshot, vocabulary: int, busy_bytes: int = 0) -> Budget:
    """The budget of the RAM.

    Args:
        machine: Where.
        vocabulary: Tokens of the model's vocabulary.
        busy_bytes: Promised to loaded models whose pages the reading does not show yet.
    """
    total = machine.ram_total_bytes
    return Budget(
        name="RAM",
        kind="ram",
        total_bytes=total,
        available_bytes=max(0, machine.ram_available_bytes - busy_bytes),
        margin_bytes=RAM_MARGIN_BYTES + VOCABULARY_BYTES_PER_TOKEN * min(vocabulary, 1_000_000),
        comfort_bytes=max(_RAM_COMFORT_BYTES, round(total * _RAM_COMFORT_SHARE)),
    )


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
    machine: HardwareSnapshot, vocabulary: int, busy_bytes: int = 0, *, as_is: Collection[str] = ()
) -> Budgets:
    """What a machine offers to a model.

    Args:
        machine: Where.
        vocabulary: Tokens of the model's vocabulary.
        busy_bytes: Of RAM: promised to loaded models whose pages the reading does not show yet.
        as_is: Kinds of memory (``ram``, ``gpu``) that were given as a budget: all of it may be taken, to the last byte.
    """

    def given(budget: Budget) -> Budget:
        return dataclasses.replace(budget, margin_bytes=0, comfort_bytes=0) if budget.kind in as_is else budget

    return Budgets(ram=given(ram_budget(machine, vocabulary, busy_bytes)), gpus=tuple(map(given, gpu_budgets(machine))))
