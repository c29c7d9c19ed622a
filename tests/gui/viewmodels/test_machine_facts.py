from __future__ import annotations

import dataclasses

from garden.core.hardware_snapshot import Cpu, Engine, EngineBackend, Gpu, HardwareSnapshot
from garden.gui.viewmodels.machine_facts import DeviceFacts, device_facts

GIB = 1024**3
CPU = Cpu(name="Ryzen 7 7840HS", physical_cores=8, threads=16, features=("avx2", "avx512", "avx512_vnni"))
CPU_ENGINE = Engine(
    installed=True,
    version="0.3.36",
    ggml_version="0.25.3",
    backends=(EngineBackend(name="CPU", path=None, devices=("CPU",)),),
)
MACHINE = HardwareSnapshot(
    ram_total_bytes=32 * GIB, ram_available_bytes=24 * GIB, swap_total_bytes=8 * GIB, cpu=CPU, engine=CPU_ENGINE
)
GPU = Gpu(name="RTX 4060", vendor="nvidia", memory_total_bytes=8 * GIB, memory_free_bytes=6 * GIB)


def facts(machine: HardwareSnapshot, *, probed: bool = True, problem: str = "") -> dict[str, DeviceFacts]:
    return {fact.key: fact for fact in device_facts(machine, probed, problem)}


def test_memory_says_what_is_free_and_what_is_not_counted() -> None:
    memory = facts(MACHINE)["memory"]

    assert (memory.figure, memory.rest, memory.used) == ("24.0", "of 32.0 GiB free", 0.25)
    assert memory.note == "No cgroup limit. Swap of 8.0 GiB, not counted."


def test_a_cgroup_limit_is_named() -> None:
    limited = dataclasses.replace(MACHINE, ram_limited_by_cgroup=True, swap_total_bytes=0)

    assert facts(limited)["memory"].note == "A cgroup limit sets the size. No swap."


def test_a_gpu_of_the_engine_names_its_device_and_backend() -> None:
    cuda = EngineBackend(name="CUDA", path=None, devices=("CUDA0",))
    engine = dataclasses.replace(CPU_ENGINE, backends=(cuda, *CPU_ENGINE.backends))
    machine = dataclasses.replace(MACHINE, gpus=(dataclasses.replace(GPU, device="CUDA0"),), engine=engine)
    gpu = facts(machine)["gpu0"]

    assert (gpu.tag, gpu.tone, gpu.command) == ("In use by the engine", "accent", "")
    assert (gpu.figure, gpu.rest, gpu.used) == ("6.0", "of 8.0 GiB free", 0.25)
    assert gpu.note == "CUDA0 · CUDA backend · own memory"
    assert facts(machine)["engine"].note == "Backends CUDA (CUDA0), CPU · ggml 0.25.3"


def test_a_gpu_that_the_engine_cannot_use_says_why_and_what_helps() -> None:
    gpu = facts(dataclasses.replace(MACHINE, gpus=(GPU,)))["gpu0"]

    assert (gpu.tag, gpu.tone) == ("Not in use", "warning")
    assert gpu.note.startswith("The engine cannot use it: it has the CPU backend only.")
    assert gpu.command.endswith("vulkan")


def test_a_sleeping_gpu_has_a_size_and_nothing_free() -> None:
    asleep = dataclasses.replace(GPU, vendor="amd", unified=True, asleep=True, memory_free_bytes=None)
    gpu = facts(dataclasses.replace(MACHINE, gpus=(asleep,)))["gpu0"]

    assert (gpu.tag, gpu.figure, gpu.rest, gpu.used) == ("Integrated", "", "8.0 GiB, asleep", None)
    assert gpu.note.endswith("Asleep; looking does not wake it.")
    assert gpu.command.endswith("vulkan")


def test_an_integrated_gpu_beside_a_card_is_not_said_to_be_in_use() -> None:
    vulkan = EngineBackend(name="Vulkan", path=None, devices=("Vulkan0", "Vulkan1"))
    engine = dataclasses.replace(CPU_ENGINE, backends=(vulkan, *CPU_ENGINE.backends))
    card = dataclasses.replace(GPU, device="Vulkan0")
    integrated = Gpu(name="Radeon 780M", vendor="amd", memory_total_bytes=GIB, unified=True, device="Vulkan1")
    machine = dataclasses.replace(MACHINE, gpus=(card, integrated), engine=engine)

    assert [facts(machine)[key].tag for key in ("gpu0", "gpu1")] == ["In use by the engine", "Integrated"]


def test_the_processor_names_its_instruction_sets_as_vendors_do() -> None:
    assert facts(MACHINE)["cpu"].note == "8 cores, 16 threads · AVX2, AVX-512, AVX-512 VNNI"


def test_before_the_first_look_nothing_is_said_about_gpus() -> None:
    unknown = facts(dataclasses.replace(MACHINE, engine=Engine(installed=False)), probed=False)

    assert list(unknown) == ["memory", "cpu", "engine"]
    assert unknown["engine"].note == "Being looked at."


def test_a_look_that_failed_says_so() -> None:
    assert facts(MACHINE, probed=False, problem="The probe ended early.")["engine"].note == "The probe ended early."


def test_an_engine_that_is_not_there_says_how_to_get_it() -> None:
    missing = dataclasses.replace(MACHINE, engine=Engine(installed=False, problem="libllama.so is missing."))
    engine = facts(missing)["engine"]

    assert (engine.tag, engine.note) == ("Not installed", "libllama.so is missing.")
    assert engine.command == "python packaging/bootstrap.py setup"
