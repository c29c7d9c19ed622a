from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

from garden.core.conversation import Answer
from garden.core.events import EventBus, PaneChanged, PaneStage, PaneText
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import RunConfiguration
from garden.gui.bridge.event_pump import EventPump
from garden.gui.viewmodels.live_panes import LivePanes

RUN = RunConfiguration(model=ModelRef(name="Tiny", filenames=("tiny.gguf",)))


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


@pytest.fixture
def panes(qtbot: QtBot, bus: EventBus) -> Iterator[LivePanes]:
    pump = EventPump(bus)
    panes = LivePanes(pump)
    panes.setProperty("pump", pump)
    yield panes
    pump.close()


def tell(bus: EventBus, *states: PaneStage, pane: str = "A", answer: Answer | None = None) -> None:
    for state in states:
        bus.publish(PaneChanged(conversation_id="c", turn=0, pane=pane, state=state, answer=answer))


def say(bus: EventBus, text: str) -> None:
    bus.publish(PaneText(conversation_id="c", turn=0, pane="A", text=text, tokens=1))


def test_text_is_kept_until_the_answer_is_whole(qtbot: QtBot, bus: EventBus, panes: LivePanes) -> None:
    tell(bus, "queued", "loading", "reading", "answering")
    say(bus, "Hello")
    say(bus, " you")
    qtbot.waitUntil(lambda: (live := panes.live("c", 0, "A")) is not None and live.text == "Hello you")
    tell(bus, "done", answer=Answer(pane="A", configuration=RUN, text="Hello you"))
    qtbot.waitUntil(lambda: panes.live("c", 0, "A") is None)
    assert panes.lost("c", "A") is None


def test_a_failure_out_of_nothing_is_a_loss(qtbot: QtBot, bus: EventBus, panes: LivePanes) -> None:
    tell(bus, "failed", answer=Answer(pane="A", configuration=RUN, error="It ended.", action="Start it again."))
    qtbot.waitUntil(lambda: panes.lost("c", "A") is not None)
    loss = panes.lost("c", "A")
    assert loss is not None
    assert (loss.sentence, loss.action) == ("It ended.", "Start it again.")
    panes.forgive("c")
    assert panes.lost("c", "A") is None


def test_a_new_question_begins_with_no_text(qtbot: QtBot, bus: EventBus, panes: LivePanes) -> None:
    tell(bus, "queued", "answering")
    say(bus, "Old")
    qtbot.waitUntil(lambda: (live := panes.live("c", 0, "A")) is not None and live.text == "Old")
    tell(bus, "queued")
    qtbot.waitUntil(lambda: (live := panes.live("c", 0, "A")) is not None and live.state == "queued")
    live = panes.live("c", 0, "A")
    assert live is not None
    assert live.text == ""
    QCoreApplication.processEvents()


def test_what_was_loaded_is_held_until_it_fails(qtbot: QtBot, bus: EventBus, panes: LivePanes) -> None:
    panes.hold("c", "A", RUN)
    assert panes.holds("c", "A", RUN)
    assert not panes.holds("c", "A", RUN.with_load(context_length=512))
    tell(bus, "failed", answer=Answer(pane="A", configuration=RUN, error="It ended."))
    qtbot.waitUntil(lambda: not panes.holds("c", "A", RUN))
