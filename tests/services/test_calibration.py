"""Measuring this machine, by the worker itself."""

from __future__ import annotations

import dataclasses
import threading
import time
from pathlib import Path

import pytest

from garden.core.calibration import Calibration
from garden.core.errors import CancelledByUser, WorkerDiedError
from garden.core.events import SpeedsChanged
from garden.core.fit_forecast import SpeedSource
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.job_record import JobState
from garden.core.run_configuration import LoadParameters
from garden.jobs.handle import Handle
from garden.services import calibration as module
from garden.services.calibration import CalibrationService, setup_of
from garden.services.garden import Garden
from garden.store.calibrations import Calibrations
from tests.fit.headers import published
from tests.fit.speeds import calibration
from tests.services.measuring import children, made, until


def notes(garden: Garden) -> list[str]:
    """What jobs say they do."""
    return [job.note for job in garden.activity.jobs()]


def begun(garden: Garden) -> Handle[Calibration]:
    handle = garden.calibration.measure()
    until(lambda: any("on the processor" in note for note in notes(garden)))
    return handle


def test_what_was_measured_is_known_after_a_restart_and_forecasts_speeds(
    garden: Garden, data_dirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LIMIT_SECONDS", 1.0)
    heard = garden.bus.subscribe()
    assert garden.calibration.current() is None

    found = garden.calibration.measure().result(60)

    assert any(isinstance(event, SpeedsChanged) for event in heard.drain())
    assert garden.calibration.current() == found
    assert found.seconds < 30
    assert found.speeds[0].types["Q4_0"].byte_seconds > 0
    assert made() == []
    with Garden.open() as again:
        assert again.calibration.current() == found
        load = LoadParameters(threads=found.setup.threads, threads_batch=found.setup.threads)
        told = again.fit.forecast_header(published("Qwen/Qwen3-0.6B", "Q4_0"), load)
        assert told.speed_source is SpeedSource.CALIBRATED
        assert told.decode_tokens_per_second is not None


def test_a_cancel_leaves_nothing(garden: Garden) -> None:
    handle = begun(garden)

    started = time.monotonic()
    handle.cancel()
    with pytest.raises(CancelledByUser):
        handle.result(10)

    assert time.monotonic() - started < 2
    assert garden.calibration.current() is None
    assert made() == []
    assert children("calibrate") == []
    assert [job.state for job in garden.activity.jobs()] == [JobState.CANCELLED]


def test_a_child_that_is_killed_is_told(garden: Garden) -> None:
    handle = begun(garden)

    (child,) = children("calibrate")
    child.kill()
    with pytest.raises(WorkerDiedError) as caught:
        handle.result(10)

    assert caught.value.sentence
    assert garden.calibration.current() is None
    assert made() == []


def test_it_waits_for_panes_that_answer_and_says_so(garden: Garden) -> None:
    answering = threading.Event()
    answering.set()
    service = CalibrationService(
        garden.bus, garden.machine, Calibrations(garden._work), lambda: garden.activity, answering.is_set
    )
    handle = service.measure()

    until(lambda: "Waiting until the panes have answered" in notes(garden))
    assert children("calibrate") == []
    answering.clear()
    until(lambda: children("calibrate"))
    handle.cancel()
    with pytest.raises(CancelledByUser):
        handle.result(10)


def test_a_cancel_while_it_waits_ends_it(garden: Garden) -> None:
    service = CalibrationService(
        garden.bus, garden.machine, Calibrations(garden._work), lambda: garden.activity, lambda: True
    )
    handle = service.measure()

    handle.cancel()
    with pytest.raises(CancelledByUser):
        handle.result(5)


def test_a_second_measurement_waits_for_the_first(garden: Garden) -> None:
    first, second = begun(garden), garden.calibration.measure()

    assert [job.state for job in garden.activity.jobs()].count(JobState.RUNNING) == 1
    assert len(children("calibrate")) == 1
    for handle in (second, first):
        handle.cancel()
        with pytest.raises(CancelledByUser):
            handle.result(10)


def test_speeds_on_battery_are_remembered_apart(garden: Garden, monkeypatch: pytest.MonkeyPatch) -> None:
    plugged = garden.machine.read()
    powered = [plugged]
    monkeypatch.setattr(garden.machine, "snapshot", lambda: powered[0])
    store = Calibrations(garden._work)

    def kept(machine: HardwareSnapshot, seconds: float) -> None:
        store.record(dataclasses.replace(calibration(setup=setup_of(machine)), seconds=seconds))

    unplugged = dataclasses.replace(plugged, on_battery=True)
    kept(dataclasses.replace(plugged, on_battery=False), 1.0)
    kept(unplugged, 2.0)

    def seconds(machine: HardwareSnapshot) -> float | None:
        powered[0] = machine
        known = garden.calibration.current()
        return known.seconds if known else None

    assert seconds(dataclasses.replace(plugged, on_battery=False)) == 1.0
    assert seconds(unplugged) == 2.0
    engine = dataclasses.replace(plugged.engine, version="0.0.1")
    assert seconds(dataclasses.replace(plugged, engine=engine)) is None


def test_what_an_earlier_method_measured_is_not_used(
    garden: Garden, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugged = garden.machine.read()
    monkeypatch.setattr(garden.machine, "snapshot", lambda: plugged)
    setup, store = setup_of(plugged), Calibrations(garden._work)
    store.record(calibration(setup=dataclasses.replace(setup, method=setup.method - 1)))
    # As it was stored before methods were told apart.
    with garden._work.write() as connection:
        connection.execute(
            """INSERT INTO calibrations SELECT 'old', replace(setup, ?, '}'), measured_at, replace(document, ?, '}')
            FROM calibrations""",
            (f',"method":{setup.method - 1}}}',) * 2,
        )

    assert garden.calibration.current() is None
    assert caplog.records == []
