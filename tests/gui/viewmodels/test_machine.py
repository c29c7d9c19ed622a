from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from garden.core.errors import WorkerDiedError
from garden.core.fit_forecast import FitForecast, FitMethod, Placement, Verdict
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.messages import BufferUse, ModelLoaded
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import AskParameters, LoadParameters, RunConfiguration
from garden.gui.bridge.event_pump import EventPump
from garden.gui.viewmodels.machine import MachineViewModel, ModelDot
from garden.jobs.handle import Handle
from garden.services.garden import Garden

MIB = 1024**2


@pytest.fixture
def pump(qapp: object, garden: Garden) -> Iterator[EventPump]:
    pump = EventPump(garden.bus)
    yield pump
    pump.close()


@pytest.fixture
def machine(garden: Garden, pump: EventPump) -> Iterator[MachineViewModel]:
    model = MachineViewModel(garden, pump)
    yield model
    model.watch(False)


def loaded(name: str, megabytes: int, context_length: int = 4_096) -> ModelLoaded:
    configuration = RunConfiguration(
        model=ModelRef(name=name, filenames=(f"{name}.gguf",), quant_type="Q4_K_M"),
        load=LoadParameters(context_length=context_length),
        ask=AskParameters(),
    )
    buffer = BufferUse(name="CPU", weights_bytes=(megabytes - 2) * MIB, context_bytes=MIB, compute_bytes=MIB)
    return ModelLoaded(
        configuration=configuration,
        buffers=(buffer,),
        kv_cache_bytes=MIB,
        load_seconds=0.1,
        resident_bytes=megabytes * MIB,
        vocab_size=100,
        has_template=True,
        engine_version="0.3",
    )


def predicted(megabytes: int) -> FitForecast:
    return FitForecast(
        verdict=Verdict.FITS,
        placement=Placement.CPU,
        reason="",
        method=FitMethod.FORMULA,
        total_bytes=megabytes * MIB,
    )


def busy(machine: MachineViewModel) -> tuple[bool, bool]:
    """Whether it probes, and whether it computes the map."""
    return machine.probing, machine.mapping


def test_a_first_look_probes_the_engine_and_draws_the_map(qtbot: QtBot, machine: MachineViewModel) -> None:
    machine.watch(True)
    qtbot.waitUntil(lambda: busy(machine) == (True, False))

    qtbot.waitUntil(lambda: machine.run_map is not None, timeout=30_000)
    assert busy(machine) == (False, False)
    assert next(fact.key for fact in machine.facts) == "memory"
    assert machine.facts[-1].title.startswith("llama-cpp-python ")
    assert machine.run_map is not None and machine.run_map.at(16_384).at_all > 0


def test_a_page_that_nobody_sees_reads_nothing(qtbot: QtBot, machine: MachineViewModel) -> None:
    machine.watch(True)
    qtbot.waitUntil(lambda: machine.run_map is not None, timeout=30_000)
    machine.watch(False)

    assert not machine._timer.isActive()


def test_a_failed_look_is_said_and_the_memory_is_shown_all_the_same(
    qtbot: QtBot, garden: Garden, machine: MachineViewModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle: Handle[HardwareSnapshot] = Handle()
    monkeypatch.setattr(garden.machine, "refresh", lambda: handle)
    machine.watch(True)
    with qtbot.waitSignal(machine.said) as said:
        handle.fail(WorkerDiedError("The probe ended early.", "Try again."))

    assert said.args == ["The probe ended early.", "Try again."]
    qtbot.waitUntil(lambda: machine.snapshot is not None)
    assert machine.facts[-1].note == "The probe ended early."
    assert machine.run_map is None


def test_another_type_draws_another_map(qtbot: QtBot, machine: MachineViewModel) -> None:
    machine.watch(True)
    qtbot.waitUntil(lambda: machine.run_map is not None, timeout=30_000)
    before = machine.run_map
    machine.choose_type("Q8_0")
    machine.choose_kv_type("q8_0")

    # Chosen while a map was being computed: the last choice is what comes in the end.
    qtbot.waitUntil(
        lambda: (
            machine.run_map is not None and (machine.run_map.quant_type, machine.run_map.kv_type) == ("Q8_0", "q8_0")
        ),
        timeout=30_000,
    )
    assert before is not None and machine.run_map is not None
    assert machine.run_map.at(2_048).at_all < before.at(2_048).at_all


def test_a_little_less_memory_draws_no_new_map(qtbot: QtBot, machine: MachineViewModel) -> None:
    machine.watch(True)
    qtbot.waitUntil(lambda: machine.run_map is not None and not machine.mapping, timeout=30_000)
    now = machine.snapshot
    assert now is not None

    machine._take(dataclasses.replace(now, ram_available_bytes=round(now.ram_available_bytes * 0.98)))
    assert busy(machine) == (False, False)
    machine._take(dataclasses.replace(now, ram_available_bytes=round(now.ram_available_bytes * 0.8)))
    assert busy(machine) == (False, True)
    qtbot.waitUntil(lambda: not machine.mapping, timeout=30_000)


def test_models_of_the_library_stand_where_they_would_be_loaded(
    qtbot: QtBot, garden: Garden, machine: MachineViewModel, tiny_model: Path, tmp_path: Path
) -> None:
    # A folder of its own: adding a file lists its neighbours too.
    own = tmp_path / "models" / tiny_model.name
    own.parent.mkdir()
    shutil.copyfile(tiny_model, own)
    entry = garden.library.add_file(own)
    machine.watch(True)
    qtbot.waitUntil(lambda: bool(machine.dots))

    assert entry.parameters is not None
    # Trained for less than the chart begins with: it stands at the edge.
    assert machine.dots == (ModelDot(name=entry.ref.name, parameters=entry.parameters, context_length=2_048),)


def test_loads_are_read_the_newest_first(qtbot: QtBot, garden: Garden, machine: MachineViewModel) -> None:
    garden.audit.loaded(loaded("old", 100), predicted(100))
    garden.audit.loaded(loaded("new", 103), predicted(100))
    with qtbot.waitSignal(machine.audited):
        machine.watch(True)

    assert [record.loaded.configuration.model.name for record in machine.loads] == ["new", "old"]
