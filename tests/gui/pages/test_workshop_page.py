from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit, QTableView, QWidget
from pytestqt.qtbot import QtBot

from garden.core.library_entry import LibraryEntry
from garden.gui.bridge.event_pump import EventPump
from garden.gui.pages.workshop_page import WorkshopPage
from garden.gui.question import Question
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.quant_table import REQUANTIZED, QuantColumn
from garden.gui.widgets.button import Button
from garden.gui.widgets.state_view import StateView
from garden.gui.widgets.switch import CheckBox
from garden.quantization.fallback_text import fallback_sentence
from garden.services.garden import Garden
from tests.quantization.odd_models import write_odd_model
from tests.tiny_models import write_tiny_model

W = TypeVar("W", bound=QWidget)


class Window:
    """What the page asks of the window."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.compared: list[str] = []
        self.planned: list[tuple[int, int]] = []
        self.pages: list[str] = []

    def show_page(self, name: str) -> None:
        self.pages.append(name)

    def notify(self, sentence: str, action: str = "") -> None:
        self.said.append(f"{sentence} {action}".strip())

    def compare(self, entries: Sequence[LibraryEntry], loads: object = None) -> None:
        self.compared += [entry.ref.quant_type or "" for entry in entries]

    def plan_memory(self, ram_bytes: int, gpu_bytes: int) -> None:
        self.planned.append((ram_bytes, gpu_bytes))


@pytest.fixture
def window() -> Window:
    return Window()


@pytest.fixture
def page(qtbot: QtBot, garden: Garden, window: Window, theme: ThemeController) -> Iterator[WorkshopPage]:
    pump = EventPump(garden.bus)
    page = WorkshopPage(garden, pump, window, theme)  # type: ignore[arg-type]  # only what this page asks
    qtbot.addWidget(page)
    page.resize(1_264, 850)
    yield page
    page.hide()
    pump.close()


def part(page: WorkshopPage, kind: type[W], name: str) -> W:
    found = page.findChild(kind, name)
    assert found is not None, name
    return found


def types(page: WorkshopPage) -> QTableView:
    return part(page, QTableView, "workshop.types")


def cell(page: WorkshopPage, quant_type: str, column: QuantColumn) -> str:
    model = types(page).model()
    for row in range(model.rowCount()):
        if model.index(row, QuantColumn.TYPE).data() == quant_type:
            return str(model.index(row, column).data())
    raise AssertionError(f"{quant_type} is not listed")


def press(page: WorkshopPage, quant_type: str) -> None:
    view = types(page)
    model = view.model()
    for row in range(model.rowCount()):
        if model.index(row, QuantColumn.TYPE).data() == quant_type:
            place = view.visualRect(model.index(row, QuantColumn.TYPE)).center()
            QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)


def click(page: WorkshopPage, name: str) -> None:
    QTest.mouseClick(part(page, Button, name), Qt.MouseButton.LeftButton)


def open_with(page: WorkshopPage, qtbot: QtBot, path: Path) -> None:
    page._garden.library.add_file(path)
    page.show()
    qtbot.waitUntil(lambda: any(row.fit for row in page.workshop.table.rows), timeout=30_000)


def test_without_a_model_it_says_where_to_get_one(page: WorkshopPage, window: Window, qtbot: QtBot) -> None:
    page.show()
    qtbot.waitUntil(lambda: page.workshop.listed)
    state = part(page, StateView, "workshop.state")

    click(page, "workshop.state.action1")

    assert state.isVisible()
    assert window.pages == ["discover"]


@pytest.mark.engine
def test_types_are_chosen_made_and_measured(
    page: WorkshopPage, window: Window, qtbot: QtBot, tiny_model: Path, garden: Garden
) -> None:
    open_with(page, qtbot, tiny_model)
    page.workshop.table.choose([])
    press(page, "Q4_K_M")
    press(page, "Q2_K")
    size = cell(page, "Q4_K_M", QuantColumn.SIZE)

    assert part(page, QLabel, "workshop.chosen").text() == "2 types chosen"
    click(page, "workshop.quantize")
    qtbot.waitUntil(lambda: len(page.workshop.reports) == 2, timeout=60_000)

    receipts = {receipt.quant_type: receipt for receipt in garden.workshop.receipts()}
    assert f"{receipts['Q4_K_M'].size_bytes / 1024**2:.1f}" == size
    assert receipts["Q4_K_M"].size_bytes == Path(receipts["Q4_K_M"].path).stat().st_size
    qtbot.waitUntil(lambda: cell(page, "Q2_K", QuantColumn.NOTE) == "In library")
    assert "±" in cell(page, "Q2_K", QuantColumn.LOSS)
    assert window.said == []

    click(page, "workshop.compare")
    assert window.compared == ["F16", page.workshop.receipts[0].quant_type]


@pytest.mark.engine
def test_a_quantized_source_asks_for_consent_first(
    page: WorkshopPage, qtbot: QtBot, tiny_model: Path, garden: Garden
) -> None:
    source = garden.library.describe(tiny_model)
    made = garden.workshop.quantize(source, "Q8_0").result(60)
    open_with(page, qtbot, tiny_model)
    page.open_entries([garden.library.describe(Path(made.path))])
    qtbot.waitUntil(lambda: any(row.fit for row in page.workshop.table.rows), timeout=30_000)
    page.workshop.table.choose(["Q4_0"])
    start, consent = part(page, Button, "workshop.quantize"), part(page, CheckBox, "workshop.consent")

    assert "already quantized (Q8_0)" in part(page, QLabel, "workshop.refusal").text()
    assert not start.isEnabled()
    assert "agree" in start.toolTip()

    QTest.mouseClick(consent, Qt.MouseButton.LeftButton)
    click(page, "workshop.quantize")
    qtbot.waitUntil(lambda: len(page.workshop.receipts) == 2, timeout=60_000)

    assert page.workshop.receipts[0].requantized


@pytest.mark.engine
def test_keys_choose_and_the_meter_plans(page: WorkshopPage, window: Window, qtbot: QtBot, tiny_model: Path) -> None:
    open_with(page, qtbot, tiny_model)
    page.workshop.table.choose([])
    view = types(page)
    view.setFocus()
    view.selectRow(0)

    QTest.keyClick(view, Qt.Key.Key_Down)
    QTest.keyClick(view, Qt.Key.Key_Space)

    assert [row.quant_type for row in page.workshop.table.chosen] == [page.workshop.table.rows[1].quant_type]
    assert window.planned[-1][0] > 0


@pytest.mark.engine
def test_a_size_chooses_the_largest_type_below_it(page: WorkshopPage, qtbot: QtBot, tiny_model: Path) -> None:
    open_with(page, qtbot, tiny_model)
    sizes = sorted((row.forecast.size_bytes, row.quant_type) for row in page.workshop.table.rows if row.forecast)
    click(page, "workshop.fitSize")
    field = part(page, QLineEdit, "workshop.size")

    QTest.keyClicks(field, "0.01 MiB")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert field.isVisible()
    field.setText(f"{(sizes[-2][0] + 1) / 1024**2} MiB")
    QTest.keyClick(field, Qt.Key.Key_Return)

    assert [row.quant_type for row in page.workshop.table.chosen] == [sizes[-2][1]]
    assert not field.isVisible()


@pytest.mark.engine
def test_the_command_does_the_same(page: WorkshopPage, qtbot: QtBot, tiny_model: Path) -> None:
    open_with(page, qtbot, tiny_model)
    page.workshop.table.choose(["Q8_0", "Q2_K"])

    click(page, "workshop.command")

    assert QGuiApplication.clipboard().text() == f"garden quantize {tiny_model} Q8_0 Q2_K"


@pytest.mark.engine
def test_a_source_that_is_gone_is_said_in_its_place(page: WorkshopPage, qtbot: QtBot, tiny_model: Path) -> None:
    open_with(page, qtbot, tiny_model)
    here = page.workshop.entries[0]
    gone = type(here)(
        ref=type(here.ref)(name="Gone", filenames=("gone.gguf",), path=str(tiny_model.parent / "gone.gguf")),
        origin="folder",
    )

    page.open_entries([gone])

    state = part(page, StateView, "workshop.state")
    qtbot.waitUntil(state.isVisible)
    assert "gone.gguf" in state.title


@pytest.mark.engine
@pytest.mark.parametrize("width", [1_000, 1_104, 1_264, 1_700])
def test_no_column_is_cut_in_any_width(page: WorkshopPage, qtbot: QtBot, tiny_model: Path, width: int) -> None:
    open_with(page, qtbot, tiny_model)
    view = types(page)

    page.resize(width, 800)
    qtbot.waitUntil(lambda: view.horizontalHeader().length() == view.viewport().width())

    hidden = [column for column in QuantColumn if view.isColumnHidden(column)]
    assert QuantColumn.SPEED in hidden  # nothing has answered here
    assert (QuantColumn.PUBLISHED in hidden) == (width not in (1_264, 1_700))
    assert QuantColumn.LOSS not in hidden


@pytest.mark.engine
def test_the_side_panel_folds_in_a_narrow_window(page: WorkshopPage, qtbot: QtBot, tiny_model: Path) -> None:
    open_with(page, qtbot, tiny_model)
    button = part(page, Button, "workshop.showSide")
    assert not button.isVisible()

    page.resize(800, 700)
    assert button.isVisible()
    assert not page._side.isVisible()

    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert page._side.isVisible()


# What can go wrong


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], check=False).returncode:
        pytest.skip("only root may mount a small disk")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.engine
def test_a_source_that_vanishes_before_the_start_is_said(
    page: WorkshopPage, window: Window, qtbot: QtBot, tiny_model: Path, tmp_path: Path
) -> None:
    source = shutil.copy(tiny_model, tmp_path / "Gone-F16.gguf")
    open_with(page, qtbot, Path(source))
    page.workshop.table.choose(["Q4_0"])
    Path(source).unlink()

    click(page, "workshop.quantize")
    qtbot.waitUntil(lambda: bool(window.said))

    assert window.said == [f"“Gone-F16.gguf” is no longer in {tmp_path}. Put it back, or choose another model."]
    assert page.workshop.waiting_losses == ()
    assert page.workshop.receipts == ()


@pytest.mark.engine
def test_a_file_of_that_name_is_replaced_only_when_the_user_says_so(
    page: WorkshopPage, window: Window, qtbot: QtBot, tiny_model: Path, garden: Garden
) -> None:
    open_with(page, qtbot, tiny_model)
    there = [
        Path(garden.workshop.quantize(garden.library.describe(tiny_model), kind, keep=False).result(60).path)
        for kind in ("Q8_0", "Q4_0")
    ]
    before = [path.stat().st_ino for path in there]
    page.workshop.set_measure_after(False)
    page.workshop.table.choose(["Q8_0", "Q4_0"])

    click(page, "workshop.quantize")
    qtbot.waitUntil(lambda: page.window().findChild(Question, "replaceQuestion") is not None, timeout=10_000)
    question = page.window().findChild(Question, "replaceQuestion")
    assert isinstance(question, Question)
    keep, replace = (question.findChild(Button, f"replaceQuestion.view.action{number}") for number in (2, 1))
    assert isinstance(keep, Button)
    assert isinstance(replace, Button)
    qtbot.waitUntil(lambda: "Q4_0" in question.accessibleName() and "Q8_0" in question.accessibleName())
    keep.click()
    assert [path.stat().st_ino for path in there] == before

    page.workshop.table.choose(["Q8_0"])
    click(page, "workshop.quantize")
    qtbot.waitUntil(lambda: question.is_open)
    assert question.accessibleName() == "Replace Q8_0?"
    replace.click()
    qtbot.waitUntil(lambda: len(page.workshop.receipts) == 1, timeout=60_000)
    assert there[0].stat().st_ino != before[0]
    assert window.said == []


@pytest.mark.engine
def test_a_full_disk_is_said_and_leaves_nothing(
    page: WorkshopPage, window: Window, qtbot: QtBot, tiny_model: Path, garden: Garden, small_disk: Path
) -> None:
    garden.settings.change(models_dir=str(small_disk))
    open_with(page, qtbot, tiny_model)
    page.workshop.table.choose(["Q8_0"])

    click(page, "workshop.quantize")
    qtbot.waitUntil(lambda: bool(window.said), timeout=30_000)

    (said,) = window.said
    assert said.startswith("The disk has ")
    assert said.endswith("MiB. Free some space, or choose another folder.")
    assert [path for path in small_disk.rglob("*") if path.is_file()] == []
    assert "Q8_0" not in [row.quant_type for row in page.workshop.table.rows if not row.can_be_chosen]


@pytest.mark.engine
def test_what_is_in_the_way_is_said_and_kept(
    page: WorkshopPage, window: Window, qtbot: QtBot, tiny_model: Path, garden: Garden
) -> None:
    theirs = garden.settings.models_dir / "Tiny-Chat" / "Tiny-Chat-Q8_0.gguf"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"mine")
    open_with(page, qtbot, tiny_model)
    page.workshop.table.choose(["Q8_0"])

    click(page, "workshop.quantize")
    qtbot.waitUntil(lambda: bool(window.said), timeout=30_000)

    assert window.said == [
        "“Tiny-Chat-Q8_0.gguf” exists already and was not made here. Choose another name, or remove it first."
    ]
    assert theirs.read_bytes() == b"mine"


@pytest.mark.engine
def test_cancelling_midway_leaves_nothing_and_the_type_can_be_chosen_again(
    page: WorkshopPage, window: Window, qtbot: QtBot, tmp_path: Path, garden: Garden
) -> None:
    large = write_tiny_model(tmp_path / "Large-F16.gguf", blocks=60)
    open_with(page, qtbot, large)
    page.workshop.table.choose(["Q3_K_M"])
    click(page, "workshop.quantize")
    qtbot.waitUntil(lambda: any(job.done > 0 for job in page.workshop.queue), timeout=30_000)

    click(page, "workshop.cancel.Q3_K_M")
    qtbot.waitUntil(lambda: not page.workshop.queue and not page.workshop.waiting_losses, timeout=10_000)

    row = next(row for row in page.workshop.table.rows if row.quant_type == "Q3_K_M")
    assert row.can_be_chosen
    assert row.note[0] != "Waiting"
    assert [path for path in garden.settings.models_dir.rglob("*") if path.is_file()] == []
    assert window.said == []
    assert page.workshop.receipts == ()


@pytest.mark.engine
def test_tensors_of_another_type_stand_in_the_receipt(page: WorkshopPage, qtbot: QtBot, tmp_path: Path) -> None:
    open_with(page, qtbot, write_odd_model(tmp_path / "Odd-F16.gguf", width=96))
    page.workshop.set_measure_after(False)
    page.workshop.table.choose(["Q4_K_M"])

    click(page, "workshop.quantize")
    qtbot.waitUntil(lambda: len(page.workshop.receipts) == 1, timeout=60_000)

    told = part(page, QLabel, "workshop.fallbacks")
    assert told.isVisible()
    assert told.text() == fallback_sentence(page.workshop.receipts[0].fallbacks)
    assert "take a larger type" in told.text()


@pytest.mark.engine
def test_before_the_first_run_of_a_source_its_time_is_not_guessed(
    page: WorkshopPage, qtbot: QtBot, tiny_model: Path
) -> None:
    open_with(page, qtbot, tiny_model)
    page.workshop.set_measure_after(False)
    page.resize(1_104, 750)  # the page in the smaller of the two usual windows
    page.workshop.table.choose(["Q8_0"])
    time = part(page, QLabel, "workshop.estimate2")
    qtbot.waitUntil(time.isVisible)
    assert time.text() == "time not measured yet"

    click(page, "workshop.quantize")
    qtbot.waitUntil(lambda: len(page.workshop.receipts) == 1, timeout=60_000)
    page.workshop.table.choose(["Q4_0"])

    assert time.text().startswith("about ")


@pytest.mark.engine
def test_for_a_quantized_source_nothing_is_chosen_or_published_and_it_is_said_why(
    page: WorkshopPage, qtbot: QtBot, tiny_model: Path, garden: Garden
) -> None:
    made = garden.workshop.quantize(garden.library.describe(tiny_model), "Q8_0").result(60)
    page.open_entries([garden.library.describe(Path(made.path))])
    page.show()
    qtbot.waitUntil(lambda: any(row.fit for row in page.workshop.table.rows), timeout=30_000)

    rows = page.workshop.table.rows
    assert [row.quant_type for row in rows if row.chosen or row.recommended or row.published] == []
    assert REQUANTIZED in part(page, QLabel, "workshop.refusal").text()
    assert not part(page, Button, "workshop.fitMachine").isEnabled()
    assert part(page, QWidget, "workshop.chart").accessibleDescription().startswith("No loss was measured yet")
