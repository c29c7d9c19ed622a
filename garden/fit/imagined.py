"""Another machine as forecasts see it: free memory, a GPU that the engine drives, a processor of the usual kind."""

from __future__ import annotations

import dataclasses

from garden.core.hardware_snapshot import Cpu, Engine, EngineBackend, Gpu, HardwareSnapshot, Vendor
from garden.core.imagined_machine import ImaginedMachine
from garden.core.quantity import GIB
from garden.fit.speed import MeasuredSpeed

#: The engine's name of the GPU; plans are made for it as for any that is not here.
DEVICE = "GPU0"

#: What a system with some programs holds: a tenth of the RAM, and two gigabytes at most.
_SYSTEM_SHARE, _SYSTEM_MOST = 10, 2 * GIB

#: Which instruction sets it has decides whether some weights are held twice.
_X86, _ARM = ("avx2", "fma", "f16c"), ("neon", "dotprod", "i8mm")

_VENDORS: dict[Vendor, tuple[str, ...]] = {
    "apple": ("mac",),
    "nvidia": ("geforce", "rtx", "gtx", "nvidia", "jetson", "tesla"),
    "amd": ("radeon", "ryzen", "instinct"),
    "intel": ("arc", "intel"),
}
_ARM_NAMES = ("mac", "jetson", "dgx")


def system_bytes(ram_bytes: int) -> int:
    """What the system itself holds of so much RAM."""
    return min(ram_bytes // _SYSTEM_SHARE, _SYSTEM_MOST)


def _limit_bytes(machine: ImaginedMachine) -> int | None:
    if machine.gpu_limit_bytes is None and machine.name.lower().startswith("mac"):
        return machine.ram_bytes * 2 // 3 if machine.ram_bytes <= 32 * GIB else machine.ram_bytes * 3 // 4
    return machine.gpu_limit_bytes


def imagined_snapshot(machine: ImaginedMachine, here: HardwareSnapshot) -> HardwareSnapshot:
    """The machine with everything free but what its system holds.

    Where nobody has published how much of shared memory a GPU may use, all of it that is free is assumed; of a Mac what
    logs of others of its size show: two thirds up to 32 GB, three quarters above.

    Args:
        machine: The other one.
        here: This one; it lends the engine and the number of cores, which say nothing of memory.
    """
    free = machine.ram_bytes - system_bytes(machine.ram_bytes)
    name = machine.name.lower()
    gpus: tuple[Gpu, ...] = ()
    if machine.unified or machine.gpu_bytes:
        size = min(_limit_bytes(machine) or free, free) if machine.unified else machine.gpu_bytes
        gpus = (
            Gpu(
                name="GPU" if not machine.name else machine.name,
                vendor=next((vendor for vendor, words in _VENDORS.items() if any(w in name for w in words)), "other"),
                memory_total_bytes=size,
                memory_free_bytes=size,
                unified=machine.unified,
                device=DEVICE,
            ),
        )
    backend = EngineBackend(name="GPU", path=None, devices=(DEVICE,))
    engine = dataclasses.replace(here.engine, backends=(backend,)) if here.engine.installed else Engine(installed=True)
    return HardwareSnapshot(
        ram_total_bytes=machine.ram_bytes,
        ram_available_bytes=free,
        cpu=Cpu(
            name=machine.title,
            physical_cores=here.cpu.physical_cores,
            threads=here.cpu.threads,
            features=_ARM if any(word in name for word in _ARM_NAMES) else _X86,
        ),
        gpus=gpus,
        engine=engine,
        taken_at=here.taken_at,
        published_bandwidth=machine.memory_bandwidth_bytes_per_second,
    )


def published_speed(machine: HardwareSnapshot) -> MeasuredSpeed | None:
    """The most that the published bandwidth of another machine's memory allows: bytes read per token / bandwidth.

    No machine is faster, each is slower. Speeds stay unknown where a part is read from memory of which none is
    published: of a machine with a card only the card's is.
    """
    if machine.published_bandwidth is None:
        return None
    bandwidth = float(machine.published_bandwidth)
    own_memory = any(not gpu.unified for gpu in machine.gpus)
    return MeasuredSpeed(bytes_per_second=0.0 if own_memory else bandwidth, gpu_bytes_per_second=bandwidth)
