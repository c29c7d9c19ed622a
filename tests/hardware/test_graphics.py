from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from garden.core.hardware_snapshot import EngineDevice, Gpu
from garden.hardware.graphics import any_asleep, read_gpus
from tests.hardware.pci_tree import AMD, AUDIO, INTEL, NVIDIA, VIRTIO, add

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's list of devices")

GIB = 1024**3
CARD = Gpu(
    name="NVIDIA RTX 4060",
    vendor="nvidia",
    memory_total_bytes=8 * GIB,
    memory_free_bytes=7 * GIB,
    address="0000:01:00.0",
)


class FakeDriver:
    """NVIDIA's library; remembers what it was asked for."""

    def __init__(self, *gpus: Gpu) -> None:
        self._gpus = gpus
        self.asked: list[Sequence[str] | None] = []

    def __call__(self, addresses: Sequence[str] | None) -> list[Gpu]:
        self.asked.append(addresses)
        return [gpu for gpu in self._gpus if addresses is None or gpu.address in addresses]


def read(pci: Path, driver: FakeDriver | None = None, known: Sequence[Gpu] = ()) -> tuple[Gpu, ...]:
    return read_gpus((), known, pci=pci, nvidia=driver or FakeDriver(), names=())


def test_a_machine_without_a_display_adapter_has_no_gpu(tmp_path: Path) -> None:
    add(tmp_path, "0000:00:1f.3", INTEL, kind=AUDIO)
    add(tmp_path, "0000:00:02.0", VIRTIO)

    assert read(tmp_path) == ()


def test_an_nvidia_gpu_is_measured_by_its_own_library(tmp_path: Path) -> None:
    add(tmp_path, "0000:01:00.0", NVIDIA)

    assert read(tmp_path, FakeDriver(CARD)) == (CARD,)


def test_without_nvidias_driver_the_gpu_is_shown_with_what_is_known(tmp_path: Path) -> None:
    add(tmp_path, "0000:01:00.0", NVIDIA)

    (gpu,) = read(tmp_path)

    assert (gpu.name, gpu.vendor, gpu.memory_total_bytes, gpu.asleep) == ("NVIDIA GPU", "nvidia", None, False)


def test_a_sleeping_nvidia_gpu_is_not_asked(tmp_path: Path) -> None:
    add(tmp_path, "0000:01:00.0", NVIDIA, status="suspended")
    driver = FakeDriver(CARD)

    found = read(tmp_path, driver)

    assert driver.asked == []
    assert [(gpu.vendor, gpu.asleep, gpu.memory_total_bytes) for gpu in found] == [("nvidia", True, None)]


def test_a_sleeping_gpu_keeps_the_name_and_size_of_an_earlier_look(tmp_path: Path) -> None:
    add(tmp_path, "0000:01:00.0", NVIDIA, status="suspended")

    (gpu,) = read(tmp_path, known=[CARD])

    assert (gpu.name, gpu.memory_total_bytes, gpu.memory_free_bytes, gpu.asleep) == (CARD.name, 8 * GIB, None, True)


def test_a_gpu_at_another_place_is_not_the_one_that_was_known(tmp_path: Path) -> None:
    add(tmp_path, "0000:05:00.0", NVIDIA, status="suspended")

    assert [gpu.memory_total_bytes for gpu in read(tmp_path, known=[CARD])] == [None]


def test_beside_one_awake_a_sleeping_one_is_left_alone(tmp_path: Path) -> None:
    add(tmp_path, "0000:01:00.0", NVIDIA)
    add(tmp_path, "0000:02:00.0", NVIDIA, status="suspended")
    driver = FakeDriver(CARD)

    found = read(tmp_path, driver)

    assert driver.asked == [["0000:01:00.0"]]
    assert [gpu.asleep for gpu in found] == [False, True]


@pytest.mark.parametrize("status", ["suspended", "suspending"])
def test_of_a_sleeping_amd_gpu_no_figure_is_read(tmp_path: Path, status: str) -> None:
    add(tmp_path, "0000:03:00.0", AMD, status=status, mem_info_vram_total=str(8 * GIB), mem_info_vram_used="0")

    (gpu,) = read(tmp_path)

    assert (gpu.asleep, gpu.memory_total_bytes, gpu.memory_free_bytes) == (True, None, None)


def test_only_intels_integrated_gpu_shares_the_ram(tmp_path: Path) -> None:
    add(tmp_path, "0000:00:02.0", INTEL)
    add(tmp_path, "0000:03:00.0", INTEL)

    assert [gpu.unified for gpu in read(tmp_path)] == [True, False]


def test_the_engines_name_comes_before_the_list_of_names(tmp_path: Path) -> None:
    names = tmp_path / "pci.ids"
    names.write_text("8086  Intel Corporation\n\t46a6  Alder Lake-P GT2\n\t56a0  DG2 [Arc A770]\n")
    add(tmp_path / "pci", "0000:00:02.0", INTEL, device="0x46a6")
    add(tmp_path / "pci", "0000:03:00.0", INTEL, device="0x56a0")
    xe = EngineDevice(
        name="Vulkan0",
        description="Intel(R) Iris(R) Xe Graphics",
        kind="igpu",
        memory_total_bytes=GIB,
        memory_free_bytes=GIB,
        address="0000:00:02.0",
    )

    found = read_gpus((xe,), pci=tmp_path / "pci", nvidia=FakeDriver(), names=[names])

    assert [gpu.name for gpu in found] == ["Intel(R) Iris(R) Xe Graphics", "Arc A770"]


def test_whether_one_sleeps_is_known_before_anything_is_loaded(tmp_path: Path) -> None:
    add(tmp_path, "0000:00:02.0", INTEL)
    assert not any_asleep(tmp_path)

    add(tmp_path, "0000:01:00.0", NVIDIA, status="suspended")
    assert any_asleep(tmp_path)


def test_a_folder_without_files_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "0000:05:00.0").mkdir()

    assert read(tmp_path) == ()
