from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from garden.core.hardware_snapshot import EngineDevice
from garden.core.residency import FreeMemory
from garden.hardware.gpu_memory import GpuMemoryMeter, driver_free
from tests.hardware.pci_tree import AMD, INTEL, NVIDIA, add
from tests.hardware.test_nvidia import FIRST, SECOND, Driver

MIB, GIB = 1024**2, 1024**3

#: What the context of a process with CUDA takes, what its model's buffers hold, and what was free before both.
CONTEXT, BUFFERS, FREE = 310 * MIB, 500 * MIB, 8_000 * MIB


def device(free: int, name: str = "CUDA0", address: str | None = f"0000{FIRST}") -> EngineDevice:
    return EngineDevice(
        name=name, description="", kind="gpu", memory_total_bytes=8 * GIB, memory_free_bytes=free, address=address
    )


def readings(*each: Mapping[str, int]) -> Iterator[Mapping[str, int]]:
    yield from each


def test_before_and_after_are_of_one_source_and_count_the_context() -> None:
    said = readings({FIRST: FREE}, {FIRST: FREE - CONTEXT - BUFFERS})
    meter = GpuMemoryMeter(lambda: next(said))

    # Asking the engine has put its context there.
    meter.begin([device(FREE - CONTEXT)])
    (taken,) = meter.taken([device(FREE - CONTEXT - BUFFERS)])

    assert taken == FreeMemory(device="CUDA0", before_bytes=FREE, after_bytes=FREE - CONTEXT - BUFFERS, source="driver")
    assert taken.taken_bytes == CONTEXT + BUFFERS


@pytest.mark.parametrize("after", [{}, {SECOND: FREE}])
def test_a_driver_that_no_longer_answers_is_not_mixed_with_the_engine(after: dict[str, int]) -> None:
    said = readings({FIRST: FREE}, after)
    meter = GpuMemoryMeter(lambda: next(said))

    meter.begin([device(FREE - CONTEXT)])
    (taken,) = meter.taken([device(FREE - CONTEXT - BUFFERS)])

    assert (taken.source, taken.taken_bytes) == ("engine", BUFFERS)


def test_a_gpu_that_no_driver_tells_of_is_the_engines_own_to_tell() -> None:
    meter = GpuMemoryMeter(dict)

    meter.begin([device(2_048 * MIB, "Vulkan0", None)])

    assert meter.taken([device(1_900 * MIB, "Vulkan0", None)]) == (
        FreeMemory(device="Vulkan0", before_bytes=2_048 * MIB, after_bytes=1_900 * MIB),
    )


def test_without_a_gpu_no_driver_is_asked_again() -> None:
    said = readings({FIRST: FREE})
    meter = GpuMemoryMeter(lambda: next(said))
    processor = EngineDevice(name="CPU", description="", kind="cpu", memory_total_bytes=GIB, memory_free_bytes=None)

    meter.begin([processor])

    assert meter.taken([processor]) == ()


def test_only_drivers_of_gpus_that_are_awake_are_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    driver = Driver().install(monkeypatch)
    add(tmp_path, FIRST, NVIDIA)
    add(tmp_path, SECOND, NVIDIA, status="suspended")
    amd = {"mem_info_vram_total": str(16 * GIB), "mem_info_vram_used": str(GIB), "mem_info_gtt_total": "1"}
    add(tmp_path, "0000:03:00.0", AMD, **amd)
    add(tmp_path, "0000:04:00.0", AMD, status="suspended", **amd)
    add(tmp_path, "0000:00:02.0", INTEL)

    assert driver_free(tmp_path) == {FIRST: 6 * GIB, "0000:03:00.0": 15 * GIB}
    assert (driver.opened, driver.closed) == (1, 1)
    assert SECOND not in " ".join(driver.touched)


def test_where_none_is_awake_nothing_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    driver = Driver().install(monkeypatch)
    add(tmp_path, FIRST, NVIDIA, status="suspended")

    assert driver_free(tmp_path) == {}
    assert driver.opened == 0
