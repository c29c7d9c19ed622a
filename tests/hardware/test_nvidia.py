from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from garden.core.hardware_snapshot import Gpu
from garden.hardware.nvidia import read_nvidia

GIB = 1024**3


class DriverError(Exception):
    pass


class Library(ModuleType):
    """Stands in for pynvml: two cards; counts how often it was opened and closed."""

    NVMLError = DriverError
    nvmlMemory_v2 = 2  # noqa: N815 - the library's own name

    def __init__(self, *, present: bool = True, unified: bool = False, breaks_at: int | None = None) -> None:
        super().__init__("pynvml")
        self.opened = self.closed = 0
        self.touched: list[int] = []
        self._present, self._unified, self._breaks_at = present, unified, breaks_at

    def nvmlInit(self) -> None:  # noqa: N802
        if not self._present:
            raise DriverError
        self.opened += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.closed += 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        if index == self._breaks_at:
            raise DriverError
        return index

    def nvmlDeviceGetPciInfo(self, handle: int) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(busId=f"00000000:0{handle + 1}:00.0")

    def nvmlDeviceGetName(self, handle: int) -> str:  # noqa: N802
        self.touched.append(handle)
        return f"Card {handle}"

    def nvmlDeviceGetMemoryInfo(self, handle: int, version: int) -> SimpleNamespace:  # noqa: N802
        if self._unified:
            raise DriverError
        return SimpleNamespace(total=8 * GIB, free=6 * GIB)


def installed(monkeypatch: pytest.MonkeyPatch, library: Library) -> Library:
    monkeypatch.setitem(sys.modules, "pynvml", library)
    return library


def test_cards_are_measured_and_the_library_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    library = installed(monkeypatch, Library())

    found = read_nvidia({})

    assert found == [
        Gpu(name=f"Card {i}", vendor="nvidia", memory_total_bytes=8 * GIB, memory_free_bytes=6 * GIB) for i in (0, 1)
    ]
    assert (library.opened, library.closed) == (1, 1)


def test_a_sleeping_card_is_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    library = installed(monkeypatch, Library())

    assert [gpu.name for gpu in read_nvidia({"0000:01:00.0": True})] == ["Card 1"]
    assert library.touched == [1]


def test_unified_memory_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, Library(unified=True))

    gpu = read_nvidia({})[0]

    assert gpu.unified
    assert gpu.memory_total_bytes


def test_without_a_driver_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, Library(present=False))

    assert read_nvidia({}) == []


def test_without_the_library_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)

    assert read_nvidia({}) == []


def test_a_driver_that_fails_midway_is_closed_and_what_it_told_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    library = installed(monkeypatch, Library(breaks_at=1))

    assert [gpu.name for gpu in read_nvidia({})] == ["Card 0"]
    assert library.closed == 1
