"""Budgets count what loaded models hold, and what is freed first."""

from __future__ import annotations

import dataclasses

from garden.core.hardware_snapshot import Cpu, Gpu, HardwareSnapshot
from garden.core.held_memory import RAM, HeldMemory
from garden.core.quantity import GIB
from garden.fit.devices import budgets_of

CARD = Gpu(name="Card", vendor="nvidia", memory_total_bytes=8 * GIB, memory_free_bytes=5 * GIB, device="CUDA0")
MACHINE = HardwareSnapshot(
    ram_total_bytes=32 * GIB,
    ram_available_bytes=20 * GIB,
    cpu=Cpu(name="CPU", physical_cores=4, threads=8),
    gpus=(CARD,),
    held=(
        HeldMemory(pid=1, device=RAM, size_bytes=4 * GIB, taken_bytes=GIB),
        HeldMemory(pid=1, device="CUDA0", size_bytes=2 * GIB, taken_bytes=2 * GIB),
    ),
)


def test_memory_that_is_promised_is_not_available() -> None:
    budgets = budgets_of(MACHINE, 0)
    assert (budgets.ram.available_bytes, budgets.ram.held_bytes) == (17 * GIB, 4 * GIB)
    assert [(gpu.available_bytes, gpu.held_bytes) for gpu in budgets.gpus] == [(5 * GIB, 2 * GIB)]


def test_a_model_that_goes_first_is_counted_as_free_and_told() -> None:
    budgets = budgets_of(MACHINE.without((1,)), 0)
    assert (budgets.ram.available_bytes, budgets.ram.held_bytes, budgets.ram.freed_bytes) == (21 * GIB, 0, GIB)
    assert [(gpu.available_bytes, gpu.held_bytes, gpu.freed_bytes) for gpu in budgets.gpus] == [(7 * GIB, 0, 2 * GIB)]


def test_no_more_is_told_than_a_reading_from_before_the_load_shows() -> None:
    old = dataclasses.replace(CARD, memory_free_bytes=7 * GIB)
    budgets = budgets_of(dataclasses.replace(MACHINE, gpus=(old,)), 0)
    assert budgets.gpus[0].held_bytes == GIB
