from __future__ import annotations

from pathlib import Path

import pytest

from garden.core.hardware_snapshot import Gpu
from garden.hardware.amd import read_amd, shares_the_ram
from garden.hardware.pci import pci_displays
from tests.hardware.pci_tree import AMD, add

MIB, GIB = 1024**2, 1024**3


def read(pci: Path, **files: str) -> Gpu:
    add(pci, "0000:03:00.0", AMD, **files)
    (display,) = pci_displays(pci)
    return read_amd(display)


def sizes(vram: int, gtt: int, vram_used: int = 0, gtt_used: int = 0) -> dict[str, str]:
    return {
        "mem_info_vram_total": str(vram),
        "mem_info_vram_used": str(vram_used),
        "mem_info_gtt_total": str(gtt),
        "mem_info_gtt_used": str(gtt_used),
    }


def test_a_card_tells_its_own_memory(tmp_path: Path) -> None:
    gpu = read(tmp_path, product_name="Radeon RX 7900 XT", **sizes(20 * GIB, 31 * GIB, vram_used=GIB))

    assert (gpu.name, gpu.unified, gpu.address) == ("Radeon RX 7900 XT", False, "0000:03:00.0")
    assert (gpu.memory_total_bytes, gpu.memory_free_bytes) == (20 * GIB, 19 * GIB)


def test_a_processors_gpu_borrows_the_ram(tmp_path: Path) -> None:
    gpu = read(tmp_path, **sizes(GIB // 2, 15 * GIB, gtt_used=2 * GIB))

    assert (gpu.unified, gpu.memory_total_bytes, gpu.memory_free_bytes) == (True, 15 * GIB, 13 * GIB)


@pytest.mark.parametrize(
    ("whose", "vram", "gtt", "shares"),
    [
        # As users of other tools read them from these files.
        ("RX 570 with the driver 21.10 (Ricks-Lab/gpu-utils#118)", 4_294_967_296, 4_294_967_296, False),
        ("Ryzen 9 5900HS with 16 GB (clbr/radeontop#163)", 512 * MIB, 7_695 * MIB, True),
        ("Ryzen AI Max+ 395 with a raised limit (corecoding/Vitals#515)", 512 * MIB, 124 * GIB, True),
        ("a card of 20 GB in a machine of 64 GB", 20 * GIB, 31 * GIB, False),
        ("a card of 8 GB in a machine of 64 GB", 8 * GIB, 31 * GIB, False),
        ("Ryzen AI Max+ 395 with 96 GB carved out", 96 * GIB, 15 * GIB, False),
        ("a carve-out of 4 GiB in a machine of 32 GB", 4 * GIB, 14 * GIB, False),
        ("a carve-out of 3 GiB in a machine of 32 GB", 3 * GIB, 14 * GIB, True),
    ],
)
def test_sizes_tell_a_processors_gpu_from_a_card(whose: str, vram: int, gtt: int, shares: bool) -> None:
    assert shares_the_ram(vram, gtt) is shares, whose


def test_files_that_make_no_sense_are_passed_over(tmp_path: Path) -> None:
    gpu = read(tmp_path, mem_info_vram_total="plenty", mem_info_vram_used="-1")

    assert (gpu.memory_total_bytes, gpu.memory_free_bytes, gpu.unified) == (None, None, False)


def test_more_used_than_there_is_leaves_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, **sizes(8 * GIB, GIB, vram_used=9 * GIB)).memory_free_bytes == 0
