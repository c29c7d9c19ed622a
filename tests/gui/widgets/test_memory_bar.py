from __future__ import annotations

import dataclasses

from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from garden.core.fit_forecast import DeviceMemory
from garden.core.hardware_snapshot import Cpu, Gpu, HardwareSnapshot
from garden.core.quantity import GIB
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.memory_bar import MemoryBar, MemoryRows, device_fill
from garden.gui.widgets.memory_meter import MemoryMeter, MeterLine, meter_lines


def _gpu(weights: float, kv: float = 0.5) -> DeviceMemory:
    return DeviceMemory(
        name="RTX 4060",
        kind="gpu",
        total_bytes=8 * GIB,
        available_bytes=7 * GIB,
        margin_bytes=GIB // 4,
        weights_bytes=int(weights * GIB),
        kv_cache_bytes=int(kv * GIB),
    )


def test_parts_are_shares_of_the_whole_device() -> None:
    fill = device_fill(_gpu(weights=4))

    assert fill.parts[:3] == (("memory.used", 0.125), ("memory.weights", 0.5), ("memory.kv", 0.0625))
    assert fill.limit == 1 - 0.25 / 8
    assert not fill.over


def test_what_eats_the_margin_fits_and_what_needs_more_than_is_free_does_not() -> None:
    tight = _gpu(weights=6.3)
    beside = dataclasses.replace(tight, beside_bytes=GIB // 4)

    assert not device_fill(tight).over
    assert device_fill(beside).over
    assert device_fill(beside).parts[-1] == ("memory.beside", 0.25 / 8)
    assert (tight.need_bytes, beside.need_bytes) == (tight.required_bytes, tight.required_bytes + GIB // 4)


def test_a_gpu_that_holds_nothing_needs_no_driver_and_the_ram_always_its_process() -> None:
    nothing = DeviceMemory(name="", kind="gpu", total_bytes=GIB, available_bytes=GIB, beside_bytes=5)

    assert (nothing.need_bytes, dataclasses.replace(nothing, kind="ram").need_bytes) == (0, 5)


def _colours(bar: MemoryBar) -> list[QColor]:
    image = bar.grab().toImage()
    return [image.pixelColor(x, image.height() // 2) for x in range(image.width())]


def test_the_track_shows_as_many_pixels_as_bytes(qtbot: QtBot, theme: ThemeController) -> None:
    bar = MemoryBar(theme)
    qtbot.addWidget(bar)
    bar.resize(160, 10)
    bar.set_device(_gpu(weights=4))

    colours = _colours(bar)

    # One pixel of each part is the gap to the next.
    assert colours.count(theme.theme.color("memory.weights")) == 79
    assert colours.count(theme.theme.color("memory.kv")) == 9


def test_what_does_not_fit_ends_hatched(qtbot: QtBot, theme: ThemeController) -> None:
    bar = MemoryBar(theme, 14)
    qtbot.addWidget(bar)
    bar.resize(160, 18)
    bar.set_device(_gpu(weights=9))

    end = _colours(bar)[-6:]

    assert any(colour.red() > 150 and colour.green() < 120 for colour in end)


def test_a_split_stands_as_two_lines_with_the_gpu_first(qtbot: QtBot, theme: ThemeController) -> None:
    rows = MemoryRows(theme)
    qtbot.addWidget(rows)
    ram = DeviceMemory(name="RAM", kind="ram", total_bytes=32 * GIB, available_bytes=20 * GIB, weights_bytes=2 * GIB)

    rows.set_devices((ram, _gpu(weights=4)))

    assert rows.accessibleName() == "GPU: 4.5 of 7.0 GiB free, RAM: 2.0 of 20.0 GiB free"
    assert rows.sizeHint().height() == 2 * 12 + 3


def _machine(*gpus: Gpu) -> HardwareSnapshot:
    cpu = Cpu(name="x", physical_cores=8, threads=16)
    return HardwareSnapshot(ram_total_bytes=32 * GIB, ram_available_bytes=20 * GIB, cpu=cpu, gpus=gpus)


def test_the_meter_leaves_out_gpus_without_memory_of_their_own() -> None:
    shared = Gpu(name="780M", vendor="amd", unified=True, memory_total_bytes=4 * GIB, memory_free_bytes=4 * GIB)
    asleep = Gpu(name="A", vendor="nvidia", memory_total_bytes=None)
    own = Gpu(name="B", vendor="nvidia", memory_total_bytes=8 * GIB, memory_free_bytes=6 * GIB)

    assert meter_lines(_machine(shared, asleep, own), planned_gpu=GIB) == (
        MeterLine("GPU", 2 * GIB, 8 * GIB, GIB),
        MeterLine("RAM", 12 * GIB, 32 * GIB, 0),
    )


def test_the_meter_says_used_planned_and_total(qtbot: QtBot, theme: ThemeController) -> None:
    meter = MemoryMeter(theme)
    qtbot.addWidget(meter)

    meter.set_lines((MeterLine("GPU", int(0.4 * GIB), 8 * GIB, int(6.5 * GIB)),))

    assert meter.accessibleName() == "Memory: GPU 0.4 + 6.5 / 8.0 GiB"
