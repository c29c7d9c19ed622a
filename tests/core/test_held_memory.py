from __future__ import annotations

from garden.core.hardware_snapshot import Cpu, Gpu, HardwareSnapshot
from garden.core.held_memory import RAM, HeldMemory
from garden.core.quantity import GIB

CPU = Cpu(name="CPU", physical_cores=4, threads=8)
CARD = Gpu(name="Card", vendor="nvidia", memory_total_bytes=8 * GIB, memory_free_bytes=3 * GIB, device="CUDA0")


def machine(*held: HeldMemory) -> HardwareSnapshot:
    return HardwareSnapshot(
        ram_total_bytes=32 * GIB, ram_available_bytes=20 * GIB, cpu=CPU, gpus=(CARD,), held=tuple(held)
    )


def holds(pid: int, device: str, size: int, taken: int | None = None) -> HeldMemory:
    return HeldMemory(pid=pid, device=device, size_bytes=size, taken_bytes=size if taken is None else taken)


def test_what_was_never_written_to_is_promised() -> None:
    assert holds(1, RAM, 4 * GIB, taken=GIB).promised_bytes == 3 * GIB
    assert holds(1, RAM, GIB, taken=2 * GIB).promised_bytes == 0


def test_what_is_thought_away_is_free_on_each_device() -> None:
    here = machine(holds(1, RAM, 4 * GIB, taken=GIB), holds(1, "CUDA0", 2 * GIB), holds(2, RAM, GIB))

    there = here.without((1,))

    assert there.ram_available_bytes == 21 * GIB
    assert [gpu.memory_free_bytes for gpu in there.gpus] == [5 * GIB]
    assert [held.pid for held in there.held] == [2]
    assert [(freed.device, freed.taken_bytes) for freed in there.freed] == [(RAM, GIB), ("CUDA0", 2 * GIB)]


def test_no_more_is_free_than_there_is() -> None:
    there = machine(holds(1, RAM, 40 * GIB), holds(1, "CUDA0", 40 * GIB)).without((1,))
    assert there.ram_available_bytes == 32 * GIB
    assert there.gpus[0].memory_free_bytes == 8 * GIB


def test_a_process_that_holds_nothing_changes_nothing() -> None:
    here = machine(holds(1, RAM, GIB))
    assert here.without((7,)) is here
