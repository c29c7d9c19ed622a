from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from garden.core.errors import CancelledByUser
from garden.jobs.pool import TaskPool


@pytest.fixture
def pool() -> Iterator[TaskPool]:
    pool = TaskPool(2)
    yield pool
    pool.close()


def test_work_runs_on_threads_of_the_pool(pool: TaskPool) -> None:
    both = threading.Barrier(2, timeout=5)

    handles = [pool.submit(lambda _: (both.wait(), threading.current_thread().name)[1]) for _ in range(2)]

    assert {handle.result(5) for handle in handles} == {"task-0", "task-1"}


def test_more_work_than_threads_waits_its_turn(pool: TaskPool) -> None:
    handles = [pool.submit(lambda _, n=n: n * n) for n in range(50)]  # type: ignore[misc]  # n is bound per turn

    assert [handle.result(5) for handle in handles] == [n * n for n in range(50)]


def test_running_work_sees_its_cancel(pool: TaskPool) -> None:
    started = threading.Event()

    def work(cancelled: threading.Event) -> int:
        started.set()
        cancelled.wait(5)
        raise CancelledByUser

    handle = pool.submit(work)
    started.wait(5)
    handle.cancel()

    with pytest.raises(CancelledByUser):
        handle.result(5)


def test_waiting_work_ends_at_once_when_cancelled_and_never_runs(pool: TaskPool) -> None:
    go = threading.Event()
    ran: list[int] = []
    for _ in range(2):
        pool.submit(lambda _: go.wait(5))
    waiting = pool.submit(lambda _: ran.append(1))

    waiting.cancel()

    assert isinstance(waiting.error, CancelledByUser)
    go.set()
    assert pool.submit(lambda _: "after").result(5) == "after"
    assert ran == []


def test_close_cancels_what_is_under_way_and_takes_no_more() -> None:
    pool = TaskPool(1)
    started = threading.Event()

    def work(cancelled: threading.Event) -> int:
        started.set()
        assert cancelled.wait(5)
        raise CancelledByUser

    running = pool.submit(work)
    waiting = pool.submit(lambda _: 1)
    started.wait(5)
    pool.close()

    assert isinstance(running.error, CancelledByUser)
    assert isinstance(waiting.error, CancelledByUser)
    assert isinstance(pool.submit(lambda _: 1).error, CancelledByUser)


def test_an_unused_pool_has_no_threads() -> None:
    before = threading.active_count()
    pool = TaskPool(8)

    assert threading.active_count() == before
    pool.close()
