from __future__ import annotations

import logging
import threading

import pytest

from garden.core.errors import CancelledByUser, GardenError, NotFoundError, OutOfMemoryError
from garden.jobs.handle import Handle, chained, finished


def test_result_waits_for_the_thread_that_ends_it() -> None:
    handle: Handle[int] = Handle()
    threading.Thread(target=handle.succeed, args=(7,)).start()

    assert handle.result(5) == 7
    assert handle.done


def test_an_error_is_raised_as_it_is() -> None:
    handle: Handle[int] = Handle()
    handle.fail(NotFoundError("No such model."))

    with pytest.raises(NotFoundError, match="No such model"):
        handle.result(1)


def test_a_time_limit_leaves_the_work_alone() -> None:
    handle: Handle[int] = Handle()

    with pytest.raises(TimeoutError):
        handle.result(0.01)
    handle.succeed(1)

    assert handle.result(1) == 1


def test_the_first_outcome_stays() -> None:
    handle: Handle[int] = Handle()
    handle.succeed(1)
    handle.fail(CancelledByUser())
    handle.succeed(2)

    assert handle.result(1) == 1
    assert handle.error is None


def test_callbacks_come_on_the_ending_thread_and_at_once_afterwards() -> None:
    handle: Handle[int] = Handle()
    threads: list[str] = []
    handle.on_done(lambda _: threads.append(threading.current_thread().name))
    ender = threading.Thread(target=handle.succeed, args=(7,), name="ender")
    ender.start()
    ender.join()

    handle.on_done(lambda _: threads.append(threading.current_thread().name))

    assert threads == ["ender", threading.current_thread().name]


def test_a_failing_callback_keeps_no_other_from_being_called(caplog: pytest.LogCaptureFixture) -> None:
    handle: Handle[int] = Handle()
    called: list[int] = []

    def fails(_: Handle[int]) -> None:
        raise ValueError

    handle.on_done(fails)
    handle.on_done(lambda h: called.append(h.result(1)))
    with caplog.at_level(logging.CRITICAL):
        handle.succeed(3)

    assert called == [3]


def test_an_unexpected_error_becomes_a_sentence_with_the_traceback_in_its_detail() -> None:
    handle: Handle[float] = Handle()

    handle.run(lambda: 1 / 0)

    with pytest.raises(GardenError) as caught:
        handle.result(1)
    assert caught.value.sentence == "Something unexpected went wrong: ZeroDivisionError."
    assert "1 / 0" in caught.value.detail


def test_memory_that_ran_out_is_said_as_such() -> None:
    handle: Handle[int] = Handle()

    def work() -> int:
        raise MemoryError

    handle.run(work)

    with pytest.raises(OutOfMemoryError):
        handle.result(1)


def test_an_answer_at_hand_is_done() -> None:
    assert finished("x").result(0) == "x"


def test_two_works_end_as_the_second_does() -> None:
    first: Handle[int] = Handle()
    second: Handle[str] = Handle()
    both = chained(first, lambda number: second if number == 7 else finished("another"))

    first.succeed(7)
    assert not both.done
    second.succeed("seven")
    assert both.result(0) == "seven"


def test_two_works_fail_with_either() -> None:
    first: Handle[int] = Handle()
    failed = chained(first, lambda _number: finished("never"))
    first.fail(NotFoundError("Gone."))
    second: Handle[str] = Handle()
    failed_later = chained(finished(1), lambda _number: second)
    second.fail(NotFoundError("Gone, too."))
    impossible: Handle[str] = chained(finished(0), lambda number: finished(str(1 // number)))

    assert str(failed.error) == "Gone."
    assert str(failed_later.error) == "Gone, too."
    assert "ZeroDivisionError" in str(impossible.error)


def test_a_cancel_reaches_the_work_that_is_under_way() -> None:
    first: Handle[int] = Handle()
    second: Handle[str] = Handle()
    both = chained(first, lambda _number: second)
    both.cancel()
    assert first.cancelled.is_set()
    assert not second.cancelled.is_set()

    # It was too late for the first: the second is told.
    first.succeed(1)
    assert second.cancelled.is_set()
    second.fail(CancelledByUser())
    with pytest.raises(CancelledByUser):
        both.result(0)
