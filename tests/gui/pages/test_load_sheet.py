"""The advanced view of a load, in Discover and in the Library, as far as the pane that is opened with it."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLabel, QSpinBox, QTableView, QWidget
from pytestqt.qtbot import QtBot

from garden.core.fit_forecast import Verdict
from garden.core.imagined_machine import ImaginedMachine
from garden.core.load_choice import LoadChoice
from garden.core.quantity import GIB
from garden.core.run_configuration import LoadParameters
from garden.gui.main_window import MainWindow
from garden.gui.pages.compare_page import ComparePage
from garden.gui.pages.discover_page import DiscoverPage
from garden.gui.pages.library_page import LibraryPage
from garden.gui.pages.load_bar import LoadBar
from garden.gui.pages.load_sheet import LoadSheet
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.load_fields import FIELDS
from garden.gui.widgets.context_slider import ContextSlider
from garden.gui.widgets.memory_bar import MemoryRows
from garden.services.garden import Garden
from garden.services.load_plan import LoadPlan
from tests.gui.server_line import load_of_line
from tests.hubserver import GgufFacts, HubServer, repository_of
from tests.hubserver.catalogue import many_types
from tests.tiny_models import write_tiny_model

pytestmark = pytest.mark.engine

TINY = "owner/Tiny-Chat-GGUF"
EXPERTS = "Qwen/Qwen3-30B-A3B"

#: What is chosen in the advanced view before a pane is opened: every field of a machine without a GPU.
CHOSEN: dict[str, int | str] = {
    "type_k": "q8_0",
    "type_v": "q4_0",
    "flash_attention": "on",
    "n_sequences": 2,
    "n_batch": 1_024,
    "n_ubatch": 128,
    "threads": 3,
    "threads_batch": 1,
    "load_mode": "mmap",
    "repack": "off",
    "swa_full": "on",
    "kv_unified": "on",
}

#: The same, and a context of 1,024 tokens, as the engine's child has to be told.
LOAD = LoadParameters(
    context_length=1_024,
    type_k="q8_0",
    type_v="q4_0",
    flash_attention="on",
    n_sequences=2,
    n_outputs_max=2,
    n_batch=1_024,
    n_ubatch=128,
    threads=3,
    threads_batch=1,
    load_mode="mmap",
    repack=False,
    swa_full=True,
    kv_unified=True,
)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A small model, and a large one with experts in two types."""
    # Heads of 32 values: those of the smallest model cannot be quantized in the cache.
    path = write_tiny_model(tmp_path / "Tiny-Chat-F16.gguf", name="Tiny Chat")
    facts = GgufFacts(total=2_000_000, architecture="llama", context_length=2_048)
    small = repository_of(TINY, path, license="mit", trending=9, gguf=facts)
    with HubServer([small, many_types(EXPERTS, 2)]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


@pytest.fixture
def garden(hub: HubServer) -> Iterator[Garden]:
    with Garden.open() as opened:
        yield opened


@pytest.fixture
def window(qtbot: QtBot, garden: Garden, theme: ThemeController) -> Iterator[MainWindow]:
    window = MainWindow(garden, theme)
    window.resize(1_440, 900)
    window.show_page("discover")
    window.begin()
    qtbot.waitExposed(window)
    yield window
    qtbot.waitUntil(lambda: window.pump.idle and not window.pump.waiting, timeout=30_000)
    window.dismiss()
    window.deleteLater()


def discover(qtbot: QtBot, window: MainWindow, repo_id: str = TINY) -> DiscoverPage:
    """Discover with all headers of a repository read."""
    window.open_repository(repo_id)
    page = window.page("discover")
    assert isinstance(page, DiscoverPage)
    repository = page.repository
    qtbot.waitUntil(lambda: bool(repository.files.rows) and repository.repo_id == repo_id, timeout=20_000)
    qtbot.waitUntil(lambda: all(row.header for row in repository.files.rows), timeout=30_000)
    qtbot.waitUntil(lambda: repository.settled and repository.plan is not None, timeout=20_000)
    return page


def library(qtbot: QtBot, garden: Garden, window: MainWindow, path: Path) -> LibraryPage:
    """The Library with one model chosen and forecast."""
    garden.library.add_file(path)
    window.show_page("library")
    page = window.page("library")
    assert isinstance(page, LibraryPage)
    qtbot.waitUntil(lambda: page.library.table.rowCount() == 1, timeout=20_000)
    table = page.findChild(QTableView, "library")
    assert table is not None
    table.selectRow(0)
    qtbot.waitUntil(lambda: page.chosen is not None and page.chosen.plan is not None, timeout=20_000)
    return page


def planned(page: LibraryPage) -> LoadChoice | None:
    """What the figures of the chosen model are of."""
    return page.chosen.plan.choice if page.chosen is not None and page.chosen.plan is not None else None


def press(parent: QWidget, name: str) -> None:
    found = [button for button in parent.window().findChildren(QAbstractButton, name) if button.isVisible()]
    assert found, f"no visible button {name}"
    assert found[0].isEnabled(), f"{name} is disabled: {found[0].toolTip()}"
    QTest.mouseClick(found[0], Qt.MouseButton.LeftButton)


def opened_sheet(window: MainWindow, name: str) -> LoadSheet:
    press(window, name)
    sheet = window.findChild(LoadSheet, "loadSheet")
    assert sheet is not None
    assert sheet.is_open
    return sheet


def field(sheet: LoadSheet, name: str) -> QSpinBox | QComboBox:
    found = sheet.findChild(QSpinBox, f"load.{name}") or sheet.findChild(QComboBox, f"load.{name}")
    assert found is not None
    return found


def value(sheet: LoadSheet, name: str) -> int | str:
    found = field(sheet, name)
    return found.value() if isinstance(found, QSpinBox) else str(found.currentData())


def enter(sheet: LoadSheet, name: str, wanted: int | str) -> None:
    """Choose with the keyboard, as a user does."""
    found = field(sheet, name)
    assert found.isVisible(), name
    found.setFocus()
    if isinstance(found, QSpinBox):
        found.selectAll()
        QTest.keyClicks(found, str(wanted))
        QTest.keyClick(found, Qt.Key.Key_Return)
        return
    QTest.keyClick(found, Qt.Key.Key_Home)
    while found.currentData() != wanted:
        before = found.currentIndex()
        QTest.keyClick(found, Qt.Key.Key_Down)
        assert found.currentIndex() != before, f"{name} has no {wanted}"


def line(sheet: LoadSheet) -> str:
    label = sheet.findChild(QLabel, "loadSheet.line.text")
    assert label is not None
    return label.accessibleName()


def set_context(window: MainWindow, tokens: int) -> None:
    (slider,) = [each for each in window.findChildren(ContextSlider, "contextSlider") if each.isVisible()]
    slider.setValue(tokens)
    assert slider.value() == tokens


def loaded(qtbot: QtBot, garden: Garden, window: MainWindow) -> LoadParameters:
    """Ask the only pane something; what its child says that it has loaded."""
    page = window.page("compare")
    assert isinstance(page, ComparePage)
    compare = page.compare
    qtbot.waitUntil(lambda: compare.letters == ("A",), timeout=20_000)
    compare.adjust("A", "max_tokens", 2)
    qtbot.waitUntil(lambda: compare.pane("A").configuration.ask.max_tokens == 2, timeout=10_000)
    compare.ask("Hello")
    qtbot.waitUntil(lambda: compare.turn_number == 0, timeout=20_000)
    qtbot.waitUntil(lambda: not compare.answering and not compare.pane("A").busy, timeout=60_000)
    (record,) = garden.audit.records()
    load = record.loaded.configuration.load
    # Nothing was resolved but what was left to the engine.
    asked = compare.pane("A").configuration.load
    assert asked == (load if asked.flash_attention != "auto" else dataclasses.replace(load, flash_attention="auto"))
    return load


# --- from the choice to the pane ---


def test_a_pane_that_is_opened_from_discover_loads_just_what_was_chosen(
    qtbot: QtBot, garden: Garden, window: MainWindow
) -> None:
    page = discover(qtbot, window)
    press(window, "fileDetail.download")
    qtbot.waitUntil(lambda: page.repository.files.rows[0].entry is not None, timeout=60_000)
    page.repository.options.choose_context(1_024)
    sheet = opened_sheet(window, "load.advanced")
    for name, wanted in CHOSEN.items():
        enter(sheet, name, wanted)
    qtbot.waitUntil(lambda: page.repository.settled)
    told = load_of_line(line(sheet))
    QTest.keyClick(sheet, Qt.Key.Key_Escape)

    press(window, "fileDetail.compare")

    assert loaded(qtbot, garden, window) == LOAD == told


@pytest.mark.starter
def test_a_pane_that_is_opened_from_the_library_loads_just_what_was_chosen(
    qtbot: QtBot, garden: Garden, window: MainWindow, starter_path: Path, tmp_path: Path
) -> None:
    path = tmp_path / "models" / "Starter-Q4_1.gguf"
    path.parent.mkdir()
    shutil.copyfile(starter_path, path)
    page = library(qtbot, garden, window, path)
    page.library.options.choose_context(1_024)
    sheet = opened_sheet(window, "libraryLoad.advanced")
    for name, wanted in CHOSEN.items():
        enter(sheet, name, wanted)
    qtbot.waitUntil(lambda: planned(page) == page.library.options.choice)
    told = load_of_line(line(sheet))
    QTest.keyClick(sheet, Qt.Key.Key_Escape)

    press(window, "libraryDetail.compare")

    assert loaded(qtbot, garden, window) == LOAD == told


def test_a_pane_that_is_opened_before_the_figures_came_loads_what_was_chosen_last(
    qtbot: QtBot, garden: Garden, window: MainWindow, tiny_model: Path
) -> None:
    page = library(qtbot, garden, window, tiny_model)
    set_context(window, 1_536)
    set_context(window, 1_280)
    assert planned(page) != page.library.options.choice

    press(window, "libraryDetail.compare")

    assert loaded(qtbot, garden, window).context_length == 1_280


def test_what_holds_on_any_machine_is_loaded_here_while_another_one_is_looked_through(
    qtbot: QtBot, garden: Garden, window: MainWindow, tiny_model: Path
) -> None:
    garden.what_if.choose(ImaginedMachine(ram_bytes=32 * GIB, gpu_bytes=24 * GIB))
    page = library(qtbot, garden, window, tiny_model)
    qtbot.waitUntil(lambda: page.chosen is not None and page.chosen.plan is not None and page.chosen.plan.has_gpu)
    set_context(window, 1_024)
    sheet = opened_sheet(window, "libraryLoad.advanced")
    enter(sheet, "n_gpu_layers", 1)
    enter(sheet, "type_k", "q8_0")
    qtbot.waitUntil(lambda: planned(page) == page.library.options.choice)
    assert "-ngl 1 " in line(sheet)
    QTest.keyClick(sheet, Qt.Key.Key_Escape)

    press(window, "libraryDetail.compare")

    load = loaded(qtbot, garden, window)
    assert (load.context_length, load.type_k, load.n_gpu_layers) == (1_024, "q8_0", 0)


# --- the fields ---


@dataclasses.dataclass
class Opened:
    """The sheet over the first file of a repository."""

    qtbot: QtBot
    page: DiscoverPage
    sheet: LoadSheet

    @property
    def plan(self) -> LoadPlan:
        self.qtbot.waitUntil(lambda: self.page.repository.settled, timeout=20_000)
        assert self.page.repository.plan is not None
        return self.page.repository.plan

    @property
    def bar(self) -> str:
        rows = self.sheet.findChild(MemoryRows)
        assert rows is not None
        return rows.accessibleName()

    def text(self, name: str) -> str:
        label = self.sheet.findChild(QLabel, name)
        assert label is not None
        return label.text() if not label.isHidden() else ""


@pytest.fixture
def experts(qtbot: QtBot, garden: Garden, window: MainWindow) -> Opened:
    """The large model with experts, on a machine with a card of 12 GiB."""
    garden.what_if.choose(ImaginedMachine(ram_bytes=64 * GIB, gpu_bytes=12 * GIB))
    page = discover(qtbot, window, "many/Qwen3-30B-A3B-GGUF")
    return Opened(qtbot, page, opened_sheet(window, "load.advanced"))


#: Each field with a value that is not the usual one.
OTHERS: dict[str, int | str] = {**CHOSEN, "n_gpu_layers": 7, "cpu_experts": 40}


def test_every_field_is_there_and_shows_what_was_found(experts: Opened) -> None:
    load = experts.plan.load

    assert {field.name for field in FIELDS} == set(OTHERS)
    assert all(field(experts.sheet, each.name).isVisible() for each in FIELDS)
    shown = {each.name: value(experts.sheet, each.name) for each in FIELDS}
    assert shown.pop("cpu_experts") == 0
    assert 0 < load.n_gpu_layers < 49
    switches = {True: "on", False: "off"}
    assert shown == {
        name: switches[found] if isinstance(found := getattr(load, name), bool) else found for name in shown
    }


#: What moves the memory of this model; the others move its line alone.
MOVING = ("n_gpu_layers", "cpu_experts", "type_k", "type_v", "n_sequences", "n_ubatch", "load_mode")


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_chosen_moves_forecast_bar_and_line_and_is_automatic_again_when_reset(
    experts: Opened, name: str
) -> None:
    sheet, before, bar, told = experts.sheet, experts.plan, experts.bar, line(experts.sheet)
    rows = [row.forecast for row in experts.page.repository.files.rows]
    values = [value(sheet, each.name) for each in FIELDS]

    enter(sheet, name, OTHERS[name])

    after = experts.plan
    assert value(sheet, name) == OTHERS[name]
    assert load_of_line(line(sheet)) == after.load != before.load
    assert after.choice.chosen == ("context_length", name)
    if name in MOVING:
        assert after.forecast != before.forecast
        assert [row.forecast for row in experts.page.repository.files.rows] != rows
    if name in ("type_k", "type_v", "n_gpu_layers", "cpu_experts"):
        assert experts.bar != bar

    press(sheet, "loadSheet.reset")

    assert experts.plan == before
    assert ([value(sheet, each.name) for each in FIELDS], experts.bar, line(sheet)) == (values, bar, told)
    assert experts.page.repository.options.choice.chosen == ()


def test_a_value_that_is_set_back_by_hand_is_found_again(experts: Opened) -> None:
    found = value(experts.sheet, "n_gpu_layers")
    enter(experts.sheet, "n_gpu_layers", 3)
    assert experts.plan.load.n_gpu_layers == 3
    assert experts.plan.found_layers == found

    enter(experts.sheet, "n_gpu_layers", found)

    assert experts.page.repository.options.choice.chosen == ()


def test_a_number_out_of_range_is_not_taken_and_the_range_is_told(experts: Opened) -> None:
    layers = field(experts.sheet, "n_gpu_layers")

    enter(experts.sheet, "n_gpu_layers", 5_000)

    assert layers.toolTip().endswith("From 0 to 49.")
    assert experts.plan.load.n_gpu_layers <= 49


def test_a_quantized_v_without_flash_attention_says_why_it_cannot_be(experts: Opened) -> None:
    enter(experts.sheet, "type_v", "q8_0")
    before = experts.plan.forecast.verdict

    enter(experts.sheet, "flash_attention", "off")

    assert (before, experts.plan.forecast.verdict) == (Verdict.FITS, Verdict.UNSUPPORTED)
    assert experts.text("loadSheet.reason") == (
        "A quantized V cache needs flash attention. Switch flash attention on, or keep V in f16."
    )


def test_esc_takes_what_is_half_written(experts: Opened) -> None:
    threads = field(experts.sheet, "threads")
    threads.setFocus()
    assert isinstance(threads, QSpinBox)
    threads.selectAll()
    QTest.keyClicks(threads, "9")

    QTest.keyClick(threads, Qt.Key.Key_Escape)

    assert not experts.sheet.is_open
    assert experts.plan.load.threads == 9


# --- slider and types ---


def test_slider_and_types_move_all_rows_at_once(qtbot: QtBot, garden: Garden, window: MainWindow) -> None:
    page = discover(qtbot, window, "many/Qwen3-30B-A3B-GGUF")
    repository = page.repository
    seen: list[set[tuple[int, str, str]]] = []
    repository.files.dataChanged.connect(
        lambda *_: seen.append(
            {
                (row.forecast.context_length or 0, row.load.type_k, row.load.type_v)
                for row in repository.files.rows
                if row.forecast and row.load
            }
        )
    )

    set_context(window, 8_192)
    qtbot.waitUntil(lambda: repository.settled)
    press(window, "kvType.q8_0")
    qtbot.waitUntil(lambda: repository.settled)

    assert seen[-1] == {(8_192, "q8_0", "q8_0")}
    assert all(len(rows) == 1 for rows in seen)


def test_the_largest_contexts_are_marked_on_the_slider(qtbot: QtBot, garden: Garden, window: MainWindow) -> None:
    garden.what_if.choose(ImaginedMachine(ram_bytes=64 * GIB, gpu_bytes=24 * GIB))
    page = discover(qtbot, window, "many/Qwen3-30B-A3B-GGUF")
    file = min(page.repository.files.rows, key=lambda row: row.file.size_bytes).file
    page.repository.select(file.filename)
    qtbot.waitUntil(lambda: page.repository.settled)
    plan = page.repository.plan
    slider = page.findChild(ContextSlider, "contextSlider")

    assert plan is not None
    assert slider is not None
    told = slider.toolTip().splitlines()
    assert told[-1] == f"Fits up to {plan.max_context:,} tokens"
    assert all(text in slider.accessibleDescription() for text in told)


def test_the_whole_line_is_shown_and_copied_as_it_is(experts: Opened) -> None:
    label = experts.sheet.findChild(QLabel, "loadSheet.line.text")
    assert label is not None

    press(experts.sheet, "loadSheet.line.copy")

    assert QGuiApplication.clipboard().text() == experts.plan.line
    assert label.text().replace("\u00a0", " ").replace("\u2060", "") == experts.plan.line
    assert label.height() >= label.heightForWidth(label.width())


# --- where there is little room ---


@pytest.mark.parametrize(("width", "lines"), [(1_440, 1), (1_024, 2)])
def test_nothing_of_the_bar_is_cut_where_there_is_little_room(
    qtbot: QtBot, window: MainWindow, width: int, lines: int
) -> None:
    window.resize(width, 700)
    page = discover(qtbot, window)
    page.repository.options.choose(type_k="q8_0")
    qtbot.waitUntil(lambda: page.repository.settled)
    bar = page.findChild(LoadBar)
    assert bar is not None
    qtbot.waitUntil(lambda: bar.findChild(QAbstractButton, "kvType.q8_0/f16") is not None)
    qtbot.wait(50)

    parts = [each for each in bar.findChildren(QAbstractButton) if each.isVisible()]
    assert [part.objectName() for part in parts if part.width() < part.minimumSizeHint().width()] == []
    assert all(bar.rect().contains(part.mapTo(bar, part.rect().bottomRight())) for part in parts)
    slider = bar.findChild(ContextSlider)
    assert slider is not None
    apart = abs(parts[0].mapTo(bar, parts[0].rect().center()).y() - slider.mapTo(bar, slider.rect().center()).y())
    assert (apart > slider.height() / 2) == (lines == 2)


def test_two_cache_types_do_not_widen_the_panel_of_the_library(
    qtbot: QtBot, garden: Garden, window: MainWindow, tiny_model: Path
) -> None:
    page = library(qtbot, garden, window, tiny_model)
    page.library.options.choose(type_k="q8_0", type_v="f16")
    qtbot.waitUntil(lambda: planned(page) == page.library.options.choice)
    qtbot.wait(50)

    advanced = page.findChild(QAbstractButton, "libraryLoad.advanced")
    assert advanced is not None
    assert advanced.mapTo(page, advanced.rect().topRight()).x() < page.width()
