"""The machine's speed on its card, measured by the worker itself."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QAbstractButton, QLabel
from pytestqt.qtbot import QtBot

from garden.core.calibration import Calibration
from garden.core.events import SpeedsChanged
from garden.gui.bridge.event_pump import EventPump
from garden.gui.pages.speed_row import SpeedRow
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.machine_speed import MachineSpeedViewModel
from garden.gui.widgets.progress_bar import ProgressBar
from garden.services.garden import Garden
from garden.store.calibrations import Calibrations
from tests.fit.speeds import calibration


@pytest.fixture
def garden() -> Iterator[Garden]:
    with Garden.open(work_offline=True) as garden:
        garden.machine.refresh().result(60)
        yield garden


@pytest.fixture
def row(qtbot: QtBot, garden: Garden, theme: ThemeController) -> Iterator[SpeedRow]:
    pump = EventPump(garden.bus)
    speed = MachineSpeedViewModel(garden, pump)
    row = SpeedRow(theme, speed)
    speed.setParent(row)
    qtbot.addWidget(row)
    row.resize(1_000, row.sizeHint().height())
    row.show()
    speed.look()
    qtbot.waitUntil(lambda: speed.read)
    yield row
    row.hide()
    pump.close()


def button(row: SpeedRow, name: str) -> QAbstractButton:
    found = row.findChild(QAbstractButton, name)
    assert found is not None
    return found


def words(row: SpeedRow) -> str:
    return "\n".join(label.text() for label in row.findChildren(QLabel) if label.isVisible())


def known(garden: Garden, **facts: object) -> Calibration:
    found = dataclasses.replace(
        calibration(setup=garden.calibration.setup(), measured_at=time.time()),
        **facts,  # type: ignore[arg-type]  # named by the tests
    )
    Calibrations(garden._work).record(found)
    garden.calibration._known.clear()
    garden.bus.publish(SpeedsChanged())
    return found


def test_a_measurement_shows_how_far_it_is_and_can_be_cancelled(qtbot: QtBot, garden: Garden, row: SpeedRow) -> None:
    measure, cancel = button(row, "machine.measure"), button(row, "machine.measure.cancel")
    (progress,) = row.findChildren(ProgressBar)
    assert measure.isVisible() and not cancel.isVisible() and not progress.isVisible()
    assert "is not known yet" in words(row)

    measure.click()

    qtbot.waitUntil(lambda: "on the processor" in words(row), timeout=20_000)
    assert cancel.isVisible() and progress.isVisible() and not measure.isVisible()
    cancel.click()
    qtbot.waitUntil(measure.isVisible, timeout=10_000)
    assert not cancel.isVisible() and not progress.isVisible()
    assert "is not known yet" in words(row)
    assert garden.calibration.current() is None


def test_what_was_measured_is_shown_with_when_and_how_well(qtbot: QtBot, garden: Garden, row: SpeedRow) -> None:
    known(garden)

    qtbot.waitUntil(lambda: "GB/s of Q4_K weights" in words(row), timeout=5_000)
    assert "5 % off in its own checks" in words(row)
    assert button(row, "machine.measure").isVisible()


def test_other_programs_that_were_busy_are_told(qtbot: QtBot, garden: Garden, row: SpeedRow) -> None:
    known(garden, busy_share=0.4)

    told = "Other programs took 40 % of the processor meanwhile"
    qtbot.waitUntil(lambda: told in words(row), timeout=5_000)
