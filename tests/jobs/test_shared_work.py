from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from garden.core.errors import CancelledByUser, GardenError, HubError
from garden.jobs.handle import Handle
from garden.jobs.pool import TaskPool
from garden.jobs.shared_work import SharedWork

SOON = 10


@pytest.fixture
def pool() -> Iterator[TaskPool]:
    pool = TaskPool(2)
    yield pool
    pool.close()


@pytest.fixture
def shared(pool: TaskPool) -> SharedWork[str]:
    return SharedWork(pool, kept=2)


class Reading:
    """Work that says when it begins, and ends when it is told or cancelled."""

    def __init__(self, result: str | GardenError = "whole") -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.ended = threading.Event()
        self.times = 0
        self._result = result

    def __call__(self, cancelled: threading.Event) -> str:
        self.times += 1
        self.begun.set()
        try:
            while not self.go_on.wait(0.01):
                if cancelled.is_set():
                    raise CancelledByUser
            if isinstance(self._result, GardenError):
                raise self._result
            return self._result
        finally:
            self.ended.set()


def ask(shared: SharedWork[str], work: Callable[[threading.Event], str], who: str, key: str = "model") -> Handle[str]:
    return shared.submit(key, lambda: None, work, lambda result: f"{result} for {who}")


def _free(pool: TaskPool) -> bool:
    """Whether both threads of the pool take work."""
    both = threading.Barrier(2, timeout=SOON)
    return [handle.result(SOON) for handle in [pool.submit(lambda _: both.wait() >= 0) for _ in range(2)]] == [True] * 2


def test_who_asks_for_the_same_follows_without_a_thread(pool: TaskPool, shared: SharedWork[str]) -> None:
    work, never = Reading(), Reading()
    first = ask(shared, work, "a")
    assert work.begun.wait(SOON)

    others = [ask(shared, never, who) for who in "bcdef"]
    # One thread works; the other is free, behind all who follow.
    assert pool.submit(lambda _: "free").result(SOON) == "free"
    work.go_on.set()

    assert first.result(SOON) == "whole for a"
    assert [other.result(SOON) for other in others] == [f"whole for {who}" for who in "bcdef"]
    assert (work.times, never.times) == (1, 0)


def test_what_was_done_is_kept_for_who_comes_later_and_no_more_than_that(shared: SharedWork[str]) -> None:
    for key in ("one", "two", "three"):
        work = Reading(key)
        work.go_on.set()
        ask(shared, work, "a", key).result(SOON)
    again = Reading("again")
    again.go_on.set()

    assert ask(shared, again, "b", "three").result(SOON) == "three for b"
    assert ask(shared, again, "b", "one").result(SOON) == "again for b"


def test_what_is_known_needs_no_work(shared: SharedWork[str]) -> None:
    never = Reading()

    assert shared.submit("model", lambda: "known", never, lambda result: result).result(SOON) == "known"
    assert never.times == 0


def test_it_goes_on_for_who_still_waits_and_ends_with_the_last(pool: TaskPool, shared: SharedWork[str]) -> None:
    work = Reading()
    first = ask(shared, work, "a")
    assert work.begun.wait(SOON)
    second = ask(shared, work, "b")
    assert pool.submit(lambda _: "behind it").result(SOON)

    first.cancel()
    with pytest.raises(CancelledByUser):
        first.result(0)
    assert not work.ended.is_set()
    second.cancel()

    assert work.ended.wait(SOON)
    assert _free(pool)


def test_who_comes_after_all_have_left_is_served(pool: TaskPool, shared: SharedWork[str]) -> None:
    left, wanted = Reading(), Reading("new")
    first = ask(shared, left, "a")
    assert left.begun.wait(SOON)
    first.cancel()
    later = ask(shared, wanted, "b")
    wanted.go_on.set()

    assert later.result(SOON) == "new for b"
    assert _free(pool)


def test_one_that_left_before_its_turn_never_begins(pool: TaskPool, shared: SharedWork[str]) -> None:
    go_on = threading.Event()
    busy = [pool.submit(lambda _: go_on.wait(SOON)) for _ in range(2)]
    never = Reading()
    handle = ask(shared, never, "a")

    handle.cancel()
    go_on.set()

    assert [task.result(SOON) for task in busy] == [True, True]
    assert _free(pool)
    assert never.times == 0
    with pytest.raises(CancelledByUser):
        handle.result(0)


def test_a_failure_is_one_callers_own(shared: SharedWork[str]) -> None:
    broken, whole = Reading(HubError("It is damaged.", "Choose another.")), Reading()
    first = ask(shared, broken, "a")
    assert broken.begun.wait(SOON)
    others = [ask(shared, whole, who) for who in "bc"]
    whole.go_on.set()
    broken.go_on.set()

    with pytest.raises(HubError, match="damaged"):
        first.result(SOON)
    assert [other.result(SOON) for other in others] == ["whole for b", "whole for c"]
    assert whole.times == 1


def test_the_end_of_the_pool_ends_all_who_wait() -> None:
    pool = TaskPool(1)
    shared: SharedWork[str] = SharedWork(pool, kept=2)
    work = Reading()
    handles = [ask(shared, work, who) for who in "ab"]
    assert work.begun.wait(SOON)

    pool.close()

    for handle in handles:
        with pytest.raises(CancelledByUser):
            handle.result(SOON)
