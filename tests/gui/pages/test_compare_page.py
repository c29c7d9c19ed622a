from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QDoubleSpinBox, QLabel, QMainWindow, QMenu, QWidget
from pytestqt.qtbot import QtBot

from garden.gui.navigator import AcceptsModels, OpensConversations
from garden.gui.pages.compare_page import ComparePage
from garden.gui.pages.conversation_menu import ConversationMenu
from garden.gui.pages.prompt_sheet import PromptSheet
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.button import Button
from tests.gui.open_garden import LONG, OpenGarden, Window, open_garden

pytestmark = pytest.mark.engine


@pytest.fixture
def opened(qtbot: QtBot) -> Iterator[OpenGarden]:
    with open_garden() as opened:
        yield opened


@pytest.fixture
def window() -> Window:
    return Window()


@pytest.fixture
def page(qtbot: QtBot, opened: OpenGarden, theme: ThemeController, window: Window) -> Iterator[ComparePage]:
    holder = QMainWindow()
    page = ComparePage(opened.garden, opened.pump, window, theme)
    holder.setCentralWidget(page)
    holder.resize(1_200, 760)
    qtbot.addWidget(holder)
    holder.show()
    qtbot.waitUntil(lambda: page.compare.lists.loaded, timeout=5_000)
    # The window lives as long as the page is tested.
    yield page
    holder.close()


def press(page: QWidget, name: str) -> None:
    """Click the button of this name, wherever it is in the window."""
    found = [button for button in page.window().findChildren(QAbstractButton, name) if button.isVisible()]
    assert found, f"no visible button {name}"
    assert found[0].isEnabled(), f"{name} is disabled: {found[0].toolTip()}"
    found[0].click()


def shown(page: QWidget, name: str) -> QWidget | None:
    """The visible widget of this name."""
    return next((child for child in page.window().findChildren(QWidget, name) if child.isVisible()), None)


def begin(qtbot: QtBot, opened: OpenGarden, page: ComparePage, *paths: Path, max_tokens: int = 16) -> None:
    page.open_entries([opened.entry(path) for path in paths])
    qtbot.waitUntil(lambda: len(page.panes.letters) == len(paths), timeout=10_000)
    page.compare.adjust(page.compare.letters, "temperature", 0)
    page.compare.adjust(page.compare.letters, "max_tokens", max_tokens)
    last = page.compare.letters[-1]
    qtbot.waitUntil(lambda: page.compare.pane(last).configuration.ask.max_tokens == max_tokens, timeout=5_000)


def ask(qtbot: QtBot, page: ComparePage, prompt: str) -> None:
    """Write a prompt and send it by Ctrl+Enter; wait for the answers."""
    send(qtbot, page, prompt)
    settle(qtbot, page)


def send(qtbot: QtBot, page: ComparePage, prompt: str) -> None:
    QTest.keyClicks(page.composer.prompt, prompt)
    QTest.keyClick(page.composer.prompt, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: page.turn.prompt == prompt, timeout=5_000)


def settle(qtbot: QtBot, page: ComparePage) -> None:
    compare = page.compare
    qtbot.waitUntil(
        lambda: not compare.answering and not any(compare.pane(letter).busy for letter in compare.letters),
        timeout=30_000,
    )


def test_the_page_is_what_the_window_expects(page: ComparePage) -> None:
    assert isinstance(page, AcceptsModels)
    assert isinstance(page, OpensConversations)


def test_without_models_the_page_leads_to_the_hub(qtbot: QtBot, page: ComparePage, window: Window) -> None:
    press(page, "compare.empty.action1")
    assert window.pages == ["discover"]


def test_two_models_answer_one_prompt_side_by_side(
    qtbot: QtBot, opened: OpenGarden, page: ComparePage, tiny_model: Path, other_tiny_model: Path
) -> None:
    begin(qtbot, opened, page, tiny_model, other_tiny_model)
    ask(qtbot, page, "Say something")
    assert page.composer.text == ""
    panes = [page.panes.pane(letter) for letter in page.panes.letters]
    assert [pane.answer.text for pane in panes if pane] == [page.compare.pane(letter).text for letter in "AB"]
    assert [pane.foot.value("Tokens") for pane in panes if pane] == ["16", "16"]
    assert [pane.foot.value("Finish") for pane in panes if pane] == ["length", "length"]
    assert shown(page, "pane.A.copy") is not None
    assert shown(page, "pane.A.stop") is None


def test_a_model_can_join_a_comparison_that_waits_for_its_first_prompt(
    qtbot: QtBot, opened: OpenGarden, page: ComparePage, tiny_model: Path, other_tiny_model: Path
) -> None:
    begin(qtbot, opened, page, tiny_model)
    before = page.compare.conversation
    assert before is not None

    page.open_entries([opened.entry(other_tiny_model)])
    add = shown(page, "addQuestion.view.action1")
    assert add is not None
    assert add.hasFocus()
    press(page, "addQuestion.view.action1")

    qtbot.waitUntil(lambda: page.panes.letters == ("A", "B"), timeout=10_000)
    assert page.compare.conversation is not None
    assert page.compare.conversation.id == before.id


def test_a_model_can_begin_another_comparison_instead(
    qtbot: QtBot, opened: OpenGarden, page: ComparePage, tiny_model: Path, other_tiny_model: Path
) -> None:
    begin(qtbot, opened, page, tiny_model)

    page.open_entries([opened.entry(other_tiny_model)])
    press(page, "addQuestion.view.action2")

    qtbot.waitUntil(lambda: page.compare.pane("A").configuration.model.path == str(other_tiny_model), timeout=10_000)
    assert page.panes.letters == ("A",)


def test_a_comparison_that_was_asked_is_left_alone(
    qtbot: QtBot, opened: OpenGarden, page: ComparePage, tiny_model: Path, other_tiny_model: Path
) -> None:
    begin(qtbot, opened, page, tiny_model)
    ask(qtbot, page, "Say something")

    page.open_entries([opened.entry(other_tiny_model)])

    assert shown(page, "addQuestion") is None
    qtbot.waitUntil(lambda: page.compare.turn is None, timeout=10_000)
    assert page.compare.pane("A").configuration.model.path == str(other_tiny_model)


def test_add_model_offers_the_model_of_the_library_first(
    qtbot: QtBot, opened: OpenGarden, page: ComparePage, window: Window, tmp_path: Path, tiny_model: Path
) -> None:
    for name in ("Alpha", "Beta", "Gamma", "Omega"):
        shutil.copyfile(tiny_model, tmp_path / f"{name}-F16.gguf")
    opened.garden.library.add_folder(tmp_path).result(30)
    begin(qtbot, opened, page, tmp_path / "Alpha-F16.gguf")
    qtbot.waitUntil(lambda: len(page.compare.lists.entries) == 4, timeout=10_000)
    window.at_hand = str(tmp_path / "Omega-F16.gguf")

    press(page, "compare.add")

    menu = page.window().findChild(QMenu, "models.menu")
    assert menu is not None
    names = [action.text().partition("\t")[0] for action in menu.actions()]
    assert names == ["Omega F16", "", "Alpha F16", "Beta F16", "Gamma F16", "", "Find a model …"]
    menu.close()


def test_escape_stops_all_panes(
    qtbot: QtBot, opened: OpenGarden, page: ComparePage, tiny_model: Path, other_tiny_model: Path
) -> None:
    begin(qtbot, opened, page, tiny_model, other_tiny_model, max_tokens=LONG)
    send(qtbot, page, "Go on for long")
    qtbot.waitUntil(lambda: any(page.compare.pane(letter).text for letter in "AB"), timeout=15_000)
    assert not page.composer.send.isEnabled()
    QTest.keyClick(page.composer.prompt, Qt.Key.Key_Escape)
    settle(qtbot, page)
    finishes = [pane.foot.value("Finish") for letter in "AB" if (pane := page.panes.pane(letter))]
    assert finishes == ["stopped", "stopped"]


def test_a_pane_is_stopped_by_its_own_button(
    qtbot: QtBot, opened: OpenGarden, page: ComparePage, tiny_model: Path, other_tiny_model: Path
) -> None:
    begin(qtbot, opened, page, tiny_model, other_tiny_model, max_tokens=200)
    page.compare.adjust(("A",), "max_tokens", LONG)
    qtbot.waitUntil(lambda: page.compare.pane("A").configuration.ask.max_tokens == LONG, timeout=5_000)
    send(qtbot, page, "Go on for long")
    qtbot.waitUntil(lambda: page.compare.pane("A").text != "", timeout=15_000)
    press(page, "pane.A.stop")
    settle(qtbot, page)
    finishes = [pane.foot.value("Finish") for letter in "AB" if (pane := page.panes.pane(letter))]
    assert finishes == ["stopped", "length"]


def test_a_dead_process_is_told_below_what_was_written_and_starts_again(
    qtbot: QtBot, opened: OpenGarden, page: ComparePage, tiny_model: Path, other_tiny_model: Path
) -> None:
    begin(qtbot, opened, page, tiny_model, other_tiny_model, max_tokens=LONG)
    send(qtbot, page, "Go on for long")
    qtbot.waitUntil(lambda: any(len(page.compare.pane(letter).text) > 10 for letter in "AB"), timeout=15_000)
    hit = next(letter for letter in "AB" if page.compare.pane(letter).state == "answering")
    busy = [model.pid for model in opened.garden.compare.loaded() if not model.idle]
    os.kill(busy[0], signal.SIGKILL)
    qtbot.waitUntil(lambda: shown(page, f"pane.{hit}.failure") is not None, timeout=1_000)
    sentence = shown(page, f"pane.{hit}.failure.sentence")
    assert isinstance(sentence, QLabel)
    assert "signal 9" in sentence.text()
    assert sentence.height() >= sentence.heightForWidth(sentence.width())
    settle(qtbot, page)
    press(page, f"pane.{hit}.failure.again")
    qtbot.waitUntil(lambda: page.compare.pane(hit).state == "done", timeout=20_000)
    assert shown(page, f"pane.{hit}.failure") is None
    pane = page.panes.pane(hit)
    assert pane is not None
    assert pane.answer.text == page.compare.pane(hit).text


def test_a_model_that_cannot_be_loaded_is_named_in_its_pane(
    qtbot: QtBot, opened: OpenGarden, page: ComparePage, tmp_path: Path, tiny_model: Path
) -> None:
    broken = tmp_path / "Broken-F16.gguf"
    shutil.copyfile(tiny_model, broken)
    begin(qtbot, opened, page, broken)
    broken.write_bytes(tiny_model.read_bytes()[:200_000])

    ask(qtbot, page, "Say something")

    title = shown(page, "pane.A.state.title")
    assert isinstance(title, QLabel)
    assert "Broken-F16.gguf" in title.text()


def test_a_conversation_is_reopened_from_the_list(
    qtbot: QtBot, opened: OpenGarden, page: ComparePage, tiny_model: Path
) -> None:
    begin(qtbot, opened, page, tiny_model)
    ask(qtbot, page, "The first one")
    said = page.compare.pane("A").text
    press(page, "compare.conversation")
    press(page, "conversations.new")
    qtbot.waitUntil(lambda: page.compare.turn_number == -1, timeout=5_000)
    ask(qtbot, page, "The second one")
    press(page, "compare.conversation")
    menu = page.window().findChild(ConversationMenu)
    assert menu is not None
    search = shown(page, "conversations.search")
    assert search is not None
    QTest.keyClicks(search, "first")
    qtbot.waitUntil(lambda: len(page.compare.lists.conversations) == 1, timeout=5_000)
    press(page, "conversations.open")
    qtbot.waitUntil(lambda: page.turn.prompt == "The first one", timeout=5_000)
    pane = page.panes.pane("A")
    assert pane is not None
    assert pane.answer.text == said


def test_a_conversation_is_renamed_and_deleted(
    qtbot: QtBot, opened: OpenGarden, page: ComparePage, tiny_model: Path
) -> None:
    begin(qtbot, opened, page, tiny_model)
    ask(qtbot, page, "What is a garden?")
    press(page, "compare.conversation")
    press(page, "conversations.rename")
    title = shown(page, "conversations.title")
    assert title is not None
    QTest.keyClicks(title, "Gardens")
    press(page, "conversations.rename")
    qtbot.waitUntil(lambda: shown_text(page, "compare.conversation") == "Gardens", timeout=5_000)
    press(page, "conversations.delete")
    press(page, "deleteQuestion.view.action1")
    qtbot.waitUntil(lambda: page.compare.conversation is None, timeout=5_000)
    assert shown(page, "compare.empty") is not None


def shown_text(page: QWidget, name: str) -> str:
    widget = shown(page, name)
    return widget.text() if isinstance(widget, QAbstractButton) else ""


def test_settings_of_one_pane_become_its_tag(
    qtbot: QtBot, opened: OpenGarden, page: ComparePage, tiny_model: Path, other_tiny_model: Path
) -> None:
    begin(qtbot, opened, page, tiny_model, other_tiny_model)
    press(page, "pane.B.settings")
    field = shown(page, "settings.temperature")
    assert isinstance(field, QDoubleSpinBox)
    field.selectAll()
    QTest.keyClicks(field, "0.3")
    QTest.keyClick(field, Qt.Key.Key_Return)
    pane = page.panes.pane("B")
    assert pane is not None
    qtbot.waitUntil(lambda: pane.header.shown_tags == ("temp 0.3",), timeout=5_000)
    assert page.compare.pane("A").configuration.ask.sampling.temperature == 0


def test_the_exact_prompt_is_one_click_away(
    qtbot: QtBot, opened: OpenGarden, page: ComparePage, tiny_model: Path
) -> None:
    begin(qtbot, opened, page, tiny_model)
    ask(qtbot, page, "What is <b>bold</b>?")
    press(page, "pane.A.prompt")
    sheet = page.window().findChild(PromptSheet)
    assert sheet is not None
    assert sheet.text == "<|im_start|>user\nWhat is <b>bold</b>?<|im_end|>\n<|im_start|>assistant\n"
    press(page, "prompt.copy")
    assert QGuiApplication.clipboard().text() == sheet.text


def test_an_export_is_shown_and_its_replay_reproduces_the_answer(
    qtbot: QtBot, opened: OpenGarden, page: ComparePage, tiny_model: Path, tmp_path: Path
) -> None:
    begin(qtbot, opened, page, tiny_model)
    ask(qtbot, page, "Say something")
    press(page, "pane.A.export")
    press(page, "export.format.llama-cpp-python")
    preview = page.window().findChild(QWidget, "export.preview")
    assert preview is not None
    qtbot.waitUntil(lambda: "import llama_cpp" in preview.property("plainText"), timeout=5_000)
    press(page, "export.verify")
    outcome = page.window().findChild(QLabel, "export.outcome")
    assert outcome is not None
    qtbot.waitUntil(lambda: outcome.text().endswith("tokens agree."), timeout=60_000)
    detail = page.window().findChild(QLabel, "export.detail")
    assert detail is not None
    assert detail.text() == "The script reproduces the answer."
    for line in (outcome, detail):
        assert line.wordWrap(), "a verdict is never cut off"
        assert line.height() >= line.heightForWidth(line.width())
    sheet = page.actions_of.export_sheet
    sheet.save_to(tmp_path / "taken")
    qtbot.waitUntil(lambda: outcome.text().startswith("Saved"), timeout=5_000)
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["answer.py"]
    sheet.save_to(tmp_path / "taken")
    qtbot.waitUntil(lambda: shown(page, "export.replace") is not None, timeout=5_000)


def test_a_refused_prompt_is_not_lost(
    qtbot: QtBot, opened: OpenGarden, page: ComparePage, tiny_model: Path, window: Window
) -> None:
    begin(qtbot, opened, page, tiny_model)
    assert page.compare.conversation is not None
    opened.garden.compare.delete(page.compare.conversation.id)
    page.composer.set_text("Keep me")
    press(page, "composer.send")
    qtbot.waitUntil(lambda: bool(window.said), timeout=5_000)
    assert page.composer.text == "Keep me"


def test_everything_that_can_be_pressed_has_a_name(
    qtbot: QtBot, opened: OpenGarden, page: ComparePage, tiny_model: Path, other_tiny_model: Path
) -> None:
    begin(qtbot, opened, page, tiny_model, other_tiny_model)
    ask(qtbot, page, "Say something")
    press(page, "pane.B.settings")
    nameless = [
        child
        for child in page.window().findChildren(QWidget)
        if child.isVisible()
        and child.focusPolicy() != Qt.FocusPolicy.NoFocus
        and child.focusProxy() is None
        and not (child.accessibleName() and child.objectName())
        and not child.objectName().startswith("qt_")
    ]
    assert nameless == []


def test_text_from_outside_is_never_read_as_html(
    qtbot: QtBot, opened: OpenGarden, page: ComparePage, tiny_model: Path
) -> None:
    begin(qtbot, opened, page, tiny_model)
    ask(qtbot, page, "<img src='file:///etc/passwd'>")
    rich = [
        label
        for label in page.findChildren(QLabel)
        if label.text() and label.textFormat() is not Qt.TextFormat.PlainText
    ]
    assert rich == []
    button = page.window().findChild(Button, "pane.A.copy")
    assert button is not None


def test_commands_follow_what_can_be_done(
    qtbot: QtBot, opened: OpenGarden, page: ComparePage, tiny_model: Path, other_tiny_model: Path
) -> None:
    assert page.commands() == []
    begin(qtbot, opened, page, tiny_model, other_tiny_model)
    assert [title for title, _hint, _call in page.commands()] == [
        "New conversation with these models",
        "Conversations …",
        "Add a model to the comparison …",
        "Answer in relay mode",
        "Export …",
        "Hide memory and context",
    ]


@pytest.mark.engine
def test_an_open_pane_finds_its_model_after_the_models_folder_moved(
    qtbot: QtBot, opened: OpenGarden, page: ComparePage, starter_path: Path, tmp_path: Path
) -> None:
    folder = opened.garden.settings.models_dir
    folder.mkdir(parents=True)
    path = Path(shutil.copyfile(starter_path, folder / "Moved-Q4_1.gguf"))
    begin(qtbot, opened, page, path, max_tokens=4)
    ask(qtbot, page, "Hello?")
    conversation = page.compare.conversation
    assert conversation is not None
    opened.garden.compare.close_conversation(conversation.id)

    opened.garden.library.models_folder.move(tmp_path / "new").result(60)
    there = str(tmp_path / "new" / path.name)
    qtbot.waitUntil(lambda: page.compare.pane("A").configuration.model.path == there, timeout=10_000)
    ask(qtbot, page, "And now?")

    assert not path.exists()
    turn = page.compare.turn
    assert turn is not None
    assert turn.answers[0].error is None
    assert turn.answers[0].configuration.model.path == there
