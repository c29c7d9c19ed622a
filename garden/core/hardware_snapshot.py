"""What this machine has: memory, processor, GPUs and the engine, at one moment."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from garden.core.added_backend import AddedBackend, SelfTest
from garden.core.held_memory import RAM, HeldMemory
from garden.core.learned_margins import LearnedMargins

#: What a device is to the engine.
DeviceKind = Literal["cpu", "gpu", "igpu", "accelerator"]

#: Who made a GPU.
Vendor = Literal["nvidia", "amd", "intel", "apple", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    """The processor.

    Attributes:
        name: As the system names it.
        physical_cores: Cores, not threads; cgroup quota respected.
        threads: Hardware threads.
        features: Instruction sets that matter to the engine, lower case, e.g. ``avx2``.
    """

    name: str
    physical_cores: int
    threads: int
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A GPU that is there, whether or not the engine can use it.

    Attributes:
        name: As the driver names it.
        vendor: Who made it.
        memory_total_bytes: Own memory, or what a unified one may use; None when unknown.
        memory_free_bytes: Free at the moment of the probe; None when unknown or asleep.
        unified: Shares the RAM.
        asleep: Powered down; looking did not wake it.
        device: Name of the engine's device that drives it, e.g. ``CUDA0``; None when the engine cannot use it.
        address: Where it is on the PCI bus, e.g. ``0000:01:00.0``; None where the system does not say. It tells one GPU
            from another at the next look.
    """

    name: str
    vendor: Vendor
    memory_total_bytes: int | None = None
    memory_free_bytes: int | None = None
    unified: bool = False
    asleep: bool = False
    device: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineDevice:
    """A device that the engine lists.

    Attributes:
        name: The engine's name, e.g. ``CPU``, ``CUDA0``, ``Vulkan0``.
        description: What it calls the hardware.
        kind: ggml's word; an ``igpu`` shares the machine's RAM.
        memory_total_bytes: As the engine reports it.
        memory_free_bytes: As the engine reports it; None for the CPU, of which ggml says that all is free.
        address: Where it is on the PCI bus, e.g. ``0000:01:00.0``; None where its backend does not say.
    """

    name: str
    description: str
    kind: DeviceKind
    memory_total_bytes: int
    memory_free_bytes: int | None
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineBackend:
    """A ggml backend that the engine was built with or that was added to it.

    Attributes:
        name: ggml's name, e.g. ``CPU``, ``CUDA``, ``Vulkan``.
        path: Its library, None when it is part of another one.
        devices: Names of the devices it drives.
        added: Name to remove it by when it was added, None when the engine was built with it.
        self_test: How it did when it was added.
        problem: Why it was added and is not in use, None when it is.
    """

    name: str
    path: str | None
    devices: tuple[str, ...]
    added: str | None = None
    self_test: SelfTest | None = None
    problem: str | None = None

    @classmethod
    def left_out(cls, record: AddedBackend, problem: str) -> EngineBackend:
        """An added backend that is not in use.

        Args:
            record: The backend.
            problem: Why.
        """
        return cls(
            name=record.backend,
            path=str(record.path),
            devices=(),
            added=record.name,
            self_test=record.self_test,
            problem=problem,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The engine that loads models.

    Attributes:
        installed: Whether it can be loaded.
        version: Version of the Python package, None when not installed.
        ggml_version: Version of ggml below it.
        devices: What it can compute on.
        backends: What drives these devices.
        system_info: llama.cpp's own line about its build.
        problem: Why it cannot be loaded, None when it can.
    """

    installed: bool
    version: str | None = None
    ggml_version: str | None = None
    devices: tuple[EngineDevice, ...] = ()
    backends: tuple[EngineBackend, ...] = ()
    system_info: str = ""
    problem: str | None = None

    @property
    def drives_gpus(self) -> bool:
        """Whether it lists a GPU among its devices."""
        return any(device.kind in ("gpu", "igpu") for device in self.devices)


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareSnapshot:
    """The machine at one moment.

    Attributes:
        ram_total_bytes: RAM of the machine, or of the cgroup that this process lives in.
        ram_available_bytes: What a new process could take without swapping, cgroup limits respected.
        ram_limited_by_cgroup: Whether a cgroup limit, not the hardware, sets the total.
        swap_total_bytes: Swap; never counted as memory.
        on_battery: Whether it runs on its battery.
        cpu: The processor.
        gpus: Every GPU found.
        engine: The engine.
        taken_at: Seconds since the epoch.
        ram_promised_bytes: Of what is available: what loads and measurements under way will take; what loaded models
            will still take stands in ``held``.
        published_bandwidth: Of another machine: the published peak of the memory that it reads fastest, bytes
            per second; None of this one, and where nobody published it.
        learned: What loads showed here; None on a machine where nothing was loaded yet, or that is not this one.
        held: What models that Garden has loaded hold of it.
        freed: What some of them held that are thought away (see ``without``): it counts as free.
    """

    ram_total_bytes: int
    ram_available_bytes: int
    cpu: Cpu
    gpus: tuple[Gpu, ...] = ()
    engine: Engine = Engine(installed=False)
    ram_limited_by_cgroup: bool = False
    swap_total_bytes: int = 0
    on_battery: bool = False
    taken_at: float = 0.0
    ram_promised_bytes: int = 0
    published_bandwidth: int | None = None
    learned: LearnedMargins | None = None
    held: tuple[HeldMemory, ...] = ()
    freed: tuple[HeldMemory, ...] = ()

    def without(self, pids: Collection[int]) -> HardwareSnapshot:
        """The machine after some of the loaded models were unloaded.

        Args:
            pids: Their processes; those that hold nothing change nothing.
        """
        freed = tuple(held for held in self.held if held.pid in pids)
        if not freed:
            return self

        def taken(device: str | None) -> int:
            return sum(held.taken_bytes for held in freed if held.device == device)

        gpus = tuple(
            gpu
            if gpu.memory_free_bytes is None or not gpu.memory_total_bytes
            else dataclasses.replace(
                gpu, memory_free_bytes=min(gpu.memory_total_bytes, gpu.memory_free_bytes + taken(gpu.device))
            )
            for gpu in self.gpus
        )
        return dataclasses.replace(
            self,
            ram_available_bytes=min(self.ram_total_bytes, self.ram_available_bytes + taken(RAM)),
            gpus=gpus,
            held=tuple(held for held in self.held if held.pid not in pids),
            freed=(*self.freed, *freed),
        )

    @property
    def ram_free_bytes(self) -> int:
        """What is free now for one more model: available, and promised to none."""
        promised = sum(held.promised_bytes for held in self.held if held.device == RAM)
        return max(0, self.ram_available_bytes - self.ram_promised_bytes - promised)
