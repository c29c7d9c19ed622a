from __future__ import annotations

import dataclasses

from pytestqt.qtbot import QtBot

from garden.core.conversation import Answer, Conversation, FinishReason, Turn
from garden.core.events import EventBus, PaneChanged
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import RunConfiguration
from garden.gui.bridge.event_pump import EventPump
from garden.gui.viewmodels.live_panes import LivePanes
from garden.gui.viewmodels.pane_snapshot import turn_progress

RUN = RunConfiguration(model=ModelRef(name="Tiny", filenames=("tiny.gguf",)))


def test_only_answers_are_counted_as_answers(qtbot: QtBot) -> None:
    bus = EventBus()
    pump = EventPump(bus)
    panes = LivePanes(pump)
    fresh = Answer(pane="A", configuration=RUN)
    answers = [dataclasses.replace(fresh, pane=letter) for letter in "ABCD"]
    answers[0] = dataclasses.replace(answers[0], text="Half a", finish_reason=FinishReason.ERROR, error="It ended.")
    answers[1] = dataclasses.replace(answers[1], text="Whole.", finish_reason=FinishReason.STOP)
    answers[2] = dataclasses.replace(answers[2], finish_reason=FinishReason.CANCELLED)
    turn = Turn(prompt="Why?", answers=tuple(answers), order="ABCD")
    conversation = Conversation(id="c", title="Why", panes=tuple((letter, RUN) for letter in "ABCD"), turns=(turn,))

    assert turn_progress(conversation, 0, panes) == "1 of 4 answered · 1 failed · 1 stopped"

    bus.publish(PaneChanged(conversation_id="c", turn=0, pane="A", state="queued"))
    qtbot.waitUntil(lambda: panes.live("c", 0, "A") is not None)
    assert turn_progress(conversation, 0, panes) == "1 of 4 answered · 1 stopped"
    pump.close()
