"""Panes with real models in real children: fair and relay, stop, death, conversations that go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from garden.core.conversation import Conversation, FinishReason, Mode
from garden.core.errors import NotFoundError, RefusedError
from garden.core.events import Event, PaneChanged, PaneText
from garden.core.messages import Generated, ModelLoaded
from garden.core.run_configuration import RunConfiguration
from garden.inference.local_backend import LocalBackend
from garden.services.garden import Garden

pytestmark = pytest.mark.engine


#: So many that a pane is still answering when a test reaches for it.
MANY = 1_900


def configuration(garden: Garden, path: Path, *, max_tokens: int = 8) -> RunConfiguration:
    made = garden.compare.configuration_for(garden.library.describe(path))
    return made.with_ask(max_tokens=max_tokens, seed=7)


def conversation(garden: Garden, *paths: Path, mode: Mode = Mode.FAIR, max_tokens: int = 8) -> Conversation:
    return garden.compare.new([configuration(garden, path, max_tokens=max_tokens) for path in paths], mode)


class Watcher:
    """Collects events as a front end would."""

    def __init__(self, garden: Garden) -> None:
        self._events = garden.bus.subscribe()
        self.seen: list[Event] = []

    def until(self, wanted: Callable[[Event], bool], seconds: float = 30) -> float:
        """Wait for an event; the moment at which it was seen."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            new = self._events.wait(0.5)
            self.seen += new
            if any(wanted(event) for event in new):
                return time.monotonic()
        raise AssertionError(f"it did not come; seen were {[type(event).__name__ for event in self.seen]}")

    def states(self, pane: str) -> list[str]:
        """What the pane went through."""
        self.seen += self._events.drain()
        found = [event.state for event in self.seen if isinstance(event, PaneChanged) and event.pane == pane]
        return list(dict.fromkeys(found))


def is_state(pane: str, state: str) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, PaneChanged) and (event.pane, event.state) == (pane, state)


def is_text(pane: str) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, PaneText) and event.pane == pane and bool(event.text)


def generators() -> list[psutil.Process]:
    """Model processes of this test."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if "generate" in child.cmdline()]


def test_one_pane_is_a_chat_with_measured_figures(garden: Garden, tiny_model: Path) -> None:
    chat = conversation(garden, tiny_model)
    watcher = Watcher(garden)

    turn = garden.compare.ask(chat.id, "Hello?").result(60)

    (answer,) = turn.answers
    assert answer.error is None
    assert answer.finish_reason in (FinishReason.LENGTH, FinishReason.STOP)
    assert answer.metrics.completion_tokens == len(answer.token_ids) > 0
    assert answer.metrics.buffers_bytes
    assert answer.metrics.peak_memory_bytes
    assert answer.metrics.forecast_bytes
    assert answer.metrics.load_seconds
    assert "Hello?" in answer.rendered_prompt
    assert answer.prompt_token_ids
    assert answer.configuration.load.flash_attention in ("on", "off")
    assert watcher.states("A") == ["queued", "loading", "reading", "answering", "done"]
    text = "".join(event.text for event in watcher.seen if isinstance(event, PaneText))
    assert text == answer.text


def test_a_fair_order_is_shuffled_by_its_seed_and_kept(
    garden: Garden, tiny_model: Path, other_tiny_model: Path
) -> None:
    pair = conversation(garden, tiny_model, other_tiny_model, max_tokens=2)

    orders = {garden.compare.ask(pair.id, "Why?", order_seed=seed).result(60).order for seed in (0, 1, 2, 3)}

    assert orders == {"AB", "BA"}
    assert [turn.order for turn in garden.compare.open(pair.id).turns] != []


def test_fair_panes_stay_loaded_and_generate_one_at_a_time(
    garden: Garden, tiny_model: Path, other_tiny_model: Path
) -> None:
    pair = conversation(garden, tiny_model, other_tiny_model)
    watcher = Watcher(garden)

    first = garden.compare.ask(pair.id, "Why?", order_seed=0).result(60)
    second = garden.compare.ask(pair.id, "And why?").result(60)

    assert len(garden.compare.loaded()) == len(generators()) == 2
    assert all(model.idle and model.ours for model in garden.compare.loaded())
    assert [answer.metrics.load_seconds is None for answer in first.answers] == [False, False]
    assert [answer.metrics.load_seconds is None for answer in second.answers] == [True, True]
    watcher.states("A")
    busy = [(event.pane, event.state) for event in watcher.seen if isinstance(event, PaneChanged) and event.turn == 0]
    earlier, later = first.order[0], first.order[1]
    assert busy.index((earlier, "done")) < busy.index((later, "loading"))


def test_relay_goes_in_pane_order_and_never_holds_two(garden: Garden, tiny_model: Path, other_tiny_model: Path) -> None:
    pair = conversation(garden, tiny_model, other_tiny_model, mode=Mode.RELAY)
    most, ended = [0], threading.Event()

    def count() -> None:
        while not ended.wait(0.005):
            most[0] = max(most[0], len(garden.compare.loaded()))

    counter = threading.Thread(target=count)
    counter.start()
    turn = garden.compare.ask(pair.id, "Why?").result(60)
    ended.set()
    counter.join()

    assert turn.order == "AB"
    assert [answer.error for answer in turn.answers] == [None, None]
    assert most[0] <= 1
    assert generators() == []


def test_a_conversation_is_kept_and_goes_on_in_the_next_session(data_dirs: Path, tiny_model: Path) -> None:
    with Garden.open() as garden:
        chat = conversation(garden, tiny_model)
        first = garden.compare.ask(chat.id, "My name is Ada.").result(60)

    with Garden.open() as again:
        (summary,) = again.compare.conversations()
        reopened = again.compare.open(summary.id)
        second = again.compare.ask(reopened.id, "What is my name?").result(60)

    assert (summary.title, summary.turns) == ("My name is Ada.", 1)
    assert reopened.turns == (first,)
    prompt = second.answers[0].rendered_prompt
    assert prompt.index("My name is Ada.") < prompt.index(first.answers[0].text) < prompt.index("What is my name?")


def test_a_killed_process_fails_its_pane_within_a_second_and_the_others_go_on(
    garden: Garden, endless_model: Path, other_tiny_model: Path
) -> None:
    pair = conversation(garden, endless_model, other_tiny_model, max_tokens=MANY)
    watcher = Watcher(garden)
    handle = garden.compare.ask(pair.id, "Go on and on.", order_seed=_seed_for("AB"))
    watcher.until(is_text("A"))
    (process,) = generators()

    process.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    told = watcher.until(is_state("A", "failed"))
    turn = handle.result(60)

    assert told - killed < 1.0
    failed, fine = turn.answers
    assert failed.error == "The process was ended while it answered by the system or another program (signal 9)."
    assert failed.finish_reason is FinishReason.ERROR
    assert failed.action == "Start it again; what was written stays here until another answer takes its place."
    assert failed.text
    # What was seen of its speed stays, too.
    metrics = failed.metrics
    assert metrics.completion_tokens == len(failed.token_ids)
    assert metrics.prompt_tokens == len(failed.prompt_token_ids)
    assert metrics.time_to_first_token_ms
    assert metrics.load_seconds is not None
    assert metrics.decode_tokens_per_second or metrics.completion_tokens == 1
    assert garden.compare.open(pair.id).turns[0].answers[0].text == failed.text
    assert fine.error is None


_ASK = """
import sys
from pathlib import Path
from garden.services.garden import Garden

with Garden.open() as garden:
    panes = [garden.compare.configuration_for(garden.library.describe(Path(path))) for path in sys.argv[1:]]
    chat = garden.compare.new([pane.with_ask(max_tokens=1_900, seed=7) for pane in panes])
    events = garden.bus.subscribe()
    turn = garden.compare.ask(chat.id, "Go on and on.", order_seed=int(sys.stdin.readline()))
    text = ""
    while len(text) < 40:
        text += "".join(event.text for event in events.wait(30) if type(event).__name__ == "PaneText")
    print("writes", flush=True)
    turn.result(600)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_what_panes_have_written_outlives_the_program_that_is_killed(
    data_dirs: Path, endless_model: Path, other_tiny_model: Path
) -> None:
    command = [sys.executable, "-c", _ASK, str(endless_model), str(other_tiny_model)]
    writing = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert writing.stdin is not None
    assert writing.stdout is not None
    with writing.stdin, writing.stdout:
        writing.stdin.write(f"{_seed_for('AB')}\n")
        writing.stdin.flush()
        assert writing.stdout.readline() == "writes\n"
        # Held in the middle of its answer, however fast this machine is.
        child = next(process for process in psutil.Process(writing.pid).children() if "generate" in process.cmdline())
        child.suspend()
        time.sleep(2.5)
        writing.kill()
        writing.wait(20)
        child.resume()
        child.wait(20)

    with Garden.open() as garden:
        (summary,) = garden.compare.conversations()
        left = garden.compare.open(summary.id)
        begun, never_begun = left.turns[0].answers
        assert begun.text
        assert begun.error == "This answer was interrupted: Garden ended while it was written."
        assert begun.action.startswith("Start again to ask once more; what was written stays here")
        assert (never_begun.text, never_begun.error) == ("", "Garden ended before this was answered.")
        # It can be searched for, and asked once more.
        word = max(begun.text.split(), key=len)
        assert [found.id for found in garden.compare.conversations(word)] == [left.id]
        panes = dict(left.panes)
        garden.compare.set_pane(left.id, "A", panes["A"].with_ask(max_tokens=4))
        again = garden.compare.retry(left.id, "A").result(60)
        assert (again.error, again.finish_reason) == (None, FinishReason.LENGTH)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_in_the_terminal_does_not_reach_an_answer(garden: Garden, endless_model: Path) -> None:
    chat = conversation(garden, endless_model, max_tokens=MANY)
    watcher = Watcher(garden)
    handle = garden.compare.ask(chat.id, "Go on.")
    watcher.until(is_text("A"))

    # A terminal signals every process in front; what it means is for the parent to say.
    generators()[0].send_signal(signal.SIGINT)

    assert handle.result(60).answers[0].error is None


def test_a_dead_pane_is_started_again(garden: Garden, tiny_model: Path) -> None:
    chat = conversation(garden, tiny_model)
    garden.compare.ask(chat.id, "Hello?").result(60)
    watcher = Watcher(garden)
    os.kill(generators()[0].pid, signal.SIGKILL)
    watcher.until(is_state("A", "failed"), seconds=5)
    assert garden.compare.loaded() == ()

    garden.compare.restart(chat.id, "A").result(60)

    assert [model.idle for model in garden.compare.loaded()] == [True]
    assert garden.compare.retry(chat.id, "A").result(60).error is None


def test_stop_keeps_what_was_written(garden: Garden, endless_model: Path, other_tiny_model: Path) -> None:
    pair = conversation(garden, endless_model, other_tiny_model, max_tokens=MANY)
    watcher = Watcher(garden)
    handle = garden.compare.ask(pair.id, "Go on.", order_seed=_seed_for("AB"))
    watcher.until(is_text("A"))

    garden.compare.stop(pair.id)
    turn = handle.result(20)

    stopped, never_begun = turn.answers
    assert stopped.finish_reason is FinishReason.CANCELLED
    assert stopped.text
    assert stopped.error is None
    assert (never_begun.finish_reason, never_begun.text) == (FinishReason.CANCELLED, "")


def test_stopping_one_pane_lets_the_other_answer(garden: Garden, endless_model: Path, other_tiny_model: Path) -> None:
    pair = conversation(garden, endless_model, other_tiny_model, max_tokens=MANY)
    watcher = Watcher(garden)
    handle = garden.compare.ask(pair.id, "Go on.", order_seed=_seed_for("AB"))
    watcher.until(is_text("A"))

    garden.compare.stop(pair.id, "A")
    stopped, other = handle.result(60).answers

    assert stopped.finish_reason is FinishReason.CANCELLED
    assert other.finish_reason is not FinishReason.CANCELLED
    assert other.text


def test_a_stop_while_the_model_loads_is_a_stop(garden: Garden, endless_model: Path) -> None:
    chat = conversation(garden, endless_model, max_tokens=MANY)
    watcher = Watcher(garden)
    handle = garden.compare.ask(chat.id, "Go on.")
    watcher.until(is_state("A", "loading"))

    garden.compare.stop(chat.id)

    assert handle.result(20).answers[0].finish_reason is FinishReason.CANCELLED
    assert garden.compare.retry(chat.id, "A") is not None
    garden.compare.stop(chat.id)


def test_a_stop_just_before_the_model_is_asked_is_a_stop(
    garden: Garden, endless_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = conversation(garden, endless_model, max_tokens=MANY)
    generate = LocalBackend.generate

    def stopped_first(backend: LocalBackend, *args: Any, **options: Any) -> Generated:
        garden.compare.stop(chat.id)
        return generate(backend, *args, **options)

    monkeypatch.setattr(LocalBackend, "generate", stopped_first)
    (answer,) = garden.compare.ask(chat.id, "Go on.").result(60).answers

    assert (answer.finish_reason, answer.text) == (FinishReason.CANCELLED, "")
    assert [model.idle for model in garden.compare.loaded()] == [True]


def test_a_stop_just_before_the_load_loads_nothing(
    garden: Garden, endless_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = conversation(garden, endless_model)
    load = LocalBackend.load

    def stopped_first(backend: LocalBackend, *args: Any, **options: Any) -> ModelLoaded:
        garden.compare.stop(chat.id)
        return load(backend, *args, **options)

    monkeypatch.setattr(LocalBackend, "load", stopped_first)
    (answer,) = garden.compare.ask(chat.id, "Go on.").result(60).answers

    assert answer.finish_reason is FinishReason.CANCELLED
    assert garden.compare.loaded() == ()


def test_a_turn_that_is_cancelled_before_it_began_ends(garden: Garden, endless_model: Path) -> None:
    chats = [conversation(garden, endless_model, max_tokens=MANY) for _ in range(5)]
    handles = [garden.compare.ask(chat.id, "Go on.") for chat in chats]
    # Four threads serve turns, so the fifth has not begun.
    watcher = Watcher(garden)

    handles[4].cancel()

    watcher.until(lambda event: isinstance(event, PaneChanged) and event.conversation_id == chats[4].id)
    assert not garden.compare.answering(chats[4].id)
    (turn,) = garden.compare.open(chats[4].id).turns
    assert turn.answers[0].finish_reason is FinishReason.CANCELLED
    for chat in chats[:4]:
        garden.compare.stop(chat.id)
    for handle in handles[:4]:
        handle.result(30)


def test_a_model_that_answers_is_not_idle(garden: Garden, endless_model: Path) -> None:
    chat = conversation(garden, endless_model, max_tokens=MANY)
    garden.compare.restart(chat.id, "A").result(60)
    assert [model.idle for model in garden.compare.loaded()] == [True]
    watcher = Watcher(garden)
    handle = garden.compare.ask(chat.id, "Go on.")
    watcher.until(is_text("A"))

    assert [model.idle for model in garden.compare.loaded()] == [False]

    garden.compare.stop(chat.id)
    handle.result(20)
    assert all(model.idle for model in garden.compare.loaded())


def test_a_damaged_file_fails_its_pane_alone(garden: Garden, tiny_model: Path, tmp_path: Path) -> None:
    good = configuration(garden, tiny_model)
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(tiny_model.read_bytes())
    bad = configuration(garden, broken)
    broken.write_text("no longer a model")
    pair = garden.compare.new([bad, good])

    failed, fine = garden.compare.ask(pair.id, "Why?").result(60).answers

    assert failed.error == "This is not a GGUF file."
    assert failed.action
    assert fine.error is None


def test_a_retry_replaces_one_answer(garden: Garden, tiny_model: Path, other_tiny_model: Path) -> None:
    pair = conversation(garden, tiny_model, other_tiny_model)
    before = garden.compare.ask(pair.id, "Why?").result(60)
    changed = configuration(garden, other_tiny_model, max_tokens=3)
    garden.compare.set_pane(pair.id, "B", changed)

    answer = garden.compare.retry(pair.id, "B").result(60)

    (turn,) = garden.compare.open(pair.id).turns
    assert len(answer.token_ids) <= 3
    assert turn.answers == (before.answers[0], answer)


def test_a_retry_that_fails_leaves_the_answer_and_says_why(garden: Garden, tiny_model: Path, tmp_path: Path) -> None:
    model = tmp_path / "Tiny.gguf"
    model.write_bytes(tiny_model.read_bytes())
    chat = conversation(garden, model)
    (before,) = garden.compare.ask(chat.id, "Why?").result(60).answers
    assert before.text
    garden.compare.close_conversation(chat.id)
    model.unlink()
    watcher = Watcher(garden)

    assert garden.compare.retry(chat.id, "A").result(60) == before

    watcher.until(is_state("A", "failed"))
    told = [event.answer for event in watcher.seen if isinstance(event, PaneChanged) and event.state == "failed"]
    assert [(answer.text, answer.error) for answer in told if answer] == [(before.text, f"There is no file {model}.")]
    assert garden.compare.open(chat.id).turns[0].answers == (before,)


def test_a_retry_stopped_before_its_first_word_leaves_the_answer(
    garden: Garden, tiny_model: Path, endless_model: Path
) -> None:
    chat = conversation(garden, tiny_model)
    (before,) = garden.compare.ask(chat.id, "Why?").result(60).answers
    busy = conversation(garden, endless_model, max_tokens=MANY)
    watcher = Watcher(garden)
    long = garden.compare.ask(busy.id, "Go on.")
    watcher.until(is_text("A"))

    # It waits for the other conversation, so that it is stopped before its turn came.
    retry = garden.compare.retry(chat.id, "A")
    garden.compare.stop(chat.id)
    garden.compare.stop(busy.id)

    assert retry.result(30) == before
    long.result(30)
    assert garden.compare.open(chat.id).turns[0].answers == (before,)


def test_panes_come_and_go(garden: Garden, tiny_model: Path, other_tiny_model: Path) -> None:
    chat = conversation(garden, tiny_model)
    garden.compare.ask(chat.id, "Hello?").result(60)

    garden.compare.set_pane(chat.id, "B", configuration(garden, other_tiny_model))
    turn = garden.compare.ask(chat.id, "And you?").result(60)
    garden.compare.set_pane(chat.id, "A", None)

    assert [answer.pane for answer in turn.answers] == ["A", "B"]
    # The new pane was not there for the first turn.
    assert "Hello?" not in turn.answers[1].rendered_prompt
    assert [letter for letter, _ in garden.compare.open(chat.id).panes] == ["B"]
    assert len(garden.compare.loaded()) == 1


def test_what_makes_no_sense_is_refused(garden: Garden, tiny_model: Path) -> None:
    one = configuration(garden, tiny_model)
    chat = garden.compare.new([one])

    refused: Sequence[Callable[[], object]] = (
        lambda: garden.compare.new([]),
        lambda: garden.compare.new([one] * 5),
        lambda: garden.compare.ask(chat.id, "  \n"),
        lambda: garden.compare.set_pane(chat.id, "A", None),
        lambda: garden.compare.set_pane(chat.id, "Z", one),
        lambda: garden.compare.retry(chat.id, "A"),
    )
    for attempt in refused:
        with pytest.raises(RefusedError):
            attempt()


def test_a_second_question_waits_for_the_first_to_be_answered(garden: Garden, endless_model: Path) -> None:
    chat = conversation(garden, endless_model, max_tokens=MANY)
    handle = garden.compare.ask(chat.id, "Go on.")

    with pytest.raises(RefusedError):
        garden.compare.ask(chat.id, "And on.")

    garden.compare.stop(chat.id)
    handle.result(20)


def test_conversations_are_listed_found_renamed_and_deleted(garden: Garden, tiny_model: Path) -> None:
    chat = conversation(garden, tiny_model)
    garden.compare.ask(chat.id, "Why is the sky blue?").result(60)
    assert garden.compare.conversations("SKY blue")[0].id == chat.id
    assert garden.compare.conversations("ocean") == ()

    garden.compare.rename(chat.id, "Colours")
    assert garden.compare.conversations()[0].title == "Colours"

    garden.compare.delete(chat.id)
    assert garden.compare.conversations() == ()
    assert generators() == []
    with pytest.raises(NotFoundError):
        garden.compare.open(chat.id)


def test_deleting_while_a_pane_answers_leaves_no_trace(garden: Garden, endless_model: Path) -> None:
    chat = conversation(garden, endless_model, max_tokens=MANY)
    watcher = Watcher(garden)
    handle = garden.compare.ask(chat.id, "Go on.")
    watcher.until(is_text("A"))

    garden.compare.delete(chat.id)
    ended = threading.Event()
    handle.on_done(lambda _handle: ended.set())

    assert ended.wait(20)
    assert garden.compare.conversations() == ()
    assert generators() == []


def test_a_load_is_kept_beside_its_forecast(garden: Garden, tiny_model: Path) -> None:
    chat = conversation(garden, tiny_model)
    answer = garden.compare.ask(chat.id, "Hello?").result(60).answers[0]

    (record,) = garden.audit.records()

    assert record.loaded.buffers_bytes == answer.metrics.buffers_bytes
    assert record.forecast is not None
    assert record.forecast.total_bytes == answer.metrics.forecast_bytes


def test_a_long_enough_answer_is_a_measured_speed(garden: Garden, endless_model: Path) -> None:
    made = configuration(garden, endless_model, max_tokens=40)
    chat = garden.compare.new([made])
    answer = garden.compare.ask(chat.id, "Hello?").result(60).answers[0]
    assert len(answer.token_ids) >= 16

    forecast = garden.fit.forecast(made.model, made.load)

    assert forecast.speed_is_measured
    assert forecast.decode_tokens_per_second == answer.metrics.decode_tokens_per_second


def test_an_idle_model_can_be_unloaded_by_its_process(garden: Garden, tiny_model: Path) -> None:
    chat = conversation(garden, tiny_model)
    garden.compare.ask(chat.id, "Hello?").result(60)
    (model,) = garden.compare.loaded()

    garden.compare.unload(model.pid)

    assert garden.compare.loaded() == ()
    assert generators() == []
    with pytest.raises(RefusedError):
        garden.compare.unload(model.pid)


def test_closing_ends_every_model(data_dirs: Path, endless_model: Path) -> None:
    with Garden.open() as garden:
        chat = conversation(garden, endless_model, max_tokens=MANY)
        watcher = Watcher(garden)
        garden.compare.ask(chat.id, "Go on.")
        watcher.until(is_text("A"))
        started = time.monotonic()

    assert time.monotonic() - started < 8
    assert generators() == []


def _seed_for(order: str) -> int:
    """A seed that shuffles two panes into this order."""
    from garden.comparison.schedule import answer_order

    return next(seed for seed in range(100) if "".join(answer_order("AB", Mode.FAIR, seed)) == order)
