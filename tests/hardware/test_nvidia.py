from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import psutil
import pynvml
import pytest

from garden.core.hardware_snapshot import Gpu
from garden.hardware.nvidia import read_nvidia

GIB = 1024**3
FIRST, SECOND = "0000:01:00.0", "0000:02:00.0"


class Driver:
    """Answers in the place of NVIDIA's driver, with the errors of its real binding; counts opening and closing.

    Args:
        v2: What the second version of the question for memory answers: sizes, or a number of an error.
        v1: The same of the first version.
        starts: Number of the error that opening it gives; None when there is a driver.
        lost: Address of a GPU that fell off the bus.
    """

    def __init__(
        self,
        v2: tuple[int, int] | int = (8 * GIB, 6 * GIB),
        v1: tuple[int, int] | int = (8 * GIB, 5 * GIB),
        *,
        starts: int | None = None,
        lost: str = "",
    ) -> None:
        self.opened = self.closed = 0
        self.touched: list[str] = []
        self._answers = {pynvml.nvmlMemory_v2: v2, None: v1}
        self._starts, self._lost = starts, lost

    def install(self, monkeypatch: pytest.MonkeyPatch) -> Driver:
        for name, function in {
            "nvmlInit": self._open,
            "nvmlShutdown": self._close,
            "nvmlDeviceGetCount": lambda: 2,
            "nvmlDeviceGetHandleByPciBusId": lambda address: self._handle(address.decode()),
            "nvmlDeviceGetHandleByIndex": lambda index: self._handle((FIRST, SECOND)[index]),
            "nvmlDeviceGetPciInfo": lambda handle: SimpleNamespace(busId=f"0000{handle.upper()}"),
            "nvmlDeviceGetName": lambda handle: f"NVIDIA Card {handle[6]}",
            "nvmlDeviceGetMemoryInfo": self._memory,
        }.items():
            monkeypatch.setattr(pynvml, name, function)
        return self

    def _open(self) -> None:
        if self._starts is not None:
            raise pynvml.NVMLError(self._starts)
        self.opened += 1

    def _close(self) -> None:
        self.closed += 1

    def _handle(self, address: str) -> str:
        if address == self._lost:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        self.touched.append(address)
        return address

    def _memory(self, _handle: str, version: int | None = None) -> Any:
        answer = self._answers[version]
        if isinstance(answer, int):
            raise pynvml.NVMLError(answer)
        return SimpleNamespace(total=answer[0], free=answer[1])


def test_gpus_are_measured_and_the_library_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver().install(monkeypatch)

    found = read_nvidia([FIRST, SECOND])

    assert found[0] == Gpu(
        name="NVIDIA Card 1", vendor="nvidia", memory_total_bytes=8 * GIB, memory_free_bytes=6 * GIB, address=FIRST
    )
    assert [gpu.address for gpu in found] == [FIRST, SECOND]
    assert (driver.opened, driver.closed) == (1, 1)


def test_only_the_gpus_that_were_named_are_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver().install(monkeypatch)

    read_nvidia([SECOND])

    assert driver.touched == [SECOND]


def test_where_the_system_names_none_all_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    Driver().install(monkeypatch)

    assert [gpu.address for gpu in read_nvidia(None)] == [FIRST, SECOND]


def test_memory_that_is_not_supported_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    # GB10 with driver 580.173.02 answers both versions so.
    no = pynvml.NVML_ERROR_NOT_SUPPORTED
    Driver(v2=no, v1=no).install(monkeypatch)

    gpu = read_nvidia([FIRST])[0]

    assert gpu.unified
    assert gpu.memory_total_bytes is not None
    assert gpu.memory_total_bytes <= psutil.virtual_memory().total
    assert 0 < (gpu.memory_free_bytes or 0) < gpu.memory_total_bytes


@pytest.mark.parametrize("error", [pynvml.NVML_ERROR_FUNCTION_NOT_FOUND, pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH])
def test_an_older_driver_is_asked_in_the_first_version(monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    Driver(v2=error).install(monkeypatch)

    gpu = read_nvidia([FIRST])[0]

    assert (gpu.memory_total_bytes, gpu.memory_free_bytes, gpu.unified) == (8 * GIB, 5 * GIB, False)


def test_an_error_of_another_kind_makes_the_memory_unknown_and_not_the_machines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Driver(v2=pynvml.NVML_ERROR_NO_PERMISSION).install(monkeypatch)

    gpu = read_nvidia([FIRST])[0]

    assert (gpu.memory_total_bytes, gpu.memory_free_bytes, gpu.unified) == (None, None, False)


def test_one_that_is_lost_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver(lost=FIRST).install(monkeypatch)

    assert [gpu.address for gpu in read_nvidia([FIRST, SECOND])] == [SECOND]
    assert driver.closed == 1


@pytest.mark.parametrize("error", [pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED])
def test_without_a_driver_there_is_none(monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    Driver(starts=error).install(monkeypatch)

    assert read_nvidia(None) == []


def test_without_the_library_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)

    assert read_nvidia(None) == []
