from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from garden.core.events import MachineRead
from garden.gui.bridge.event_pump import EventPump
from garden.gui.viewmodels.pane_facts import PaneFactsReader
from garden.services.garden import Garden


@pytest.fixture
def garden() -> Iterator[Garden]:
    with Garden.open(work_offline=True) as garden:
        yield garden


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
