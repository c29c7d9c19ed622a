from __future__ import annotations

import dataclasses

from PySide6.QtGui import QColor
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from garden.core.fit_forecast import DeviceMemory
from garden.core.hardware_snapshot import Cpu, Gpu, HardwareSnapshot
from garden.core.quantity import GIB
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.device_memory_view import DeviceMemoryView
from garden.gui.widgets.legend import Legend
from garden.gui.widgets.memory_bar import MemoryBar, MemoryRows, device_fill, device_labels, legend_items
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

    assert [(token.removeprefix("memory."), share) for token, share in fill.parts[:4]] == [
        ("used", 0.125),
        ("loaded", 0.0),
        ("weights", 0.5),
        ("kv", 0.0625),
    ]
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


def _ram(held: float = 0, freed: float = 0) -> DeviceMemory:
    return DeviceMemory(
        name="RAM",
        kind="ram",
        total_bytes=32 * GIB,
        available_bytes=16 * GIB,
        weights_bytes=2 * GIB,
        held_bytes=int(held * GIB),
        freed_bytes=int(freed * GIB),
    )


def test_what_loaded_models_hold_stands_apart_from_what_others_use(qtbot: QtBot, theme: ThemeController) -> None:
    bar = MemoryBar(theme)
    qtbot.addWidget(bar)
    bar.resize(160, 10)
    bar.set_device(_ram(held=4))

    colours = _colours(bar)

    assert colours.count(theme.theme.color("memory.used")) == 59
    assert colours.count(theme.theme.color("memory.loaded")) == 19
    assert device_fill(_ram(held=40)).parts[:2] == (("memory.used", 0.0), ("memory.loaded", 0.5))


def test_what_is_freed_first_is_underlined(qtbot: QtBot, theme: ThemeController) -> None:
    bar = MemoryBar(theme)
    qtbot.addWidget(bar)
    bar.resize(160, 10)
    bar.set_device(_ram(freed=4))

    image = bar.grab().toImage()
    below = [image.pixelColor(x, 9) for x in range(160)]

    loaded = theme.theme.color("memory.loaded")
    assert [x for x, colour in enumerate(below) if colour == loaded] == list(range(80, 100))


def test_words_say_what_is_held_and_what_is_freed(qtbot: QtBot, theme: ThemeController) -> None:
    view = DeviceMemoryView(theme)
    qtbot.addWidget(view)
    view.set_devices((_ram(),))
    assert view.words == ""
    view.set_devices((_ram(held=1.5),))
    assert view.words == "Loaded models hold 1.50 GiB of RAM."
    view.set_devices((_ram(held=1.5, freed=2), dataclasses.replace(_gpu(weights=4), freed_bytes=GIB)))
    assert view.words == (
        "Other loaded models hold 1.50 GiB of RAM. "
        "Unloading frees 1.00 GiB of GPU memory and 2.00 GiB of RAM, counted as free."
    )
    view.resize(160, 200)
    view.show()
    assert view.sizeHint().height() > 60, "narrow, its words take several lines"


def test_several_gpus_are_told_apart() -> None:
    assert device_labels((_gpu(weights=4), _gpu(weights=4), _ram())) == ["GPU1", "GPU2", "RAM"]
    assert device_labels((_gpu(weights=4), _ram())) == ["GPU", "RAM"]


def test_the_legend_names_what_the_bars_show() -> None:
    assert "Loaded models" not in [title for _token, title in legend_items([_ram()])]
    assert ("memory.loaded", "Loaded models") in legend_items([_ram(held=1)])


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


def _grey_rows(rows: MemoryRows, left: int) -> set[int]:
    """Lines of pixels right of a place in which something is written or drawn."""
    image = rows.grab().toImage()
    paper = image.pixelColor(image.width() - 1, 0)
    return {y for y in range(image.height()) for x in range(left, image.width()) if image.pixelColor(x, y) != paper}


def test_figures_stay_where_it_is_narrow_and_the_track_moves_below(qtbot: QtBot, theme: ThemeController) -> None:
    rows = MemoryRows(theme)
    qtbot.addWidget(rows)
    rows.set_devices((_ram(),))
    rows.resize(101, 45)

    drawn = _grey_rows(rows, 60)

    # Figures, some empty lines, the track.
    gaps = [y for y in range(min(drawn), max(drawn)) if y not in drawn]
    assert gaps
    assert max(drawn) - max(gaps) >= 6
    assert min(gaps) - min(drawn) >= 6


def test_a_legend_without_room_goes_on_in_the_next_line(qtbot: QtBot, theme: ThemeController) -> None:
    legend = Legend(theme, legend_items([_ram(held=1)]), wrap=True)
    qtbot.addWidget(legend)
    legend.show()

    heights = []
    for width in (900, 300, 900):
        legend.resize(width, legend.height())
        heights.append(legend.height())

    assert heights[1] >= 2 * heights[0]
    assert heights[2] == heights[0]


def test_words_that_need_another_line_make_all_around_them_higher_at_once(qtbot: QtBot, theme: ThemeController) -> None:
    outer = QWidget()
    qtbot.addWidget(outer)
    column = QVBoxLayout(outer)
    around: list[QVBoxLayout] = [column]
    for _level in range(3):
        inner = QWidget()
        inner.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        around[-1].addWidget(inner)
        around.append(QVBoxLayout(inner))
    view = DeviceMemoryView(theme)
    around[-1].addWidget(view)
    column.addStretch(1)
    outer.resize(380, 400)
    outer.show()
    view.set_devices((_ram(),))
    qtbot.wait(20)

    view.set_devices((_ram(held=1.5, freed=2.5),))
    column.activate()

    words = view.findChild(QLabel, "memory.held")
    assert words is not None
    assert words.height() == words.heightForWidth(words.width()) > 20
    assert words.geometry().bottom() < view.height()


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
