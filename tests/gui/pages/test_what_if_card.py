"""The card of other machines, used as a user does: in a real window, over real services."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QLineEdit, QListView, QTableView, QWidget
from pytestqt.qtbot import QtBot

from garden.core.fit_forecast import Verdict
from garden.core.quantity import GIB
from garden.gui.main_window import MainWindow
from garden.gui.pages.machine_page import MachinePage
from garden.gui.pages.machine_sheet import MachineSheet
from garden.gui.pages.what_if_card import WhatIfCard
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.what_if_table import WhatIfTableModel
from garden.services.garden import Garden


@pytest.fixture
def window(qtbot: QtBot, garden: Garden, theme: ThemeController) -> Iterator[MainWindow]:
    window = MainWindow(garden, theme)
    qtbot.addWidget(window)
    window.resize(1_440, 1_800)
    window.show_page("machine")
    window.begin()
    qtbot.waitUntil(
        lambda: len(card(window).table.rows) > 5 and page(window).machine.run_map is not None, timeout=30_000
    )
    yield window
    window.dismiss()


def page(window: MainWindow) -> MachinePage:
    found = window.page("machine")
    assert isinstance(found, MachinePage)
    return found


def card(window: MainWindow) -> WhatIfCard:
    found = window.findChild(WhatIfCard)
    assert isinstance(found, WhatIfCard)
    return found


def press(root: QWidget, name: str) -> None:
    button = root.findChild(QAbstractButton, name)
    assert button is not None and button.isVisible() and button.isEnabled()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def select(window: MainWindow, title: str) -> None:
    table = window.findChild(QTableView, "whatIf.machines")
    assert table is not None
    number = next(number for number, row in enumerate(card(window).table.rows) if title in row.title)
    place = table.visualRect(card(window).table.index(number, 0)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)


def text_of(root: QWidget, name: str) -> str:
    label = root.findChild(QLabel, name)
    assert label is not None
    return label.text()


def test_a_machine_is_looked_through_and_left_again(qtbot: QtBot, window: MainWindow, garden: Garden) -> None:
    chart = page(window).machine
    assert chart.run_map is not None
    here = chart.run_map
    select(window, "4090")
    assert text_of(window, "whatIf.reason").startswith("All 49 layers fit on the GPU")

    press(window, "whatIf.look")

    qtbot.waitUntil(lambda: window.findChild(QWidget, "whatIf.band") is not None)
    band = window.findChild(QWidget, "whatIf.band")
    assert band is not None and band.isVisible()
    assert band.accessibleName() == "What if: GeForce RTX 4090, 24 GB + 32 GB RAM"
    qtbot.waitUntil(lambda: chart.run_map is not here and chart.run_map is not None and chart.run_map.has_gpu)
    qtbot.waitUntil(lambda: sum(row.chosen for row in card(window).table.rows) == 1)

    press(band, "whatIf.back")

    qtbot.waitUntil(lambda: not band.isVisible())
    qtbot.waitUntil(lambda: chart.run_map is not None and not chart.run_map.has_gpu)
    assert garden.what_if.chosen is None


def test_another_type_moves_every_verdict(qtbot: QtBot, window: MainWindow) -> None:
    before = {row.title: row.forecast.total_bytes for row in card(window).table.rows}

    page(window).what_if.choose_type("F16")

    qtbot.waitUntil(
        lambda: all((row.forecast.total_bytes or 0) > 2 * (before[row.title] or 0) for row in card(window).table.rows)
    )
    assert {row.forecast.verdict for row in card(window).table.rows[1:4]} == {Verdict.TOO_LARGE}


def test_a_machine_of_the_catalogue_is_added_with_the_keyboard(qtbot: QtBot, window: MainWindow) -> None:
    press(window, "whatIf.add")
    sheet = window.findChild(MachineSheet)
    assert sheet is not None and sheet.isVisible()
    search = sheet.findChild(QLineEdit, "machineSheet.search")
    machines = sheet.findChild(QListView, "machineSheet.list")
    assert search is not None and machines is not None

    QTest.keyClicks(search, "rtx 5090")
    assert machines.model().rowCount() == 2
    machines.setCurrentIndex(machines.model().index(1, 0))
    QTest.keyClick(machines, Qt.Key.Key_Return)

    assert not sheet.isVisible()
    qtbot.waitUntil(lambda: card(window).table.rows[-1].title == "GeForce RTX 5090, 32 GB + 32 GB RAM")


def test_a_machine_is_typed_in_and_what_is_no_size_is_said(qtbot: QtBot, window: MainWindow, garden: Garden) -> None:
    press(window, "whatIf.add")
    sheet = window.findChild(MachineSheet)
    assert sheet is not None
    ram, gpu = (sheet.findChild(QLineEdit, f"machineSheet.{name}") for name in ("ram", "gpu"))
    assert ram is not None and gpu is not None
    count = len(garden.what_if.machines)

    gpu.setFocus()
    QTest.keyClicks(gpu, "much")
    press(sheet, "machineSheet.add")
    assert sheet.isVisible() and text_of(sheet, "machineSheet.hint") == "Type sizes in gigabytes, such as 32."
    gpu.clear()
    QTest.keyClicks(gpu, "48")
    press(sheet, "machineSheet.add")

    assert not sheet.isVisible()
    assert len(garden.what_if.machines) == count + 1
    assert garden.what_if.machines[-1].gpu_bytes == 48 * GIB
    qtbot.waitUntil(lambda: card(window).table.rows[-1].title == "GPU, 48 GB + 32 GB RAM")
    select(window, "48 GB")
    press(window, "whatIf.remove")
    qtbot.waitUntil(lambda: len(card(window).table.rows) == count + 1)


def test_the_table_passes_qts_own_checks(window: MainWindow, qtmodeltester: object) -> None:
    model = WhatIfTableModel()
    model.show_rows(card(window).table.rows)
    qtmodeltester.check(model)  # type: ignore[attr-defined]  # a fixture without types
