from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from garden.core.errors import CancelledByUser, GardenError, NetworkAwayError
from garden.core.job_record import JobKind, JobState
from garden.gui.bridge.event_pump import EventPump
from garden.gui.viewmodels.activity import ENDED_STEP, ActivityViewModel
from garden.gui.viewmodels.job_actions import JobAction
from garden.gui.viewmodels.job_lines import Section
from garden.jobs.job_context import JobContext
from garden.services.garden import Garden

GIB = 1024**3


@pytest.fixture
def pump(qapp: object, garden: Garden) -> Iterator[EventPump]:
    pump = EventPump(garden.bus)
    yield pump
    pump.close()


@pytest.fixture
def activity(qtbot: QtBot, garden: Garden, pump: EventPump) -> Iterator[ActivityViewModel]:
    model = ActivityViewModel(garden, pump)
    model.watch(True)
    qtbot.waitUntil(lambda: model.read)
    yield model
    model.watch(False)


def runs(done: int = 0) -> Callable[[JobContext], Any]:
    """Work that reports once and runs until it is stopped."""

    def work(context: JobContext) -> None:
        context.progress(done)
        context.cancelled.wait(10)
        raise CancelledByUser

    return work


def ends(path: str | None = None) -> Callable[[JobContext], Any]:
    def work(context: JobContext) -> None:
        context.result_path = path

    return work


def fails(_context: JobContext) -> None:
    raise GardenError("The hash differs.", "Fetch it again.")


def submit(garden: Garden, title: str, work: Callable[[JobContext], Any], **facts: Any) -> str:
    kind = facts.pop("kind", JobKind.DOWNLOAD)
    return garden.activity.submit(kind, title, "Q4_K_M", work, **facts).id


def titles(activity: ActivityViewModel, section: Section) -> list[str]:
    return [row.job.title for row in dict(activity.sections())[section]]


def actions(activity: ActivityViewModel, job_id: str) -> list[JobAction]:
    rows = [row for _section, rows in activity.sections() for row in rows]
    return list(next(row.actions for row in rows if row.job.id == job_id))


def state(activity: ActivityViewModel, job_id: str) -> JobState | None:
    rows = [row for _section, rows in activity.sections() for row in rows]
    return next((row.job.state for row in rows if row.job.id == job_id), None)


def test_another_failure_takes_nothing_from_a_read_that_is_under_way(
    qtbot: QtBot, garden: Garden, activity: ActivityViewModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = threading.Event()

    def work(_context: JobContext) -> None:
        end.wait(10)

    job_id = submit(garden, "a", work)
    qtbot.waitUntil(lambda: state(activity, job_id) is JobState.RUNNING)
    have_read, go_on = threading.Event(), threading.Event()
    jobs = garden.activity.jobs

    def read() -> Any:
        found = jobs()
        have_read.set()
        go_on.wait(10)
        return found

    monkeypatch.setattr(garden.activity, "jobs", read)
    activity.load()
    assert have_read.wait(10)
    end.set()
    qtbot.waitUntil(lambda: state(activity, job_id) is JobState.SUCCEEDED)
    with qtbot.waitSignal(activity.said):
        activity.limit(parallel_downloads=99)

    go_on.set()
    qtbot.waitUntil(lambda: activity._newer is None)
    qtbot.wait(100)

    assert state(activity, job_id) is JobState.SUCCEEDED


def test_after_a_read_that_failed_it_is_read_again(
    qtbot: QtBot, garden: Garden, activity: ActivityViewModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(garden, "a", ends())
    qtbot.waitUntil(lambda: titles(activity, Section.FINISHED) == ["a"])
    jobs = garden.activity.jobs
    reading, go_on = threading.Event(), threading.Event()

    def fails_once() -> Any:
        monkeypatch.setattr(garden.activity, "jobs", jobs)
        reading.set()
        go_on.wait(10)
        raise GardenError("The disk does not answer.")

    monkeypatch.setattr(garden.activity, "jobs", fails_once)
    activity.load()
    assert reading.wait(10)
    activity._jobs.clear()
    activity.load()
    go_on.set()

    qtbot.waitUntil(lambda: titles(activity, Section.FINISHED) == ["a"])


def test_two_downloads_run_and_the_others_wait_in_their_order(
    qtbot: QtBot, garden: Garden, activity: ActivityViewModel
) -> None:
    for title in ("a", "b", "c", "d"):
        submit(garden, title, runs())

    qtbot.waitUntil(lambda: len(titles(activity, Section.UNDER_WAY)) == 2)
    assert titles(activity, Section.UNDER_WAY) == ["a", "b"]
    assert titles(activity, Section.WAITING) == ["c", "d"]
    lines = [row.lines.state for row in dict(activity.sections())[Section.WAITING]]
    assert lines == ["Next in the queue", "Number 2 in the queue"]


def test_figures_change_the_row_alone(qtbot: QtBot, garden: Garden, activity: ActivityViewModel) -> None:
    go_on, listed = threading.Event(), []

    def work(context: JobContext) -> None:
        go_on.wait(10)
        context.progress(7)
        context.cancelled.wait(10)
        raise CancelledByUser

    job_id = submit(garden, "a", work, total=10)
    qtbot.waitUntil(lambda: state(activity, job_id) is JobState.RUNNING)
    activity.listed.connect(lambda: listed.append(True))
    with qtbot.waitSignal(activity.job_changed, check_params_cb=lambda row: row.job.done == 7):
        go_on.set()

    assert listed == []


def test_a_pause_keeps_the_job_and_a_resume_runs_it_again(
    qtbot: QtBot, garden: Garden, activity: ActivityViewModel
) -> None:
    job_id = submit(garden, "a", runs(), resumable=True)
    qtbot.waitUntil(lambda: state(activity, job_id) is JobState.RUNNING)
    assert actions(activity, job_id) == [JobAction.PAUSE, JobAction.CANCEL]

    activity.act(job_id, JobAction.PAUSE)
    qtbot.waitUntil(lambda: state(activity, job_id) is JobState.PAUSED)
    assert actions(activity, job_id) == [JobAction.RESUME, JobAction.CANCEL]

    activity.act(job_id, JobAction.RESUME)
    qtbot.waitUntil(lambda: state(activity, job_id) is JobState.RUNNING)


def test_a_row_says_at_once_what_was_asked_of_its_job(
    qtbot: QtBot, garden: Garden, activity: ActivityViewModel
) -> None:
    job_id = submit(garden, "a", runs(), resumable=True)
    qtbot.waitUntil(lambda: state(activity, job_id) is JobState.RUNNING)

    with qtbot.waitSignal(activity.job_changed, check_params_cb=lambda row: row.lines.state == "Cancelling…"):
        activity.act(job_id, JobAction.CANCEL)

    qtbot.waitUntil(lambda: state(activity, job_id) is JobState.CANCELLED)
    (row,) = dict(activity.sections())[Section.FINISHED]
    assert row.lines.state.startswith("Cancelled")


def test_a_row_whose_job_could_not_follow_says_again_what_it_does(
    qtbot: QtBot, garden: Garden, activity: ActivityViewModel
) -> None:
    job_id = submit(garden, "a", runs())
    qtbot.waitUntil(lambda: state(activity, job_id) is JobState.RUNNING)

    with qtbot.waitSignal(activity.said) as said:
        activity.act(job_id, JobAction.PAUSE)

    assert said.args == ["This cannot be paused.", "Let it run, or cancel it."]
    (row,) = dict(activity.sections())[Section.UNDER_WAY]
    assert row.lines.state == "Downloading"


def test_work_that_cannot_go_on_offers_no_pause(qtbot: QtBot, garden: Garden, activity: ActivityViewModel) -> None:
    job_id = submit(garden, "a", runs(), kind=JobKind.QUANTIZE)
    qtbot.waitUntil(lambda: state(activity, job_id) is JobState.RUNNING)

    assert actions(activity, job_id) == [JobAction.CANCEL]
    assert not activity.can_pause_all()


def test_what_failed_can_be_tried_again_or_taken_off_the_list(
    qtbot: QtBot, garden: Garden, activity: ActivityViewModel
) -> None:
    job_id = submit(garden, "a", fails)
    qtbot.waitUntil(lambda: state(activity, job_id) is JobState.FAILED)
    assert actions(activity, job_id) == [JobAction.RETRY, JobAction.REMOVE]

    activity.act(job_id, JobAction.REMOVE)
    qtbot.waitUntil(lambda: activity.empty)


def test_a_file_that_was_fetched_can_be_compared_and_shown(
    qtbot: QtBot, garden: Garden, activity: ActivityViewModel, tiny_model: Path
) -> None:
    job_id = submit(garden, "Tiny", ends(str(tiny_model)))
    qtbot.waitUntil(lambda: state(activity, job_id) is JobState.SUCCEEDED)
    assert actions(activity, job_id) == [JobAction.COMPARE, JobAction.SHOW_FILE, JobAction.REMOVE]

    with qtbot.waitSignal(activity.compare_ready) as ready:
        activity.act(job_id, JobAction.COMPARE)
    assert ready.args[0].ref.path == str(tiny_model)


def test_a_file_that_is_gone_is_said(qtbot: QtBot, garden: Garden, activity: ActivityViewModel) -> None:
    job_id = submit(garden, "Gone", ends("/nowhere/gone.gguf"))
    qtbot.waitUntil(lambda: state(activity, job_id) is JobState.SUCCEEDED)

    with qtbot.waitSignal(activity.said) as said:
        activity.act(job_id, JobAction.COMPARE)
    assert said.args == ["There is no file /nowhere/gone.gguf.", "Check the path."]


def test_a_filter_shows_its_kinds_and_clears_only_them(
    qtbot: QtBot, garden: Garden, activity: ActivityViewModel
) -> None:
    submit(garden, "fetched", ends())
    submit(garden, "made", ends(), kind=JobKind.QUANTIZE)
    qtbot.waitUntil(lambda: len(titles(activity, Section.FINISHED)) == 2)

    activity.show_only("quantizing")
    assert titles(activity, Section.FINISHED) == ["made"]
    activity.clear()
    qtbot.waitUntil(lambda: titles(activity, Section.FINISHED) == [])
    activity.show_only("all")
    assert titles(activity, Section.FINISHED) == ["fetched"]


def test_pause_all_stops_what_waits_first_so_that_nothing_starts_in_a_place_that_frees(
    qtbot: QtBot, garden: Garden, activity: ActivityViewModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [submit(garden, title, runs(), resumable=True) for title in ("a", "b", "c")]
    qtbot.waitUntil(lambda: len(titles(activity, Section.UNDER_WAY)) == 2)
    asked: list[str] = []
    pause = garden.activity.pause

    def spied(job_id: str) -> None:
        asked.append(job_id)
        pause(job_id)

    monkeypatch.setattr(garden.activity, "pause", spied)

    activity.pause_all()
    qtbot.waitUntil(lambda: {state(activity, job_id) for job_id in ids} == {JobState.PAUSED})
    assert asked[0] == ids[2]

    activity.resume_all()
    qtbot.waitUntil(lambda: titles(activity, Section.UNDER_WAY) == ["a", "b"])
    assert titles(activity, Section.WAITING) == ["c"]


def test_downloads_that_have_not_ended_need_the_rest_of_their_bytes(
    qtbot: QtBot, garden: Garden, activity: ActivityViewModel
) -> None:
    submit(garden, "a", runs(done=GIB), total=4 * GIB)
    submit(garden, "made", runs(done=GIB), total=4 * GIB, kind=JobKind.QUANTIZE)

    qtbot.waitUntil(lambda: activity.needed_bytes == 3 * GIB)
    assert activity.disk is not None
    assert activity.disk.total_bytes > activity.disk.free_bytes > 0


def test_what_ended_long_ago_is_shown_on_demand(qtbot: QtBot, garden: Garden, activity: ActivityViewModel) -> None:
    for number in range(ENDED_STEP + 2):
        garden.activity.submit(JobKind.VERIFY, f"model {number}", "", ends()).result(10)
    qtbot.waitUntil(lambda: activity.older == 2)
    assert titles(activity, Section.FINISHED)[0] == f"model {ENDED_STEP + 1}"

    activity.show_older()
    assert (activity.older, len(titles(activity, Section.FINISHED))) == (0, ENDED_STEP + 2)


def test_jobs_of_an_earlier_start_are_listed(qtbot: QtBot, garden: Garden, pump: EventPump) -> None:
    job_id = submit(garden, "before", fails)
    qtbot.waitUntil(lambda: any(job.state is JobState.FAILED for job in garden.activity.jobs()))
    activity = ActivityViewModel(garden, pump)
    assert activity.empty

    with qtbot.waitSignal(activity.listed):
        activity.load()
    assert state(activity, job_id) is JobState.FAILED


def test_what_waits_is_moved_up_and_down(qtbot: QtBot, garden: Garden, activity: ActivityViewModel) -> None:
    ids = {title: submit(garden, title, runs(), resumable=True) for title in ("a", "b", "c", "d", "e")}
    qtbot.waitUntil(lambda: titles(activity, Section.WAITING) == ["c", "d", "e"])
    assert JobAction.MOVE_UP not in actions(activity, ids["c"])
    assert JobAction.MOVE_DOWN not in actions(activity, ids["e"])

    activity.act(ids["e"], JobAction.MOVE_UP)
    qtbot.waitUntil(lambda: titles(activity, Section.WAITING) == ["c", "e", "d"])
    activity.act(ids["c"], JobAction.MOVE_DOWN)
    qtbot.waitUntil(lambda: titles(activity, Section.WAITING) == ["e", "c", "d"])
    assert list(garden.activity.queue()) == [ids["e"], ids["c"], ids["d"]]


def test_what_waits_for_the_network_says_when_and_can_be_tried_now(
    qtbot: QtBot, garden: Garden, activity: ActivityViewModel
) -> None:
    there: list[bool] = []

    def work(_context: JobContext) -> None:
        if not there:
            raise NetworkAwayError("No network.")

    garden.activity.be_patient()
    job_id = submit(garden, "a", work, resumable=True, target="a")
    qtbot.waitUntil(lambda: state(activity, job_id) is not None and JobAction.TRY_NOW in actions(activity, job_id))
    (row,) = dict(activity.sections())[Section.WAITING]
    assert row.lines.state.startswith("Waits for the network; next try in ")
    there.append(True)
    activity.act(job_id, JobAction.TRY_NOW)
    qtbot.waitUntil(lambda: state(activity, job_id) is JobState.SUCCEEDED)


def test_limits_are_changed_from_here_and_hold_at_once(
    qtbot: QtBot, garden: Garden, activity: ActivityViewModel
) -> None:
    for title in ("a", "b", "c"):
        submit(garden, title, runs())
    qtbot.waitUntil(lambda: titles(activity, Section.WAITING) == ["c"])
    with qtbot.waitSignal(activity.limits_changed):
        activity.limit(parallel_downloads=3)
    qtbot.waitUntil(lambda: titles(activity, Section.UNDER_WAY) == ["a", "b", "c"])
    with qtbot.waitSignal(activity.limits_changed):
        activity.limit(bandwidth_limit=1024 * 1024)
    assert (activity.at_once, activity.bandwidth_limit) == (3, 1024 * 1024)
