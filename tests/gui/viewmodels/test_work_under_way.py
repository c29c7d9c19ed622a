from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from garden.core.events import EventBus, JobChanged
from garden.core.job_record import JobKind, JobRecord, JobState
from garden.gui.bridge.event_pump import EventPump
from garden.gui.viewmodels.work_under_way import WorkUnderWay


def _job(state: JobState) -> JobRecord:
    return JobRecord(id="one", kind=JobKind.DOWNLOAD, title="m", state=state)


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


@pytest.fixture
def work(qtbot: QtBot, bus: EventBus) -> Iterator[WorkUnderWay]:
    pump = EventPump(bus)
    yield WorkUnderWay(pump)
    pump.close()


def _tell(qtbot: QtBot, bus: EventBus, work: WorkUnderWay, state: JobState) -> None:
    with qtbot.waitSignal(work.changed):
        bus.publish(JobChanged(job=_job(state)))


def test_a_paused_job_does_not_move_and_an_ended_one_is_gone(qtbot: QtBot, bus: EventBus, work: WorkUnderWay) -> None:
    seen = []
    for state in (JobState.WAITING, JobState.RUNNING, JobState.PAUSED, JobState.RUNNING, JobState.SUCCEEDED):
        _tell(qtbot, bus, work, state)
        seen.append(len(work.moving))

    assert seen == [1, 1, 0, 1, 0]


@pytest.mark.parametrize(("end", "told"), [(JobState.SUCCEEDED, 1), (JobState.FAILED, 1), (JobState.CANCELLED, 0)])
def test_the_end_of_work_is_told_once(
    qtbot: QtBot, bus: EventBus, work: WorkUnderWay, end: JobState, told: int
) -> None:
    finished: list[int] = []
    work.finished.connect(lambda: finished.append(1))
    work.take([_job(JobState.RUNNING)])

    for _ in range(2):
        _tell(qtbot, bus, work, end)

    assert len(finished) == told


def test_a_job_that_ended_while_the_log_was_read_is_not_counted(
    qtbot: QtBot, bus: EventBus, work: WorkUnderWay
) -> None:
    _tell(qtbot, bus, work, JobState.SUCCEEDED)
    work.take([_job(JobState.RUNNING)])

    assert work.moving == []
