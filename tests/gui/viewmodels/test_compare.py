from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from garden.core.conversation import FinishReason, Mode
from garden.gui.viewmodels.compare import CompareViewModel
from tests.gui.open_garden import LONG, OpenGarden, open_garden

pytestmark = pytest.mark.engine


@pytest.fixture
def opened(qtbot: QtBot) -> Iterator[OpenGarden]:
    with open_garden() as opened:
        yield opened


@pytest.fixture
def compare(opened: OpenGarden) -> CompareViewModel:
    return CompareViewModel(opened.garden, opened.pump)


def begin(qtbot: QtBot, opened: OpenGarden, compare: CompareViewModel, *paths: Path, max_tokens: int = 24) -> None:
    """One pane per model, greedy, with answers of this length."""
    compare.open_entries([opened.entry(path) for path in paths])
    qtbot.waitUntil(lambda: len(compare.letters) == len(paths), timeout=10_000)
    compare.adjust(compare.letters, "temperature", 0)
    compare.adjust(compare.letters, "max_tokens", max_tokens)
    last = compare.letters[-1]
    qtbot.waitUntil(lambda: compare.pane(last).configuration.ask.max_tokens == max_tokens, timeout=5_000)


def ask(qtbot: QtBot, compare: CompareViewModel, prompt: str = "Say something") -> None:
    """Ask and wait for all answers."""
    turns = len(compare.conversation.turns) if compare.conversation else 0
    compare.ask(prompt)
    qtbot.waitUntil(lambda: compare.turn_number == turns, timeout=5_000)
    settle(qtbot, compare)


def settle(qtbot: QtBot, compare: CompareViewModel) -> None:
    """Wait until nothing is under way and all of it was told."""
    qtbot.waitUntil(
        lambda: not compare.answering and not any(compare.pane(letter).busy for letter in compare.letters),
        timeout=30_000,
    )


def answering(qtbot: QtBot, compare: CompareViewModel) -> str:
    """Letter of the pane that has begun to answer."""

    def found() -> str | None:
        said = [letter for letter in compare.letters if compare.pane(letter).state == "answering"]
        return said[0] if said else None

    qtbot.waitUntil(lambda: found() is not None, timeout=15_000)
    letter = found()
    assert letter is not None
    return letter


def kill(opened: OpenGarden, compare: CompareViewModel, letter: str) -> None:
    """End the process of a pane's model as the kernel does when memory runs out."""
    run = compare.configuration(letter)
    assert run is not None
    pids = [model.pid for model in opened.garden.compare.loaded() if model.configuration.model.path == run.model.path]
    os.kill(pids[0], signal.SIGKILL)


def test_two_panes_answer_the_same_prompt(
    qtbot: QtBot, opened: OpenGarden, compare: CompareViewModel, tiny_model: Path, other_tiny_model: Path
) -> None:
    begin(qtbot, opened, compare, tiny_model, other_tiny_model)
    heard: dict[str, str] = {"A": "", "B": ""}
    compare.text_added.connect(lambda letter, text: heard.__setitem__(letter, heard[letter] + text))
    ask(qtbot, compare)
    panes = [compare.pane(letter) for letter in "AB"]
    assert [pane.state for pane in panes] == ["done", "done"]
    assert [pane.answer.metrics.completion_tokens for pane in panes if pane.answer] == [24, 24]
    assert [heard[pane.letter] for pane in panes] == [pane.text for pane in panes]
    assert panes[0].text != panes[1].text
    assert [figure.value for figure in panes[0].figures if figure.name in ("Tokens", "Finish")] == ["24", "length"]


def test_panes_of_one_comparison_share_seed_and_length(
    qtbot: QtBot, opened: OpenGarden, compare: CompareViewModel, tiny_model: Path, other_tiny_model: Path
) -> None:
    compare.open_entries([opened.entry(tiny_model), opened.entry(other_tiny_model)])
    qtbot.waitUntil(lambda: compare.letters == ("A", "B"), timeout=10_000)
    first, second = compare.pane("A"), compare.pane("B")
    assert first.configuration.ask.seed == second.configuration.ask.seed
    assert second.tags == ()
    assert first.baseline


def test_a_changed_setting_becomes_a_tag(
    qtbot: QtBot, opened: OpenGarden, compare: CompareViewModel, tiny_model: Path, other_tiny_model: Path
) -> None:
    begin(qtbot, opened, compare, tiny_model, other_tiny_model)
    compare.adjust(("B",), "temperature", 0.2)
    compare.loads.choose("B", {"context_length": 1_024})
    qtbot.waitUntil(lambda: compare.pane("B").tags == ("temp 0.2", "context 1,024"), timeout=5_000)
    compare.make_alike("B")
    qtbot.waitUntil(lambda: compare.pane("B").tags == (), timeout=5_000)


def test_a_prompt_is_answered_with_what_was_chosen_just_before_it(
    qtbot: QtBot, opened: OpenGarden, compare: CompareViewModel, tiny_model: Path, other_tiny_model: Path
) -> None:
    begin(qtbot, opened, compare, tiny_model, other_tiny_model)
    for context in (512, 768, 1_024):
        compare.loads.choose("", {"context_length": context})
    compare.loads.choose("B", {"type_k": "q8_0"})
    compare.ask("Say something")
    qtbot.waitUntil(lambda: compare.turn is not None, timeout=5_000)
    settle(qtbot, compare)
    answers = [compare.pane(letter).answer for letter in "AB"]
    loads = [answer.configuration.load for answer in answers if answer is not None]
    assert [(load.context_length, load.type_k) for load in loads] == [(1_024, "f16"), (1_024, "q8_0")]


def test_panes_are_loaded_alike_but_for_what_is_a_matter_of_the_model(
    qtbot: QtBot, opened: OpenGarden, compare: CompareViewModel, tiny_model: Path, other_tiny_model: Path
) -> None:
    begin(qtbot, opened, compare, tiny_model, other_tiny_model)
    qtbot.waitUntil(lambda: all(compare.plan(letter) for letter in "AB"), timeout=5_000)
    compare.loads.choose("A", {"n_ubatch": 64, "flash_attention": "on"})
    qtbot.waitUntil(lambda: compare.pane("B").tags == ("flash auto", "micro-batch 512"), timeout=5_000)
    compare.make_alike("B")
    qtbot.waitUntil(lambda: compare.pane("B").tags == (), timeout=5_000)
    compare.loads.reset("")
    qtbot.waitUntil(lambda: compare.pane("A").configuration.load.n_ubatch == 512, timeout=5_000)
    assert compare.pane("B").tags == ()


def test_stop_keeps_what_was_written(
    qtbot: QtBot, opened: OpenGarden, compare: CompareViewModel, tiny_model: Path
) -> None:
    begin(qtbot, opened, compare, tiny_model, max_tokens=LONG)
    compare.ask("Say something long")
    answering(qtbot, compare)
    qtbot.waitUntil(lambda: len(compare.pane("A").text) > 10, timeout=5_000)
    compare.stop("A")
    settle(qtbot, compare)
    pane = compare.pane("A")
    assert pane.answer is not None
    assert pane.answer.finish_reason is FinishReason.CANCELLED
    assert 0 < len(pane.answer.token_ids) < LONG
    assert pane.text == pane.answer.text != ""


def test_a_killed_model_says_so_within_a_second_and_starts_again(
    qtbot: QtBot, opened: OpenGarden, compare: CompareViewModel, tiny_model: Path, other_tiny_model: Path
) -> None:
    begin(qtbot, opened, compare, tiny_model, other_tiny_model, max_tokens=LONG)
    compare.ask("Say something long")
    hit = answering(qtbot, compare)
    other = "B" if hit == "A" else "A"
    qtbot.waitUntil(lambda: len(compare.pane(hit).text) > 10, timeout=5_000)
    kill(opened, compare, hit)
    began = time.monotonic()
    qtbot.waitUntil(lambda: compare.pane(hit).state == "failed", timeout=5_000)
    assert time.monotonic() - began < 1.0
    pane = compare.pane(hit)
    written = pane.text
    assert pane.error is not None
    assert "signal 9" in pane.error
    assert written
    if compare.pane(other).busy:
        assert compare.progress == "0 of 2 answered · 1 failed"
    settle(qtbot, compare)
    assert compare.pane(other).state == "done"
    assert compare.pane(hit).text == written
    compare.start_again(hit)
    assert compare.pane(hit).text == written
    qtbot.waitUntil(lambda: compare.pane(hit).state == "done", timeout=20_000)
    again = compare.pane(hit).answer
    assert again is not None
    assert again.error is None
    assert again.text.startswith(written)


def test_an_idle_model_that_dies_keeps_its_answer(
    qtbot: QtBot, opened: OpenGarden, compare: CompareViewModel, tiny_model: Path
) -> None:
    begin(qtbot, opened, compare, tiny_model)
    ask(qtbot, compare)
    said = compare.pane("A").text
    kill(opened, compare, "A")
    qtbot.waitUntil(lambda: compare.pane("A").state == "failed", timeout=5_000)
    pane = compare.pane("A")
    assert pane.lost
    assert pane.text == said
    compare.start_again("A")
    qtbot.waitUntil(lambda: compare.pane("A").state == "done", timeout=15_000)
    assert compare.pane("A").text == said
    assert len(compare.conversation.turns if compare.conversation else ()) == 1


def test_asking_again_in_vain_keeps_the_answer_and_says_why(
    qtbot: QtBot, opened: OpenGarden, compare: CompareViewModel, tiny_model: Path, tmp_path: Path
) -> None:
    model = tmp_path / "Tiny.gguf"
    model.write_bytes(tiny_model.read_bytes())
    begin(qtbot, opened, compare, model)
    ask(qtbot, compare)
    said = compare.pane("A").text
    assert said
    kill(opened, compare, "A")
    qtbot.waitUntil(lambda: compare.pane("A").lost, timeout=5_000)
    model.unlink()
    compare.answer_again("A")
    qtbot.waitUntil(lambda: "There is no file" in (compare.pane("A").error or ""), timeout=15_000)
    pane = compare.pane("A")
    assert (pane.state, pane.text, pane.lost) == ("failed", said, True)
    model.write_bytes(tiny_model.read_bytes())
    compare.start_again("A")
    qtbot.waitUntil(lambda: compare.pane("A").state == "done", timeout=15_000)
    settle(qtbot, compare)
    qtbot.waitUntil(lambda: compare.pane("A").state == "done", timeout=15_000)
    assert compare.pane("A").text == said
    assert compare.pane("A").error is None


def test_a_kept_conversation_opens_as_it_was(
    qtbot: QtBot, opened: OpenGarden, compare: CompareViewModel, tiny_model: Path, other_tiny_model: Path
) -> None:
    begin(qtbot, opened, compare, tiny_model, other_tiny_model)
    compare.set_mode(Mode.RELAY)
    ask(qtbot, compare, "First question")
    ask(qtbot, compare, "Second question")
    assert compare.conversation is not None
    kept, said = compare.conversation.id, compare.pane("B").text
    later = CompareViewModel(opened.garden, opened.pump)
    later.lists.load()
    qtbot.waitUntil(lambda: later.lists.loaded, timeout=5_000)
    assert [row.title for row in later.lists.conversations] == ["First question"]
    later.open_conversation(kept)
    qtbot.waitUntil(lambda: later.conversation is not None, timeout=5_000)
    assert later.turn_number == 1
    assert later.pane("B").text == said
    assert later.conversation is not None
    assert later.conversation.mode is Mode.RELAY
    later.show_turn(0)
    assert later.turn is not None
    assert later.turn.prompt == "First question"


def test_a_pane_that_joins_later_was_not_asked_before(
    qtbot: QtBot, opened: OpenGarden, compare: CompareViewModel, tiny_model: Path, other_tiny_model: Path
) -> None:
    begin(qtbot, opened, compare, tiny_model)
    ask(qtbot, compare)
    compare.add_pane(opened.entry(other_tiny_model))
    qtbot.waitUntil(lambda: compare.letters == ("A", "B"), timeout=10_000)
    assert compare.pane("B").state == "absent"
    ask(qtbot, compare)
    assert compare.pane("B").state == "done"
    compare.remove_pane("A")
    qtbot.waitUntil(lambda: compare.letters == ("B",), timeout=10_000)


def test_panes_added_in_one_breath_stand_side_by_side(
    qtbot: QtBot, opened: OpenGarden, compare: CompareViewModel, tiny_model: Path, other_tiny_model: Path
) -> None:
    first, second = opened.entry(tiny_model), opened.entry(other_tiny_model)
    said: list[str] = []
    compare.said.connect(lambda sentence, _action: said.append(sentence))
    for entry in (first, second, first):
        compare.add_pane(entry)
    qtbot.waitUntil(lambda: compare.letters == ("A", "B", "C"), timeout=10_000)
    compare.copy_pane("B")
    compare.copy_pane("A")
    qtbot.waitUntil(lambda: bool(said), timeout=10_000)
    assert compare.letters == ("A", "B", "C", "D")
    paths = [compare.pane(letter).configuration.model.path for letter in compare.letters]
    assert paths == [str(path) for path in (tiny_model, other_tiny_model, tiny_model, other_tiny_model)]
    assert said == ["Compare takes 4 models."]


def test_a_base_model_is_announced_before_it_is_asked(
    qtbot: QtBot, opened: OpenGarden, compare: CompareViewModel, base_model: Path
) -> None:
    compare.open_entries([opened.entry(base_model)])
    qtbot.waitUntil(lambda: compare.letters == ("A",), timeout=10_000)
    qtbot.waitUntil(lambda: "continues your text" in compare.pane("A").note, timeout=5_000)


def test_a_deleted_conversation_is_no_longer_at_hand(
    qtbot: QtBot, opened: OpenGarden, compare: CompareViewModel, tiny_model: Path
) -> None:
    begin(qtbot, opened, compare, tiny_model)
    ask(qtbot, compare)
    assert compare.conversation is not None
    compare.delete(compare.conversation.id)
    qtbot.waitUntil(lambda: compare.conversation is None, timeout=5_000)
    qtbot.waitUntil(lambda: compare.lists.conversations == (), timeout=5_000)


def test_a_refused_change_is_said_and_nothing_changes(
    qtbot: QtBot, opened: OpenGarden, compare: CompareViewModel, tiny_model: Path
) -> None:
    begin(qtbot, opened, compare, tiny_model)
    with qtbot.waitSignal(compare.said, timeout=5_000) as said:
        compare.remove_pane("A")
    assert said.args == ["A conversation has at least one pane.", ""]
    assert compare.letters == ("A",)
