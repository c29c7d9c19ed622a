from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator

import pytest

from garden.core.errors import (
    CancelledByUser,
    DiskFullError,
    GardenError,
    NetworkAwayError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
)
from garden.core.events import EventBus, JobChanged, Subscription
from garden.core.job_record import JobKind, JobRecord, JobState
from garden.jobs.job import INTERRUPTED, PAUSED_AT_CLOSE, PAUSED_BY_USER
from garden.jobs.job_context import JobContext
from garden.jobs.job_runner import JobRunner
from tests.jobs.memory_log import MemoryJobsLog

LIMITS = {JobKind.DOWNLOAD: 2, JobKind.QUANTIZE: 1}


class Bench:
    """A runner, what it announced, and a clock that only moves when told."""

    def __init__(self, log: MemoryJobsLog) -> None:
        self.now = 0.0
        self.log = log
        self.bus = EventBus()
        self.queue: Subscription = self.bus.subscribe()
        self.runner = JobRunner(self.bus, log, LIMITS, clock=lambda: self.now, wall_clock=lambda: 1000.0 + self.now)

    def record(self, job_id: str) -> JobRecord:
        return next(record for record in self.runner.jobs() if record.id == job_id)

    def wait_for(self, job_id: str, state: JobState) -> JobRecord:
        while (record := self.record(job_id)).state is not state:
            assert self.queue.wait(5), f"{record.state} instead of {state}"
        return record


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench(MemoryJobsLog())
    yield bench
    bench.runner.close()


def until_cancelled(started: threading.Event | None = None) -> Callable[[JobContext], None]:
    def work(context: JobContext) -> None:
        if started is not None:
            started.set()
        assert context.cancelled.wait(10)
        raise CancelledByUser

    return work


def test_a_job_gives_its_result_and_stays_in_the_log(bench: Bench) -> None:
    def work(context: JobContext) -> str:
        context.progress(3, 10, "blk.0")
        context.result_path = "/made.gguf"
        return "made"

    handle = bench.runner.submit(JobKind.QUANTIZE, "Qwen3-8B", "Q4_K_M", work, unit="bytes")

    assert handle.result(5) == "made"
    (record,) = bench.log.list()
    assert (record.id, record.state, record.done, record.total) == (handle.id, JobState.SUCCEEDED, 10, 10)
    assert record.result_path == "/made.gguf"


def test_a_failure_keeps_its_sentence_and_action(bench: Bench) -> None:
    def work(context: JobContext) -> None:
        raise NotFoundError("The file is gone.", "Fetch it again.")

    handle = bench.runner.submit(JobKind.VERIFY, "x", "", work)

    with pytest.raises(NotFoundError):
        handle.result(5)
    record = bench.record(handle.id)
    assert (record.state, record.error, record.action) == (JobState.FAILED, "The file is gone.", "Fetch it again.")


def test_the_log_is_written_before_the_event_goes_out(bench: Bench) -> None:
    seen: list[tuple[JobState, JobState]] = []

    def on_pending() -> None:
        for event in subscription.drain():
            assert isinstance(event, JobChanged)
            seen.append((event.job.state, bench.log.list()[0].state))

    subscription = bench.bus.subscribe(on_pending)
    bench.runner.submit(JobKind.VERIFY, "x", "", lambda context: None).result(5)

    assert seen == [(state, state) for state in (JobState.WAITING, JobState.RUNNING, JobState.SUCCEEDED)]


def test_as_many_of_a_kind_run_as_the_limit_says_in_order(bench: Bench) -> None:
    running = [threading.Event() for _ in range(3)]
    handles = [bench.runner.submit(JobKind.DOWNLOAD, str(n), "", until_cancelled(running[n])) for n in range(3)]
    assert running[0].wait(5)
    assert running[1].wait(5)
    assert bench.record(handles[2].id).state is JobState.WAITING
    other_kind = bench.runner.submit(JobKind.QUANTIZE, "other", "", lambda context: "at once")

    assert other_kind.result(5) == "at once"
    assert not running[2].is_set()
    handles[0].cancel()
    assert running[2].wait(5)


def test_cancel_ends_running_and_waiting_jobs(bench: Bench) -> None:
    started = threading.Event()
    first = bench.runner.submit(JobKind.QUANTIZE, "a", "", until_cancelled(started))
    second = bench.runner.submit(JobKind.QUANTIZE, "b", "", until_cancelled())
    assert started.wait(5)

    second.cancel()
    bench.runner.cancel(first.id)

    for handle in (first, second):
        with pytest.raises(CancelledByUser):
            handle.result(5)
        assert bench.record(handle.id).state is JobState.CANCELLED


def test_what_a_cancelled_child_complains_of_is_still_a_cancel(bench: Bench) -> None:
    def work(context: JobContext) -> None:
        context.cancelled.wait(10)
        raise GardenError("The process ended with code -15.")

    handle = bench.runner.submit(JobKind.QUANTIZE, "a", "", work)
    bench.wait_for(handle.id, JobState.RUNNING)
    handle.cancel()

    with pytest.raises(CancelledByUser):
        handle.result(5)


def test_a_paused_job_goes_on_and_its_first_handle_gets_the_result(bench: Bench) -> None:
    runs: list[int] = []

    def work(context: JobContext) -> str:
        runs.append(1)
        if len(runs) == 1:
            context.progress(40, 100)
            context.cancelled.wait(10)
            raise CancelledByUser
        return "whole"

    handle = bench.runner.submit(JobKind.DOWNLOAD, "a", "", work, resumable=True)
    while not runs:
        bench.queue.wait(0.1)
    bench.runner.pause(handle.id)
    record = bench.wait_for(handle.id, JobState.PAUSED)
    assert (record.done, record.note, record.rate, handle.done) == (40, PAUSED_BY_USER, None, False)

    assert bench.runner.resume(handle.id) is handle
    assert handle.result(5) == "whole"


def test_a_waiting_job_can_be_paused_and_then_cancelled(bench: Bench) -> None:
    for _ in range(2):
        bench.runner.submit(JobKind.DOWNLOAD, "busy", "", until_cancelled(), resumable=True)
    handle = bench.runner.submit(JobKind.DOWNLOAD, "a", "", lambda context: None, resumable=True)
    bench.runner.pause(handle.id)
    assert bench.record(handle.id).state is JobState.PAUSED

    bench.runner.cancel(handle.id)

    assert bench.record(handle.id).state is JobState.CANCELLED
    assert isinstance(handle.error, CancelledByUser)


def test_only_what_can_go_on_is_paused(bench: Bench) -> None:
    handle = bench.runner.submit(JobKind.QUANTIZE, "a", "", until_cancelled())

    with pytest.raises(RefusedError):
        bench.runner.pause(handle.id)


def test_a_full_disk_pauses_what_can_go_on(bench: Bench) -> None:
    room: list[bool] = []

    def work(context: JobContext) -> str:
        if not room:
            raise DiskFullError("The disk is full.", "Free 2 GiB.")
        return "whole"

    handle = bench.runner.submit(JobKind.DOWNLOAD, "a", "", work, resumable=True)
    with pytest.raises(DiskFullError):
        handle.result(5)
    record = bench.record(handle.id)
    assert (record.state, record.error) == (JobState.PAUSED, "The disk is full.")
    room.append(True)

    assert bench.runner.resume(handle.id).result(5) == "whole"


def test_retry_runs_a_failed_job_again_under_its_id(bench: Bench) -> None:
    attempts: list[int] = []

    def work(context: JobContext) -> int:
        attempts.append(1)
        if len(attempts) == 1:
            raise GardenError("No.")
        return len(attempts)

    handle = bench.runner.submit(JobKind.DOWNLOAD, "a", "", work)
    with pytest.raises(GardenError):
        handle.result(5)
    again = bench.runner.retry(handle.id)

    assert again.result(5) == 2
    assert again.id == handle.id
    assert len(bench.runner.jobs()) == 1
    assert bench.record(handle.id).error is None


def test_events_are_at_most_ten_a_second_and_the_last_figure_arrives(bench: Bench) -> None:
    events: list[int] = []
    subscription = bench.bus.subscribe(lambda: events.extend(e.job.done for e in subscription.drain()))  # type: ignore[union-attr]  # only jobs are published here
    gate, reported = threading.Event(), threading.Event()

    def work(context: JobContext) -> None:
        for step in range(1, 1001):
            bench.now = step / 1000
            context.progress(step, 1000)
        reported.set()
        gate.wait(5)

    handle = bench.runner.submit(JobKind.DOWNLOAD, "a", "", work)
    assert reported.wait(5)
    during = len([done for done in events if done])
    bench.now += 1
    while events[-1] != 1000:
        bench.queue.wait(1)
    gate.set()
    handle.result(5)

    assert during <= 11


def test_rate_and_time_left_are_told_and_sink_to_zero_in_a_stall(bench: Bench) -> None:
    gate = threading.Event()
    reported = threading.Event()

    def work(context: JobContext) -> None:
        for second in range(6):
            bench.now = float(second)
            context.progress(second * 10, 200)
        reported.set()
        gate.wait(10)

    handle = bench.runner.submit(JobKind.DOWNLOAD, "a", "", work)
    assert reported.wait(5)
    assert (bench.record(handle.id).rate, bench.record(handle.id).seconds_left) == (10.0, 15.0)
    bench.now = 60.0
    while bench.record(handle.id).rate != 0.0:
        assert bench.queue.wait(5)

    assert bench.record(handle.id).seconds_left is None
    gate.set()


def test_close_stores_what_can_go_on_as_paused_and_ends_every_handle() -> None:
    bench = Bench(MemoryJobsLog())
    started = threading.Event()
    running = bench.runner.submit(JobKind.DOWNLOAD, "a", "", until_cancelled(started), resumable=True)
    lost = bench.runner.submit(JobKind.QUANTIZE, "b", "", until_cancelled())
    for _ in range(2):
        bench.runner.submit(JobKind.DOWNLOAD, "c", "", until_cancelled(), resumable=True)
    assert started.wait(5)
    bench.wait_for(lost.id, JobState.RUNNING)

    bench.runner.close()

    states = {record.title: (record.state, record.note) for record in bench.log.list()}
    paused = (JobState.PAUSED, PAUSED_AT_CLOSE)
    assert states == {"a": paused, "b": (JobState.CANCELLED, ""), "c": paused}
    assert isinstance(running.error, CancelledByUser)
    assert isinstance(bench.runner.submit(JobKind.VERIFY, "late", "", lambda context: None).error, CancelledByUser)


def test_close_does_not_wait_for_work_that_does_not_listen() -> None:
    bench = Bench(MemoryJobsLog())
    deaf = threading.Event()
    handle = bench.runner.submit(JobKind.DOWNLOAD, "a", "", lambda context: deaf.wait(10), resumable=True)
    bench.wait_for(handle.id, JobState.RUNNING)

    bench.runner.close(timeout=0.05)
    deaf.set()

    assert bench.log.list()[0].state is JobState.PAUSED


def earlier(state: JobState, *, resumable: bool, note: str = "") -> JobRecord:
    return JobRecord(
        id="old", kind=JobKind.DOWNLOAD, title="a", state=state, resumable=resumable, note=note, target="t", rate=3.0
    )


@pytest.mark.parametrize(
    ("resumable", "state", "error"),
    [(True, JobState.PAUSED, None), (False, JobState.FAILED, "Garden ended while this was under way.")],
)
def test_jobs_of_a_process_that_is_gone_are_taken_over(resumable: bool, state: JobState, error: str | None) -> None:
    bench = Bench(MemoryJobsLog((earlier(JobState.RUNNING, resumable=resumable),)))

    record = bench.record("old")

    assert (record.state, record.error, record.rate) == (state, error, None)
    assert bench.log.list() == (record,)


def test_only_what_closing_had_paused_goes_on_by_itself_at_the_next_start() -> None:
    def started(record: JobRecord) -> Bench:
        bench = Bench(MemoryJobsLog((record,)))
        bench.runner.on_resume(JobKind.DOWNLOAD, lambda record: lambda context: record.target + " made again")
        return bench

    closed = started(earlier(JobState.PAUSED, resumable=True, note=PAUSED_AT_CLOSE))
    by_user = started(earlier(JobState.PAUSED, resumable=True, note=PAUSED_BY_USER))
    killed = [started(earlier(state, resumable=True)) for state in (JobState.RUNNING, JobState.WAITING)]

    (handle,) = closed.runner.resume_paused_at_close()

    assert handle.result(5) == "t made again"
    for bench in (by_user, *killed):
        assert bench.runner.resume_paused_at_close() == ()
    assert by_user.runner.interrupted() == ()
    for bench in killed:
        assert [(record.id, record.note) for record in bench.runner.interrupted()] == [("old", INTERRUPTED)]
        assert bench.runner.resume("old").result(5) == "t made again"
        assert bench.runner.interrupted() == ()
    assert by_user.runner.resume("old").result(5) == "t made again"


def test_what_an_earlier_process_failed_at_is_tried_again_where_it_can_be_made_again() -> None:
    failed = JobRecord(id="old", kind=JobKind.QUANTIZE, title="m", state=JobState.FAILED, target="t")
    bare = JobRecord(id="bare", kind=JobKind.QUANTIZE, title="m", state=JobState.FAILED)
    bench = Bench(MemoryJobsLog((failed, bare)))
    assert not bench.runner.can_retry(failed)
    bench.runner.on_resume(JobKind.QUANTIZE, lambda record: lambda context: record.target + " made again")

    assert (bench.runner.can_retry(failed), bench.runner.can_retry(bare)) == (True, False)
    assert bench.runner.retry("old").result(5) == "t made again"
    assert bench.record("old").state is JobState.SUCCEEDED
    with pytest.raises(RefusedError):
        bench.runner.retry("bare")
    assert bench.record("bare").state is JobState.FAILED


def test_what_ended_with_its_process_says_where_it_is_begun_anew() -> None:
    lost = [
        JobRecord(id=f"{kind}{target}", kind=kind, title="m", state=JobState.RUNNING, target=target)
        for kind, target in ((JobKind.QUANTIZE, "t"), (JobKind.QUANTIZE, ""), (JobKind.VERIFY, ""))
    ]
    bench = Bench(MemoryJobsLog(tuple(lost)))

    said = [bench.record(record.id).action for record in lost]

    assert said == ["Start it again.", "Start it again in Workshop.", "Start it again in Library."]


def test_work_that_cannot_be_made_again_is_refused() -> None:
    bench = Bench(MemoryJobsLog((earlier(JobState.RUNNING, resumable=True),)))

    with pytest.raises(RefusedError):
        bench.runner.resume("old")


def test_ended_jobs_are_removed_and_others_stay(bench: Bench) -> None:
    ended = bench.runner.submit(JobKind.VERIFY, "done", "", lambda context: None)
    ended.result(5)
    handle = bench.runner.submit(JobKind.QUANTIZE, "running", "", until_cancelled())

    for job_id in (ended.id, handle.id):
        bench.runner.remove(job_id)

    assert [record.id for record in bench.runner.jobs()] == [handle.id]
    assert [record.id for record in bench.log.list()] == [handle.id]


def test_a_job_that_is_not_there_is_said_so(bench: Bench) -> None:
    with pytest.raises(NotFoundError):
        bench.runner.cancel("nothing")


def test_many_jobs_from_many_threads_all_end_once(bench: Bench) -> None:
    results: list[int] = []

    def submit(base: int) -> None:
        handles = [
            bench.runner.submit(JobKind.DOWNLOAD, "a", "", lambda context, n=base + n: n)  # type: ignore[misc]  # bound per turn
            for n in range(25)
        ]
        results.extend(handle.result(20) for handle in handles)

    threads = [threading.Thread(target=submit, args=(base,)) for base in range(0, 100, 25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == list(range(100))


def test_the_queue_says_what_starts_next_and_retries_stand_at_its_end(bench: Bench) -> None:
    def fails(_context: JobContext) -> None:
        raise GardenError("It broke.", "")

    failed = bench.runner.submit(JobKind.QUANTIZE, "failed", "", fails)
    bench.wait_for(failed.id, JobState.FAILED)
    running, waiting = (bench.runner.submit(JobKind.QUANTIZE, name, "", until_cancelled()) for name in ("a", "b"))
    bench.runner.retry(failed.id)

    assert bench.runner.queue() == (waiting.id, failed.id)
    assert bench.record(running.id).state is JobState.RUNNING


def test_a_job_of_another_process_can_only_be_looked_at(bench: Bench) -> None:
    bench.log.save(JobRecord(id="theirs", kind=JobKind.DOWNLOAD, title="m", state=JobState.RUNNING))
    mine = bench.runner.submit(JobKind.DOWNLOAD, "mine", "", until_cancelled())

    assert "theirs" in [job.id for job in bench.runner.jobs()]
    assert (bench.runner.is_own("theirs"), bench.runner.can_run_again("theirs")) == (False, False)
    assert (bench.runner.is_own(mine.id), bench.runner.can_run_again(mine.id)) == (True, True)


def test_what_ended_with_its_process_can_run_again_once_its_kind_is_known() -> None:
    ended = JobRecord(id="old", kind=JobKind.DOWNLOAD, title="m", state=JobState.PAUSED, resumable=True, target="t")
    runner = JobRunner(EventBus(), MemoryJobsLog((ended,)), LIMITS)
    assert (runner.is_own("old"), runner.can_run_again("old")) == (True, False)

    runner.on_resume(JobKind.DOWNLOAD, lambda _record: until_cancelled())
    assert runner.can_run_again("old")
    runner.close()


@pytest.mark.parametrize("kind", list(JobKind))
@pytest.mark.parametrize("target", ["", "t"])
def test_work_of_any_kind_that_was_killed_says_what_helps(kind: JobKind, target: str) -> None:
    left = JobRecord(id="old", kind=kind, title="a", state=JobState.RUNNING, target=target)

    record = Bench(MemoryJobsLog((left,))).record("old")

    assert record.state is JobState.FAILED
    assert record.error and record.action


# --- the order of the queue ---


def titles(bench: Bench) -> list[str]:
    return [bench.record(job_id).title for job_id in bench.runner.queue()]


def queued(bench: Bench, *names: str) -> dict[str, str]:
    """Jobs that wait behind one that runs."""
    bench.runner.submit(JobKind.QUANTIZE, "first", "", until_cancelled())
    return {
        name: bench.runner.submit(JobKind.QUANTIZE, name, "", until_cancelled(), resumable=True, target=name).id
        for name in names
    }


def test_waiting_jobs_are_moved_and_run_in_the_new_order(bench: Bench) -> None:
    ids = queued(bench, "a", "b", "c")
    bench.runner.move(ids["c"], ids["a"])
    assert titles(bench) == ["c", "a", "b"]
    bench.runner.move(ids["a"], None)
    assert titles(bench) == ["c", "b", "a"]
    bench.runner.move(ids["a"], ids["b"])
    assert titles(bench) == ["c", "a", "b"]
    running = next(record.id for record in bench.runner.jobs() if record.state is JobState.RUNNING)
    with pytest.raises(RefusedError):
        bench.runner.move(running, None)
    bench.runner.cancel(running)
    bench.wait_for(ids["c"], JobState.RUNNING)


def test_the_order_survives_the_process() -> None:
    log = MemoryJobsLog()
    bench = Bench(log)
    ids = queued(bench, "a", "b", "c")
    bench.runner.move(ids["c"], ids["a"])
    bench.runner.close()

    left = {record.id: dataclasses.replace(record, ended_at=None) for record in log.list()}
    again = Bench(MemoryJobsLog(tuple(left.values())))
    again.runner.on_resume(JobKind.QUANTIZE, lambda _record: until_cancelled())
    again.runner.resume_paused_at_close()
    running = [record.title for record in again.runner.jobs() if record.state is JobState.RUNNING]
    assert (running, titles(again)) == (["c"], ["a", "b"])
    again.runner.close()


def test_jobs_that_several_processes_left_can_be_moved() -> None:
    left = [
        JobRecord(
            id=name,
            kind=JobKind.DOWNLOAD,
            title=name,
            state=JobState.PAUSED,
            resumable=True,
            place=place,
            created_at=created_at,
        )
        for name, place, created_at in (("c", 2, 9.0), ("b", 1, 7.0), ("a", 1, 3.0))
    ]
    bench = Bench(MemoryJobsLog(tuple(left)))

    def order() -> list[str]:
        return [record.id for record in sorted(bench.runner.jobs(), key=lambda record: record.place)]

    assert order() == ["a", "b", "c"]
    assert len({record.place for record in bench.runner.jobs()}) == 3
    bench.runner.move("b", "a")
    assert order() == ["b", "a", "c"]
    bench.runner.move("b", None)
    assert order() == ["a", "c", "b"]
    bench.runner.close()


def test_paused_jobs_keep_the_order_that_they_were_given(bench: Bench) -> None:
    ids = queued(bench, "a", "b")
    for job_id in ids.values():
        bench.runner.pause(job_id)
    bench.runner.move(ids["b"], ids["a"])
    assert bench.record(ids["b"]).place < bench.record(ids["a"]).place


def test_what_two_processes_left_in_the_same_places_is_moved_too() -> None:
    left = [
        JobRecord(
            id=f"{process}{place}",
            kind=JobKind.DOWNLOAD,
            title="a",
            state=JobState.PAUSED,
            place=place,
            resumable=True,
            target="t",
            created_at=100.0 * process + place,
        )
        for process in (1, 2)
        for place in (1, 2)
    ]
    bench = Bench(MemoryJobsLog(tuple(left)))

    def order() -> list[str]:
        return [record.id for record in sorted(bench.log.list(), key=lambda record: record.place)]

    assert order() == ["11", "21", "12", "22"]
    bench.runner.move("21", "11")
    assert order() == ["21", "11", "12", "22"]
    assert len({record.place for record in bench.log.list()}) == 4
    bench.runner.close()


def test_the_limit_of_a_kind_changes_live(bench: Bench) -> None:
    ids = queued(bench, "a")
    bench.runner.set_limit(JobKind.QUANTIZE, 2)
    bench.wait_for(ids["a"], JobState.RUNNING)


# --- waiting for the network ---


def away(_context: JobContext) -> None:
    raise NetworkAwayError("No network.", "Check it.")


def test_the_patient_wait_longer_each_time_up_to_some_minutes(bench: Bench) -> None:
    bench.runner.be_patient()
    job_id = bench.runner.submit(JobKind.DOWNLOAD, "a", "", away, resumable=True, target="a").id
    waits = []
    for tries in range(1, 10):
        while (record := bench.record(job_id)).tries < tries or record.state is not JobState.WAITING:
            assert bench.queue.wait(5)
        assert record.due_at is not None
        waits.append(record.due_at - bench.now - 1000.0)
        bench.now = record.due_at - 1000.0
    assert waits == [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0]
    assert record.note == "Waits for the network"


def test_who_waits_leaves_the_lane_to_others_and_can_be_hurried(bench: Bench) -> None:
    bench.runner.be_patient()
    bench.runner.set_limit(JobKind.DOWNLOAD, 1)
    fails = [True]

    def work(_context: JobContext) -> str:
        if fails:
            fails.clear()
            raise NetworkAwayError("No network.")
        return "here"

    handle = bench.runner.submit(JobKind.DOWNLOAD, "a", "", work, resumable=True, target="a")
    bench.runner.submit(JobKind.DOWNLOAD, "b", "", lambda _context: None).result(5)
    assert bench.wait_for(handle.id, JobState.WAITING).due_at is not None
    bench.runner.network_is_back()
    assert handle.result(5) == "here"


def test_a_pause_that_the_hub_asks_for_is_as_long_as_it_says(bench: Bench) -> None:
    bench.runner.be_patient()

    def asked(_context: JobContext) -> None:
        raise RateLimitedError("The Hub asks for a pause.", retry_after_seconds=77.0)

    job_id = bench.runner.submit(JobKind.DOWNLOAD, "a", "", asked, resumable=True, target="a").id
    while (record := bench.record(job_id)).due_at is None:
        assert bench.queue.wait(5)
    assert (record.due_at, record.note) == (1077.0, "The Hub asks for a pause")


def test_what_waits_can_be_paused_and_cancelled(bench: Bench) -> None:
    bench.runner.be_patient()
    handle = bench.runner.submit(JobKind.DOWNLOAD, "a", "", away, resumable=True, target="a")
    while bench.record(handle.id).due_at is None:
        assert bench.queue.wait(5)
    bench.runner.pause(handle.id)
    assert (bench.record(handle.id).state, bench.record(handle.id).due_at) == (JobState.PAUSED, None)
    bench.runner.cancel(handle.id)
    with pytest.raises(CancelledByUser):
        handle.result(5)


def test_the_impatient_fail(bench: Bench) -> None:
    handle = bench.runner.submit(JobKind.DOWNLOAD, "a", "", away, resumable=True, target="a")
    with pytest.raises(NetworkAwayError):
        handle.result(5)


def test_a_cancel_clears_and_a_stop_does_not(bench: Bench) -> None:
    cleared: list[str] = []
    bench.runner.on_clear(JobKind.DOWNLOAD, lambda record: cleared.append(record.title))
    for title, keep in (("kept", True), ("cleared", False)):
        started = threading.Event()
        work = until_cancelled(started)
        handle = bench.runner.submit(JobKind.DOWNLOAD, title, "", work, resumable=True, target=title)
        assert started.wait(5)
        bench.runner.cancel(handle.id, keep=keep)
        with pytest.raises(CancelledByUser):
            handle.result(5)
    assert cleared == ["cleared"]


def test_a_cancel_that_comes_after_the_end_clears_nothing(bench: Bench) -> None:
    cleared: list[str] = []
    bench.runner.on_clear(JobKind.DOWNLOAD, lambda record: cleared.append(record.title))
    handle = bench.runner.submit(JobKind.DOWNLOAD, "done", "", lambda context: None, resumable=True, target="done")
    handle.result(5)
    bench.wait_for(handle.id, JobState.SUCCEEDED)
    bench.runner.cancel(handle.id)
    assert cleared == [] and bench.record(handle.id).state is JobState.SUCCEEDED


def test_records_can_say_otherwise_where_files_lie(bench: Bench) -> None:
    made: list[str] = []
    bench.runner.on_resume(JobKind.DOWNLOAD, lambda record: lambda _context: made.append(record.target))
    begun = threading.Event()
    running = bench.runner.submit(JobKind.DOWNLOAD, "Running", "", until_cancelled(begun), target="/old")

    def fail(_context: JobContext) -> None:
        raise NotFoundError("The file is gone.")

    ended = bench.runner.submit(JobKind.DOWNLOAD, "Ended", "", fail, target="/old")
    bench.wait_for(ended.id, JobState.FAILED)
    assert begun.wait(5)

    bench.runner.revise(lambda record: dataclasses.replace(record, target=record.target.replace("/old", "/new")))

    assert {record.target for record in bench.log.list()} == {"/new"}
    assert bench.record(running.id).state is JobState.RUNNING
    bench.runner.retry(ended.id).result(5)
    assert made == ["/new"]
