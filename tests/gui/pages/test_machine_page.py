from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel
from pytestqt.qtbot import QtBot

from garden.core.hardware_snapshot import Gpu
from garden.gui.bridge.event_pump import EventPump
from garden.gui.pages.machine_page import MachinePage
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.card import Card
from garden.services.garden import Garden
from tests.gui.viewmodels.test_machine import loaded, predicted

GIB = 1024**3


class Window:
    """What the page asks of the window."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.pages: list[str] = []

    def show_page(self, name: str) -> None:
        self.pages.append(name)

    def notify(self, sentence: str, _action: str = "") -> None:
        self.said.append(sentence)


@pytest.fixture
def window() -> Window:
    return Window()


@pytest.fixture
def page(qtbot: QtBot, garden: Garden, window: Window, theme: ThemeController) -> Iterator[MachinePage]:
    pump = EventPump(garden.bus)
    page = MachinePage(garden, pump, window, theme)  # type: ignore[arg-type]  # only what this page asks
    qtbot.addWidget(page)
    page.resize(1_264, 900)
    page.show()
    qtbot.waitUntil(lambda: page.machine.run_map is not None and page.machine.audit_read, timeout=30_000)
    yield page
    page.hide()
    pump.close()


def button(page: MachinePage, name: str) -> QAbstractButton:
    found: Any = page.findChild(QAbstractButton, name)
    assert isinstance(found, QAbstractButton)
    return found


def texts(page: MachinePage) -> list[str]:
    return [label.text() for label in page.findChildren(QLabel) if label.isVisible() and label.text()]


def test_the_cards_name_this_machine(page: MachinePage) -> None:
    shown = texts(page)

    assert "Memory" in shown
    assert any(text.startswith("llama-cpp-python ") for text in shown)
    assert any("core" in text and "thread" in text for text in shown)


def test_the_chart_has_the_areas_of_this_machine_and_says_what_it_reads(page: MachinePage) -> None:
    titles = [area.title for area in page.chart.areas]

    assert titles[-1] == "Too large"
    assert len(titles) == (2 if not page.machine.run_map or not page.machine.run_map.has_gpu else len(titles))
    assert page.chart.accessibleDescription().startswith("At 16k: ")


def test_another_cache_type_draws_other_boundaries(qtbot: QtBot, page: MachinePage) -> None:
    before = page.chart.areas[-2].upper
    page._kv_type.chosen.emit("q4_0")

    qtbot.waitUntil(lambda: page.chart.areas[-2].upper != before, timeout=30_000)
    assert page._kv_type.accessibleName() == "KV q4_0"
    after = page.chart.areas[-2].upper
    assert before is not None and after is not None and after[-1] > before[-1]


def test_the_line_is_read_where_keys_move_it(page: MachinePage) -> None:
    QTest.keyClick(page.chart, Qt.Key.Key_Home)

    assert page.chart.accessibleDescription().startswith("At 2k: ")


def test_refresh_looks_for_gpus_and_engine_again(qtbot: QtBot, page: MachinePage) -> None:
    qtbot.waitUntil(lambda: not page.machine.probing)
    with qtbot.waitSignal(page.machine.read):
        QTest.mouseClick(button(page, "machine.refresh"), Qt.MouseButton.LeftButton)

    assert page.machine.probing
    assert "Looking for GPUs and the engine" in texts(page)
    qtbot.waitUntil(lambda: not page.machine.probing, timeout=30_000)
    assert button(page, "machine.refresh").isEnabled()


def test_a_gpu_that_comes_has_a_row_and_a_command_to_copy(qtbot: QtBot, page: MachinePage, window: Window) -> None:
    now = page.machine.snapshot
    assert now is not None
    gpu = Gpu(name="RTX 4060", vendor="nvidia", memory_total_bytes=8 * GIB, memory_free_bytes=7 * GIB)
    page.machine._take(dataclasses.replace(now, gpus=(gpu,)))

    assert "The engine cannot use it" in " ".join(texts(page))
    QTest.mouseClick(button(page, "machine.gpu0.copy"), Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "garden engine add vulkan"
    assert window.said == ["The command is on the clipboard."]


def test_readings_change_the_words_and_keep_the_rows(page: MachinePage) -> None:
    now = page.machine.snapshot
    assert now is not None
    before = dict(page._rows)
    page.machine._take(dataclasses.replace(now, ram_available_bytes=round(1.5 * GIB)))

    assert page._rows == before
    assert "1.5" in texts(page)


def test_without_a_load_the_audit_says_where_they_come_from(page: MachinePage, window: Window) -> None:
    assert "No model was loaded yet" in texts(page)
    QTest.mouseClick(button(page, "machine.noAudit.action1"), Qt.MouseButton.LeftButton)

    assert window.pages == ["compare"]


def test_loads_are_listed_with_their_errors(qtbot: QtBot, garden: Garden, page: MachinePage) -> None:
    garden.audit.loaded(loaded("Qwen3-8B", 1_010), predicted(1_000))
    page.hide()
    with qtbot.waitSignal(page.machine.audited):
        page.show()

    assert page.audit.table.index(0, 0).data() == "Qwen3-8B Q4_K_M"
    assert page.audit.table.index(0, 5).data() == "+1.0 %"
    shown = texts(page)
    assert {"1 load · mean error ", "1.0 %", " · worst 1.0 %"} <= set(shown)


def test_every_button_has_a_name(page: MachinePage) -> None:
    buttons = [button for button in page.findChildren(QAbstractButton) if button.isVisible()]

    assert buttons
    assert [button for button in buttons if not button.accessibleName() or not button.objectName()] == []


def test_a_page_that_is_hidden_reads_nothing(page: MachinePage) -> None:
    page.hide()

    assert not page._clock.isActive()
    assert not page.machine._timer.isActive()


def test_a_narrow_page_puts_the_chart_below(qtbot: QtBot, page: MachinePage) -> None:
    left = page._devices

    page.resize(1_000, 700)
    qtbot.waitUntil(lambda: page.chart.mapTo(page, page.chart.rect().topLeft()).x() > left.geometry().right())
    page.resize(760, 700)
    qtbot.waitUntil(lambda: page.chart.mapTo(page, page.chart.rect().topLeft()).x() < left.geometry().right())


def test_columns_that_need_more_room_than_there_is_stand_below_each_other(
    qtbot: QtBot, page: MachinePage, garden: Garden
) -> None:
    garden.audit.loaded(loaded("A-model-with-a-name", 1_010), predicted(1_000))
    page.hide()
    page.show()
    qtbot.waitUntil(lambda: len(page.machine.loads) == 1)

    for width in (972, 1_264, 900, 640):
        page.resize(width, 648)
        qtbot.wait(50)
        for card in page.findChildren(Card):
            right = card.mapTo(page, card.rect().topRight()).x()
            assert right < width, f"{card.objectName() or card} ends at {right} of {width}"
