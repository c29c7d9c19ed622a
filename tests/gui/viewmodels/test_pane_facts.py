from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from garden.core.errors import NotFoundError
from garden.core.events import MachineRead
from garden.core.load_choice import LoadChoice
from garden.core.model_ref import ModelRef
from garden.gguf.header import GgufHeader
from garden.gui.bridge.event_pump import EventPump
from garden.gui.viewmodels.pane_facts import PaneFactsReader
from garden.services.garden import Garden


@pytest.fixture
def pump(garden: Garden) -> Iterator[EventPump]:
    pump = EventPump(garden.bus)
    yield pump
    pump.close()


class _SlowReading:
    """Lets reading go on once it may, and counts how often it was begun."""

    def __init__(self, garden: Garden, monkeypatch: pytest.MonkeyPatch) -> None:
        self._holding = garden.compare.holding
        self.begun = 0
        self.may = threading.Event()
        monkeypatch.setattr(garden.compare, "holding", self._slowly)

    def _slowly(self, conversation_id: str) -> Mapping[str, int]:
        self.begun += 1
        assert self.may.wait(10)
        return self._holding(conversation_id)


def test_panes_are_forecast_again_with_the_memory_that_is_free_now(
    qtbot: QtBot, garden: Garden, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pump = EventPump(garden.bus)
    reader = PaneFactsReader(garden, pump)
    run = garden.compare.configuration_for(garden.library.add_file(tiny_model))
    with qtbot.waitSignal(reader.facts_read):
        reader.read(garden.compare.new([run]))
    before = reader.of("A", run).forecast
    assert before is not None

    machine = dataclasses.replace(garden.machine.snapshot(), ram_available_bytes=1024**2)
    monkeypatch.setattr(garden.machine, "snapshot", lambda: machine)
    with qtbot.waitSignal(reader.facts_read):
        garden.bus.publish(MachineRead(snapshot=machine))

    after = reader.of("A", run).forecast
    assert after is not None
    assert after.devices[0].available_bytes < before.devices[0].available_bytes
    pump.close()


def test_a_disk_that_is_slower_than_the_memory_changes_is_asked_once_more_and_no_oftener(
    qtbot: QtBot, garden: Garden, pump: EventPump, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = PaneFactsReader(garden, pump)
    run = garden.compare.configuration_for(garden.library.add_file(tiny_model))
    reading = _SlowReading(garden, monkeypatch)
    reader.read(garden.compare.new([run]))

    for _ in range(20):
        garden.bus.publish(MachineRead(snapshot=garden.machine.snapshot()))
        pump.drain()
    reading.may.set()
    qtbot.waitUntil(lambda: reading.begun == 2 and not pump.waiting)

    assert reader.of("A", run).plan is not None
    assert reading.begun == 2


def test_what_is_chosen_while_a_file_is_read_stays_chosen(
    qtbot: QtBot, garden: Garden, pump: EventPump, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = PaneFactsReader(garden, pump)
    run = garden.compare.configuration_for(garden.library.add_file(tiny_model))
    conversation = garden.compare.new([run])
    with qtbot.waitSignal(reader.facts_read):
        reader.read(conversation)
    plan = reader.of("A", run).plan
    assert plan is not None
    reading = _SlowReading(garden, monkeypatch)
    garden.bus.publish(MachineRead(snapshot=garden.machine.snapshot()))
    qtbot.waitUntil(lambda: reading.begun == 1)

    # The same load as before, this time because the user wants just that.
    chosen = LoadChoice(context_length=run.load.context_length)
    reader.know(conversation, {"A": dataclasses.replace(plan, choice=chosen)})
    reading.may.set()
    qtbot.waitUntil(lambda: not pump.waiting)

    after = reader.of("A", run).plan
    assert after is not None
    assert after.choice == chosen != plan.choice


def test_a_file_that_was_away_is_known_again_once_it_is_back(
    qtbot: QtBot, garden: Garden, pump: EventPump, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = PaneFactsReader(garden, pump)
    run = garden.compare.configuration_for(garden.library.add_file(tiny_model))
    with monkeypatch.context() as away:

        def gone(_model: ModelRef) -> GgufHeader:
            raise NotFoundError("The file is gone.", "Put it back.")

        away.setattr(garden.fit, "header", gone)
        reader.read(garden.compare.new([run]))
        qtbot.waitUntil(lambda: not pump.waiting)
    assert reader.of("A", run).plan is None

    with qtbot.waitSignal(reader.facts_read):
        garden.bus.publish(MachineRead(snapshot=garden.machine.snapshot()))

    assert reader.of("A", run).plan is not None
