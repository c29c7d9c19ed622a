"""A larger text in a window of 1280 × 800: everything is laid out anew at once, and nothing is cut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect
from PySide6.QtWidgets import QApplication, QLabel, QScrollArea, QSplitter, QWidget
from pytestqt.qtbot import QtBot

from garden.core.receipt import QuantizationReceipt
from garden.gui.main_window import MainWindow
from garden.gui.pages.pane_row import PaneRow
from garden.gui.pages.quant_side import QuantSide
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.button import Button
from garden.gui.widgets.composer import Composer
from garden.gui.widgets.label import Label
from garden.gui.widgets.rail import Rail
from garden.services.garden import Garden
from tests.hubserver import GgufFacts, HubServer, repository_of


@pytest.fixture
def hub(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    facts = GgufFacts(total=2_000_000, architecture="llama", context_length=2_048)
    with HubServer([repository_of("owner/Tiny-Chat-GGUF", tiny_model, card="# Tiny", gguf=facts)]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


@pytest.fixture
def controller(qapp: QApplication) -> Iterator[ThemeController]:
    controller = ThemeController(qapp, "light")
    yield controller
    controller.choose(scale=1.0)
    qapp.setStyleSheet("")


@pytest.fixture
def window(qtbot: QtBot, hub: HubServer, controller: ThemeController) -> Iterator[MainWindow]:
    with Garden.open() as garden:
        window = MainWindow(garden, controller)
        qtbot.addWidget(window)
        window.resize(1_280, 800)
        window.show()
        yield window
        window.dismiss()


def _page(window: MainWindow, name: str) -> QWidget:
    window.show_page(name)
    return window.page(name)


def _larger(controller: ThemeController) -> None:
    controller.choose(scale=1.5)
    # What became invalid is laid out by the events that were posted for it; the window keeps its size.
    QApplication.processEvents()


def _cut(inside: QWidget, widgets: list[QWidget]) -> list[str]:
    """Names of what is in sight and reaches out of it."""
    area = inside.rect()
    found = []
    for widget in widgets:
        place = QRect(widget.mapTo(inside, QPoint(0, 0)), widget.size())
        if widget.isVisible() and (place.left() < area.left() or place.right() > area.right()):
            found.append(widget.objectName() or type(widget).__name__)
    return found


def test_discover_is_whole_at_once_in_a_larger_text(
    qtbot: QtBot, window: MainWindow, controller: ThemeController
) -> None:
    page = _page(window, "discover")
    qtbot.waitUntil(lambda: bool(page.findChildren(Button, "fileDetail.download")), timeout=20_000)
    qtbot.waitUntil(page.findChildren(Button, "fileDetail.download")[0].isVisible, timeout=20_000)
    rail = window.findChild(Rail)
    assert rail is not None
    widths = [rail.width()]

    _larger(controller)

    widths.append(rail.width())
    assert widths == [ThemeController().theme.size("rail"), controller.theme.size("rail_collapsed")]
    splitter = page.findChild(QSplitter)
    assert splitter is not None
    qtbot.waitUntil(lambda: _cut(window, page.findChildren(QWidget)) == [], timeout=2_000)
    assert sum(splitter.sizes()) + splitter.handleWidth() == page.width() == window.width() - rail.width()
    assert (window.width(), window.height()) == (1_280, 800)


def test_sentences_of_the_settings_are_whole_at_once_in_a_larger_text(
    window: MainWindow, controller: ThemeController
) -> None:
    page = _page(window, "settings")

    _larger(controller)

    for label in page.findChildren(Label):
        if label.isVisible() and label.wordWrap():
            assert label.height() >= label.heightForWidth(label.width()), label.text()
    assert _cut(page, page.findChildren(QLabel)) == []


def test_four_panes_keep_their_buttons_and_figures_in_a_larger_text(qtbot: QtBot, controller: ThemeController) -> None:
    panes = PaneRow(controller)
    qtbot.addWidget(panes)
    panes.set_letters("ABCD")
    panes.resize(1_280 - controller.theme.size("rail_collapsed"), 700)
    panes.show()

    _larger(controller)

    panes.resize(1_280 - controller.theme.size("rail_collapsed"), 700)
    assert panes.width() == 1_280 - controller.theme.size("rail_collapsed")
    for letter in "ABCD":
        pane = panes.pane(letter)
        assert pane is not None
        for name in ("copy", "prompt", "export"):
            button = pane.findChild(Button, f"pane.{letter}.{name}")
            assert button is not None
            assert not button.isHidden()
            assert button.accessibleName().endswith(f"pane {letter}")
        assert pane.foot.height() >= 4 * controller.theme.px(16), "five figures stand in two rows"
        assert _cut(pane, pane.findChildren(Button)) == []


@pytest.mark.parametrize("scale", [1.0, 1.5])
def test_a_receipt_never_lies_under_its_scroll_bar(qtbot: QtBot, controller: ThemeController, scale: float) -> None:
    controller.choose(scale=scale)
    side = QuantSide(controller)
    qtbot.addWidget(side)
    receipt = QuantizationReceipt(
        quant_type="Q4_K_M",
        path="/models/A-Model-Of-A-Long-Name-Q4_K_M.gguf",
        size_bytes=123_456_789_012,
        bits_per_weight=4.85,
        seconds=3_700,
        peak_memory_bytes=10**9,
        sha256="ab" * 32,
        source_path="/models/A-Model-F16.gguf",
        source_sha256="cd" * 32,
        tensors={"Q4_K": 100, "Q6_K": 20},
        forecast_size_bytes=123_456_789_012,
    )
    side.show_receipts(receipt, [receipt], None, can_compare=True)
    side.setFixedWidth(max(side.least_width, controller.theme.px(320)))
    side.resize(side.width(), 240)
    side.show()

    area = side.findChild(QScrollArea)
    assert area is not None
    assert area.verticalScrollBar().isVisible()
    assert area.horizontalScrollBar().maximum() == 0, "nothing to shift sideways"
    assert _cut(area.viewport(), side.receipt.findChildren(QLabel)) == []


def test_the_prompts_placeholder_grows_with_the_text(qtbot: QtBot, controller: ThemeController) -> None:
    composer = Composer(controller)
    qtbot.addWidget(composer)
    composer.set_target("Ask all panes", "Ask")
    composer.resize(900, 160)
    composer.show()
    before = _drawn_height(composer)

    _larger(controller)

    assert _drawn_height(composer) > 1.3 * before


def _drawn_height(composer: Composer) -> int:
    """Rows of pixels that the placeholder takes."""
    picture = composer.prompt.grab().toImage()
    paper = picture.pixel(picture.width() - 1, picture.height() - 1)
    rows = [
        row
        for row in range(picture.height())
        if any(picture.pixel(x, row) != paper for x in range(4, picture.width() // 2))
    ]
    return rows[-1] - rows[0] + 1
