from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from garden.core.hardware_snapshot import DeviceKind, EngineDevice, Gpu
from garden.hardware.graphics import read_gpus

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's list of devices")

GIB = 1024**3
DISPLAY, AUDIO = "0x030000", "0x040300"
NVIDIA, AMD, INTEL, VIRTIO = "0x10de", "0x1002", "0x8086", "0x1af4"


def add(pci: Path, address: str, vendor: str, *, kind: str = DISPLAY, status: str = "active", **files: str) -> None:
    folder = pci / address
    (folder / "power").mkdir(parents=True)
    (folder / "class").write_text(kind + "\n")
    (folder / "vendor").write_text(vendor + "\n")
    (folder / "power" / "runtime_status").write_text(status + "\n")
    for name, text in files.items():
        (folder / name).write_text(text + "\n")


def driver(*gpus: Gpu) -> FakeDriver:
    return FakeDriver(list(gpus))


class FakeDriver:
    """NVIDIA's library; remembers whether it was woken."""

    def __init__(self, gpus: list[Gpu]) -> None:
        self._gpus = gpus
        self.asked: list[dict[str, bool]] = []

    def __call__(self, asleep: Mapping[str, bool]) -> list[Gpu]:
        self.asked.append(dict(asleep))
        return self._gpus


def device(
    name: str, description: str, total: int = 8 * GIB, free: int = 7 * GIB, kind: DeviceKind = "gpu"
) -> EngineDevice:
    return EngineDevice(name=name, description=description, kind=kind, memory_total_bytes=total, memory_free_bytes=free)


CARD = Gpu(name="NVIDIA RTX 4060", vendor="nvidia", memory_total_bytes=8 * GIB, memory_free_bytes=7 * GIB)


def test_a_machine_without_a_display_adapter_has_no_gpu(tmp_path: Path) -> None:
    add(tmp_path, "0000:00:1f.3", INTEL, kind=AUDIO)
    add(tmp_path, "0000:00:02.0", VIRTIO)

    assert read_gpus((), pci=tmp_path, nvidia=driver()) == ()


def test_an_nvidia_gpu_is_measured_by_its_own_library(tmp_path: Path) -> None:
    add(tmp_path, "0000:01:00.0", NVIDIA)

    assert read_gpus((), pci=tmp_path, nvidia=driver(CARD)) == (CARD,)


def test_a_sleeping_nvidia_gpu_is_not_asked(tmp_path: Path) -> None:
    add(tmp_path, "0000:01:00.0", NVIDIA, status="suspended")
    library = driver(CARD)

    found = read_gpus((), pci=tmp_path, nvidia=library)

    assert library.asked == []
    assert [(gpu.vendor, gpu.asleep, gpu.memory_total_bytes) for gpu in found] == [("nvidia", True, None)]


def test_a_sleeping_gpu_keeps_the_name_and_size_of_an_earlier_look(tmp_path: Path) -> None:
    add(tmp_path, "0000:01:00.0", NVIDIA, status="suspended")

    (gpu,) = read_gpus((), known=(CARD,), pci=tmp_path, nvidia=driver())

    assert (gpu.name, gpu.memory_total_bytes, gpu.memory_free_bytes) == (CARD.name, 8 * GIB, None)
    assert gpu.asleep


def test_beside_one_awake_a_sleeping_one_is_left_alone(tmp_path: Path) -> None:
    add(tmp_path, "0000:01:00.0", NVIDIA, status="suspended")
    add(tmp_path, "0000:02:00.0", NVIDIA)
    library = driver(CARD)

    found = read_gpus((), pci=tmp_path, nvidia=library)

    assert library.asked == [{"0000:01:00.0": True, "0000:02:00.0": False}]
    assert sorted(gpu.asleep for gpu in found) == [False, True]


def test_an_amd_card_tells_its_memory_in_the_file_system(tmp_path: Path) -> None:
    memory = {"mem_info_vram_total": str(20 * GIB), "mem_info_vram_used": str(GIB)}
    add(tmp_path, "0000:03:00.0", AMD, product_name="Radeon RX 7900 XT", **memory)

    (gpu,) = read_gpus((), pci=tmp_path, nvidia=driver())

    assert (gpu.name, gpu.unified) == ("Radeon RX 7900 XT", False)
    assert (gpu.memory_total_bytes, gpu.memory_free_bytes) == (20 * GIB, 19 * GIB)


def test_an_amd_processors_gpu_borrows_the_ram(tmp_path: Path) -> None:
    memory = {
        "mem_info_vram_total": str(GIB // 2),
        "mem_info_vram_used": str(GIB // 4),
        "mem_info_gtt_total": str(15 * GIB),
        "mem_info_gtt_used": str(2 * GIB),
    }
    add(tmp_path, "0000:c1:00.0", AMD, **memory)

    (gpu,) = read_gpus((), pci=tmp_path, nvidia=driver())

    assert gpu.unified
    assert (gpu.memory_total_bytes, gpu.memory_free_bytes) == (15 * GIB, 13 * GIB)


def test_a_sleeping_amd_card_has_a_size_and_nothing_free(tmp_path: Path) -> None:
    memory = {"mem_info_vram_total": str(8 * GIB), "mem_info_vram_used": "0"}
    add(tmp_path, "0000:03:00.0", AMD, status="suspended", **memory)

    (gpu,) = read_gpus((), pci=tmp_path, nvidia=driver())

    assert (gpu.asleep, gpu.memory_total_bytes, gpu.memory_free_bytes) == (True, 8 * GIB, None)


def test_only_intels_integrated_gpu_shares_the_ram(tmp_path: Path) -> None:
    add(tmp_path, "0000:00:02.0", INTEL)
    add(tmp_path, "0000:03:00.0", INTEL)

    assert [gpu.unified for gpu in read_gpus((), pci=tmp_path, nvidia=driver())] == [True, False]


def test_a_gpu_that_the_engine_lists_is_usable(tmp_path: Path) -> None:
    add(tmp_path, "0000:01:00.0", NVIDIA)

    (gpu,) = read_gpus((device("CUDA0", "NVIDIA RTX 4060"),), pci=tmp_path, nvidia=driver(CARD))

    assert (gpu.device, gpu.memory_free_bytes) == ("CUDA0", 7 * GIB)


def test_two_backends_for_one_card_make_one_gpu(tmp_path: Path) -> None:
    add(tmp_path, "0000:01:00.0", NVIDIA)
    devices = (device("CUDA0", "NVIDIA RTX 4060"), device("Vulkan0", "NVIDIA RTX 4060"))

    assert [gpu.device for gpu in read_gpus(devices, pci=tmp_path, nvidia=driver(CARD))] == ["CUDA0"]


def test_two_cards_of_one_kind_are_two_gpus(tmp_path: Path) -> None:
    add(tmp_path, "0000:01:00.0", NVIDIA)
    add(tmp_path, "0000:02:00.0", NVIDIA)
    devices = (device("CUDA0", "NVIDIA RTX 4060"), device("CUDA1", "NVIDIA RTX 4060"))

    found = read_gpus(devices, pci=tmp_path, nvidia=driver(CARD, CARD))

    assert [gpu.device for gpu in found] == ["CUDA0", "CUDA1"]


def test_the_engine_fills_in_what_the_system_does_not_tell(tmp_path: Path) -> None:
    add(tmp_path, "0000:00:02.0", INTEL)

    (gpu,) = read_gpus((device("Vulkan0", "Intel(R) Iris(R) Xe", kind="igpu"),), pci=tmp_path, nvidia=driver())

    assert (gpu.name, gpu.device, gpu.memory_total_bytes) == ("Intel(R) Iris(R) Xe", "Vulkan0", 8 * GIB)


def test_a_device_that_the_system_does_not_list_is_shown(tmp_path: Path) -> None:
    (gpu,) = read_gpus((device("Vulkan0", "llvmpipe", free=9 * GIB),), pci=tmp_path, nvidia=driver())

    assert (gpu.name, gpu.vendor, gpu.device) == ("llvmpipe", "other", "Vulkan0")
    assert gpu.memory_free_bytes == gpu.memory_total_bytes


def test_the_processor_is_no_gpu(tmp_path: Path) -> None:
    assert read_gpus((device("CPU", "Example", kind="cpu"),), pci=tmp_path, nvidia=driver()) == ()


def test_files_that_make_no_sense_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "0000:05:00.0").mkdir()
    add(tmp_path, "0000:03:00.0", AMD, mem_info_vram_total="plenty", mem_info_vram_used="-1")

    (gpu,) = read_gpus((), pci=tmp_path, nvidia=driver())

    assert gpu.memory_total_bytes is None
