"""What is chosen in Compare is what the engine's child loads: driven by keys and mouse, on real models."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLabel, QMainWindow, QSpinBox, QWidget
from pytestqt.qtbot import QtBot

from garden.core.conversation import Conversation, Mode
from garden.core.fit_forecast import DeviceMemory
from garden.core.quantity import MIB, format_bytes
from garden.core.run_configuration import LoadParameters, RunConfiguration
from garden.gui.pages.compare_page import ComparePage
from garden.gui.pages.pane_memory import PaneLoadSection
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.context_slider import ContextSlider
from garden.gui.widgets.switch import Switch
from tests.gui.open_garden import LONG, OpenGarden, Window, open_garden

pytestmark = pytest.mark.engine


@pytest.fixture
def opened(qtbot: QtBot) -> Iterator[OpenGarden]:
    with open_garden() as opened:
        yield opened


@pytest.fixture
def page(qtbot: QtBot, opened: OpenGarden, theme: ThemeController) -> Iterator[ComparePage]:
    holder = QMainWindow()
    page = ComparePage(opened.garden, opened.pump, Window(), theme)
    holder.setCentralWidget(page)
    holder.resize(1_280, 900)
    qtbot.addWidget(holder)
    holder.show()
    qtbot.waitUntil(lambda: page.compare.lists.loaded, timeout=5_000)
    yield page
    holder.close()


@pytest.fixture
def begin(qtbot: QtBot, opened: OpenGarden, page: ComparePage) -> Callable[..., None]:
    """Opens one pane per path, with short greedy answers, and waits until all bars are known."""

    def begin(*paths: Path, max_tokens: int = 4) -> None:
        page.open_entries([opened.entry(path) for path in paths])
        qtbot.waitUntil(lambda: len(page.panes.letters) == len(paths), timeout=10_000)
        page.compare.adjust(page.compare.letters, "temperature", 0)
        page.compare.adjust(page.compare.letters, "max_tokens", max_tokens)
        last = page.compare.letters[-1]
        qtbot.waitUntil(lambda: run_of(page, last).ask.max_tokens == max_tokens, timeout=5_000)
        qtbot.waitUntil(lambda: all(page.compare.plan(letter) for letter in page.compare.letters), timeout=10_000)

    return begin


def found(page: QWidget, name: str) -> QWidget:
    """The visible widget of this name, wherever it is in the window."""
    visible = [child for child in page.window().findChildren(QWidget, name) if child.isVisible()]
    assert len(visible) == 1, f"{len(visible)} visible {name}"
    return visible[0]


def shown_names(page: QWidget) -> set[str]:
    return {child.objectName() for child in page.window().findChildren(QWidget) if child.isVisible()}


def press(page: QWidget, name: str) -> None:
    """Click a button with the mouse."""
    button = found(page, name)
    assert isinstance(button, QAbstractButton)
    assert button.isEnabled(), f"{name} is disabled: {button.toolTip()}"
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def slider_in(part: QWidget) -> ContextSlider:
    slider = part.findChild(ContextSlider)
    assert isinstance(slider, ContextSlider)
    return slider


def write_number(page: QWidget, name: str, number: int) -> None:
    field = found(page, name)
    assert isinstance(field, QSpinBox)
    field.selectAll()
    QTest.keyClicks(field, str(number))
    QTest.keyClick(field, Qt.Key.Key_Return)


def until_loaded_with(qtbot: QtBot, page: ComparePage, name: str, value: int) -> None:
    qtbot.waitUntil(lambda: getattr(load_of(page, "A"), name) == value)


def pick(page: QWidget, name: str, text: str) -> None:
    """Choose by the keys of a combo box, as far down or up as the text is."""
    box = found(page, name)
    assert isinstance(box, QComboBox)
    while box.currentText() != text:
        down = box.findText(text) > box.currentIndex()
        QTest.keyClick(box, Qt.Key.Key_Down if down else Qt.Key.Key_Up)


def run_of(page: ComparePage, letter: str) -> RunConfiguration:
    run = page.compare.configuration(letter)
    assert run is not None
    return run


def load_of(page: ComparePage, letter: str) -> LoadParameters:
    return run_of(page, letter).load


def loaded(opened: OpenGarden, page: ComparePage, letter: str) -> RunConfiguration:
    """What the engine's child of a pane reported in its ModelLoaded."""
    conversation = page.compare.conversation
    assert conversation is not None
    pid = opened.garden.compare.holding(conversation.id)[letter]
    return next(model.configuration for model in opened.garden.compare.loaded() if model.pid == pid)


def ram_of(page: ComparePage, letter: str) -> DeviceMemory:
    plan = page.compare.plan(letter)
    assert plan is not None
    return next(device for device in plan.forecast.devices if device.kind == "ram")


def ask(qtbot: QtBot, page: ComparePage, prompt: str = "Say something") -> None:
    turns = page.compare.turn_number
    QTest.keyClicks(page.composer.prompt, prompt)
    QTest.keyClick(page.composer.prompt, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: page.compare.turn_number > turns, timeout=5_000)
    settle(qtbot, page)


def settle(qtbot: QtBot, page: ComparePage) -> None:
    compare = page.compare
    qtbot.waitUntil(
        lambda: not compare.answering and not any(compare.pane(letter).busy for letter in compare.letters),
        timeout=60_000,
    )


def test_one_slider_moves_the_bars_of_all_panes(
    qtbot: QtBot, page: ComparePage, begin: Callable[..., None], tiny_model: Path, other_tiny_model: Path
) -> None:
    begin(tiny_model, other_tiny_model)
    before = [ram_of(page, letter) for letter in "AB"]
    slider = slider_in(page.load.bar)

    QTest.keyClick(slider, Qt.Key.Key_Home)

    qtbot.waitUntil(lambda: [load_of(page, letter).context_length for letter in "AB"] == [slider.minimum()] * 2)
    for letter, old in zip("AB", before, strict=True):
        assert ram_of(page, letter).kv_cache_bytes < old.kv_cache_bytes
        assert ram_of(page, letter).weights_bytes == old.weights_bytes


def test_the_slider_stays_where_the_hand_left_it_while_answers_to_earlier_moves_come(
    qtbot: QtBot,
    opened: OpenGarden,
    page: ComparePage,
    begin: Callable[..., None],
    tiny_model: Path,
    other_tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begin(tiny_model, other_tiny_model)
    set_pane = opened.garden.compare.set_pane

    def slowly(*pane: Any) -> Conversation:
        time.sleep(0.05)
        return set_pane(*pane)

    monkeypatch.setattr(opened.garden.compare, "set_pane", slowly)
    slider = slider_in(page.load.bar)
    QTest.keyClick(slider, Qt.Key.Key_Home)
    qtbot.wait(20)
    for _ in range(2):
        QTest.keyClick(slider, Qt.Key.Key_Right)

    stands = slider.minimum() + 2 * slider.singleStep()
    for _ in range(30):
        assert slider.value() == stands
        qtbot.wait(10)
    assert [load_of(page, letter).context_length for letter in "AB"] == [stands] * 2


def test_a_pane_loads_just_what_was_chosen_in_its_settings(
    qtbot: QtBot, opened: OpenGarden, page: ComparePage, begin: Callable[..., None], starter_path: Path
) -> None:
    begin(starter_path)
    press(page, "pane.A.settings")
    section = page.window().findChild(PaneLoadSection)
    assert isinstance(section, PaneLoadSection)
    QTest.keyClick(slider_in(section.bar), Qt.Key.Key_Home)
    qtbot.waitUntil(lambda: load_of(page, "A").context_length == 2_048)
    press(page, "paneLoad.advanced")
    for name, value in (("n_sequences", 2), ("n_batch", 256), ("n_ubatch", 128), ("threads", 1), ("threads_batch", 2)):
        write_number(page, f"load.{name}", value)
        until_loaded_with(qtbot, page, name, value)
    for name, text in (("type_k", "q8_0"), ("type_v", "q5_1"), ("flash_attention", "on"), ("repack", "off")):
        pick(page, f"load.{name}", text)
    pick(page, "load.kv_unified", "on")
    qtbot.waitUntil(lambda: load_of(page, "A").kv_unified)
    chosen = load_of(page, "A")
    assert chosen == LoadParameters(
        context_length=2_048,
        type_k="q8_0",
        type_v="q5_1",
        flash_attention="on",
        n_batch=256,
        n_ubatch=128,
        n_sequences=2,
        n_outputs_max=2,
        threads=1,
        threads_batch=2,
        repack=False,
        kv_unified=True,
    )
    plan = page.compare.plan("A")
    assert plan is not None
    for flag in ("-c 2048", "-ctk q8_0", "-ctv q5_1", "-fa on", "-b 256", "-ub 128", "-np 2"):
        assert flag in plan.line
    for _ in range(2):
        QTest.keyClick(page.window().focusWidget(), Qt.Key.Key_Escape)

    ask(qtbot, page, "Why is the sky blue?")

    assert page.compare.pane("A").error is None
    assert loaded(opened, page, "A").load == chosen
    answer = page.compare.pane("A").answer
    assert answer is not None
    assert answer.configuration.load == chosen
    assert page.compare.pane("A").load_state == "as chosen"


def test_another_choice_loads_the_model_again_and_says_so_before(
    qtbot: QtBot, opened: OpenGarden, page: ComparePage, begin: Callable[..., None], starter_path: Path
) -> None:
    begin(starter_path)
    ask(qtbot, page)
    conversation = page.compare.conversation
    assert conversation is not None
    first = opened.garden.compare.holding(conversation.id)["A"]
    assert not page.load.bar.isVisible(), "answers have the room"
    switch = found(page, "compare.memory")
    assert isinstance(switch, Switch)
    QTest.mouseClick(switch, Qt.MouseButton.LeftButton)

    QTest.keyClick(slider_in(page.load.bar), Qt.Key.Key_Home)

    qtbot.waitUntil(lambda: page.compare.pane("A").load_state == "otherwise")
    pane = page.compare.pane("A")
    assert pane.note == "Answered with context 8,192; the next prompt loads the model again."
    assert ram_of(page, "A").freed_bytes > 50 * 1024**2
    text = pane.text
    press(page, "pane.A.memory.load")
    qtbot.waitUntil(lambda: page.compare.pane("A").load_state == "as chosen", timeout=30_000)
    settle(qtbot, page)
    assert opened.garden.compare.holding(conversation.id)["A"] != first
    assert loaded(opened, page, "A").load.context_length == 2_048
    assert page.compare.pane("A").text == text, "loading asks nothing"


def test_bars_tell_what_others_hold_and_what_is_freed(
    qtbot: QtBot,
    opened: OpenGarden,
    page: ComparePage,
    begin: Callable[..., None],
    tiny_model: Path,
    starter_path: Path,
) -> None:
    begin(tiny_model, starter_path)
    assert [(ram_of(page, letter).held_bytes, ram_of(page, letter).freed_bytes) for letter in "AB"] == [(0, 0)] * 2

    ask(qtbot, page)

    qtbot.waitUntil(lambda: all(ram_of(page, letter).held_bytes for letter in "AB"), timeout=5_000)
    first, second = ram_of(page, "A"), ram_of(page, "B")
    # What is held counts the process whole; pages of its libraries were never taken from what is free.
    assert first.held_bytes - 32 * MIB < second.freed_bytes <= first.held_bytes
    assert second.held_bytes - 32 * MIB < first.freed_bytes <= second.held_bytes
    assert first.held_bytes > second.held_bytes, "the starter is the larger one"
    press(page, "compare.memory")
    words = found(page, "pane.A.memory.held")
    assert isinstance(words, QLabel)
    assert words.text() == (
        f"Other loaded models hold {format_bytes(first.held_bytes)} of RAM. "
        f"Unloading frees {format_bytes(first.freed_bytes)} of RAM, counted as free."
    )
    page.compare.set_mode(Mode.RELAY)
    qtbot.waitUntil(lambda: ram_of(page, "A").held_bytes == 0, timeout=5_000)
    assert ram_of(page, "A").freed_bytes > first.freed_bytes, "in relay all others go first"


def test_where_panes_differ_it_is_marked_and_one_press_makes_them_alike(
    qtbot: QtBot, page: ComparePage, begin: Callable[..., None], tiny_model: Path, other_tiny_model: Path
) -> None:
    begin(tiny_model, other_tiny_model)
    page.compare.loads.choose("B", {"context_length": 512, "type_v": "q8_0"})
    pane = page.panes.pane("B")
    assert pane is not None
    qtbot.waitUntil(lambda: pane.header.shown_tags != (), timeout=5_000)
    assert found(page, "compareLoad.differs").toolTip().endswith("B: context 512, KV f16/q8_0")

    press(page, "pane.B.settings")
    press(page, "settings.same")

    qtbot.waitUntil(lambda: load_of(page, "B") == load_of(page, "A"), timeout=5_000)
    assert "compareLoad.differs" not in shown_names(page)


def test_the_advanced_view_of_all_leaves_out_what_is_a_matter_of_one(
    qtbot: QtBot, page: ComparePage, begin: Callable[..., None], tiny_model: Path, other_tiny_model: Path
) -> None:
    begin(tiny_model, other_tiny_model)
    press(page, "compareLoad.advanced")
    assert "load.n_ubatch" in shown_names(page)
    assert not {"load.n_gpu_layers", "load.cpu_experts", "loadSheet.line"} & shown_names(page)

    write_number(page, "load.n_ubatch", 64)

    qtbot.waitUntil(lambda: [load_of(page, letter).n_ubatch for letter in "AB"] == [64, 64], timeout=5_000)


def test_nothing_is_changed_under_an_answer(
    qtbot: QtBot, page: ComparePage, begin: Callable[..., None], tiny_model: Path
) -> None:
    begin(tiny_model, max_tokens=LONG)
    QTest.keyClicks(page.composer.prompt, "Say something long")
    QTest.keyClick(page.composer.prompt, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: page.compare.pane("A").state == "answering", timeout=15_000)
    assert not page.load.bar.isEnabled()
    page.compare.stop()
    settle(qtbot, page)
    qtbot.waitUntil(page.load.bar.isEnabled, timeout=5_000)
