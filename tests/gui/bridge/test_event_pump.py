from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject, QThread
from pytestqt.qtbot import QtBot

from garden.core.errors import CancelledByUser, GardenError, NotFoundError
from garden.core.events import EventBus, JobChanged, LibraryChanged, PaneText
from garden.core.job_record import JobKind, JobRecord
from garden.gui.bridge.event_pump import DRAIN_INTERVAL_MS, EventPump
from garden.jobs.handle import Handle
from garden.jobs.pool import TaskPool


def _text(pane: str, text: str) -> PaneText:
    return PaneText(conversation_id="c", turn=0, pane=pane, text=text, tokens=1)


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


@pytest.fixture
def pump(qtbot: QtBot, bus: EventBus) -> Iterator[EventPump]:
    pump = EventPump(bus)
    yield pump
    pump.close()


@pytest.fixture
def pool() -> Iterator[TaskPool]:
    pool = TaskPool(2)
    yield pool
    pool.close()


class Receiver(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[object] = []
        self.threads: list[QThread] = []

    def take(self, what: object) -> None:
        self.seen.append(what)
        self.threads.append(QThread.currentThread())


def test_an_event_published_on_another_thread_arrives_on_the_qt_thread(
    qtbot: QtBot, bus: EventBus, pump: EventPump
) -> None:
    receiver = Receiver()
    pump.on(LibraryChanged, receiver.take)

    threading.Thread(target=lambda: bus.publish(LibraryChanged())).start()

    qtbot.waitUntil(lambda: receiver.seen == [LibraryChanged()])
    assert receiver.threads == [receiver.thread()]


def test_tokens_published_faster_than_drains_arrive_joined_and_complete(
    qtbot: QtBot, bus: EventBus, pump: EventPump
) -> None:
    receiver = Receiver()
    pump.on(PaneText, receiver.take)

    def stream() -> None:
        for number in range(5_000):
            bus.publish(_text("A", f"{number} "))

    threading.Thread(target=stream).start()

    expected = "".join(f"{number} " for number in range(5_000))
    qtbot.waitUntil(lambda: "".join(event.text for event in receiver.seen if isinstance(event, PaneText)) == expected)
    assert len(receiver.seen) < 500


def test_two_drains_are_a_drain_interval_apart(qtbot: QtBot, bus: EventBus, pump: EventPump) -> None:
    receiver = Receiver()
    pump.on(PaneText, receiver.take)
    bus.publish(_text("A", "first"))
    qtbot.waitUntil(lambda: len(receiver.seen) == 1)

    first_at = time.monotonic()
    bus.publish(_text("A", "second"))
    qtbot.waitUntil(lambda: len(receiver.seen) == 2)

    # The first wait may have looked a little late, so a part of the interval is allowed for.
    assert time.monotonic() - first_at > 0.5 * DRAIN_INTERVAL_MS / 1000


def test_nothing_is_scheduled_while_nothing_is_pending(qtbot: QtBot, bus: EventBus, pump: EventPump) -> None:
    receiver = Receiver()
    pump.on(PaneText, receiver.take)
    bus.publish(_text("A", "x"))
    assert not pump.idle

    qtbot.waitUntil(lambda: len(receiver.seen) == 1)

    assert pump.idle


def test_a_slot_of_a_deleted_receiver_is_not_called(qtbot: QtBot, bus: EventBus, pump: EventPump) -> None:
    gone, alive = Receiver(), Receiver()
    seen_by_gone = gone.seen
    pump.on(LibraryChanged, gone.take)
    pump.on(LibraryChanged, alive.take)
    del gone

    bus.publish(LibraryChanged())

    qtbot.waitUntil(lambda: len(alive.seen) == 1)
    assert seen_by_gone == []


def test_a_fault_in_one_slot_leaves_the_others_their_event(bus: EventBus, pump: EventPump) -> None:
    receiver = Receiver()

    def faulty(event: LibraryChanged) -> None:
        raise ValueError("a fault in a page")

    pump.on(LibraryChanged, faulty)
    pump.on(LibraryChanged, receiver.take)
    bus.publish(LibraryChanged())

    with pytest.raises(ValueError, match="a fault in a page"):
        pump.drain()

    assert receiver.seen == [LibraryChanged()]


def test_a_result_is_handed_over_on_the_qt_thread(qtbot: QtBot, pump: EventPump, pool: TaskPool) -> None:
    receiver = Receiver()

    pump.watch(pool.submit(lambda _cancelled: 42), receiver.take, receiver.take)

    qtbot.waitUntil(lambda: receiver.seen == [42])
    assert receiver.threads == [receiver.thread()]


def test_a_result_that_was_there_already_is_handed_over_later_not_at_once(
    qtbot: QtBot, pump: EventPump, pool: TaskPool
) -> None:
    receiver = Receiver()
    handle = pool.submit(lambda _cancelled: 42)
    handle.result(timeout=5)

    pump.watch(handle, receiver.take, receiver.take)

    assert receiver.seen == []
    qtbot.waitUntil(lambda: receiver.seen == [42])


def test_an_error_goes_to_on_error(qtbot: QtBot, pump: EventPump, pool: TaskPool) -> None:
    receiver, errors = Receiver(), Receiver()

    def fail(_cancelled: threading.Event) -> int:
        raise NotFoundError("No such model.")

    pump.watch(pool.submit(fail), receiver.take, errors.take)

    qtbot.waitUntil(lambda: len(errors.seen) == 1)
    assert isinstance(errors.seen[0], NotFoundError)
    assert receiver.seen == []


def test_a_cancelled_handle_says_so(qtbot: QtBot, pump: EventPump, pool: TaskPool) -> None:
    errors: list[GardenError] = []

    def wait(cancelled: threading.Event) -> int:
        cancelled.wait(5)
        raise CancelledByUser

    handle = pool.submit(wait)
    pump.watch(handle, lambda _result: None, errors.append)
    handle.cancel()

    qtbot.waitUntil(lambda: len(errors) == 1)
    assert isinstance(errors[0], CancelledByUser)


def test_a_result_for_a_receiver_that_is_gone_is_dropped(qtbot: QtBot, pump: EventPump, pool: TaskPool) -> None:
    receiver, other, release = Receiver(), Receiver(), threading.Event()
    seen: list[object] = []
    pump.watch(pool.submit(lambda _cancelled: release.wait(5)), seen.append, seen.append, receiver=receiver)
    pump.watch(pool.submit(lambda _cancelled: release.wait(5)), other.take, other.take)
    del receiver

    release.set()

    qtbot.waitUntil(lambda: other.seen == [True])
    assert seen == []


def test_state_is_announced_before_the_result_that_follows_it(
    qtbot: QtBot, bus: EventBus, pump: EventPump, pool: TaskPool
) -> None:
    receiver = Receiver()
    pump.on(JobChanged, receiver.take)
    job = JobRecord(id="1", kind=JobKind.DOWNLOAD, title="m")

    def work(_cancelled: threading.Event) -> str:
        bus.publish(JobChanged(job=job))
        return "result"

    pump.watch(pool.submit(work), receiver.take, receiver.take)

    qtbot.waitUntil(lambda: len(receiver.seen) == 2)
    assert receiver.seen == [JobChanged(job=job), "result"]


def test_a_closed_pump_delivers_nothing_more(bus: EventBus, pump: EventPump) -> None:
    receiver = Receiver()
    pump.on(LibraryChanged, receiver.take)
    pump.close()

    bus.publish(LibraryChanged())
    pump.drain()

    assert receiver.seen == []


def test_blocking_work_runs_off_the_qt_thread_and_its_result_arrives_on_it(qtbot: QtBot, pump: EventPump) -> None:
    receiver = Receiver()

    pump.run(threading.get_ident, receiver.take, receiver.take)

    qtbot.waitUntil(lambda: len(receiver.seen) == 1)
    assert receiver.seen[0] != threading.get_ident()
    assert receiver.threads == [receiver.thread()]


def test_work_is_begun_away_from_the_qt_thread_and_its_result_comes_back(
    qtbot: QtBot, pump: EventPump, pool: TaskPool
) -> None:
    receiver = Receiver()
    begun_on: list[int] = []

    def start() -> Handle[str]:
        begun_on.append(threading.get_ident())
        return pool.submit(lambda _cancelled: "done")

    pump.begin(start, receiver.take, receiver.take)

    qtbot.waitUntil(lambda: receiver.seen == ["done"])
    assert begun_on != [threading.get_ident()]
    assert receiver.threads == [receiver.thread()]


def test_work_that_cannot_begin_says_why(qtbot: QtBot, pump: EventPump) -> None:
    receiver = Receiver()
    problem = NotFoundError("There is no such thing.")

    def start() -> Handle[str]:
        raise problem

    pump.begin(start, receiver.take, receiver.take)

    qtbot.waitUntil(lambda: receiver.seen == [problem])


def test_a_cancel_reaches_work_that_is_only_beginning(qtbot: QtBot, pump: EventPump) -> None:
    receiver = Receiver()
    may_begin = threading.Event()
    work: Handle[str] = Handle()

    def start() -> Handle[str]:
        may_begin.wait(10)
        return work

    whole = pump.begin(start, receiver.take, receiver.take)
    whole.cancel()
    may_begin.set()
    # Either it never began, or it was cancelled as soon as it had.
    qtbot.waitUntil(lambda: work.cancelled.is_set() or whole.done)


def test_a_cancel_reaches_work_under_way_without_waiting_for_it(qtbot: QtBot, pump: EventPump) -> None:
    receiver = Receiver()
    cancelled_on: list[int] = []
    work: Handle[str] = Handle(on_cancel=lambda: cancelled_on.append(threading.get_ident()))
    begun = threading.Event()

    def start() -> Handle[str]:
        begun.set()
        return work

    whole = pump.begin(start, receiver.take, receiver.take)
    assert begun.wait(10)
    whole.cancel()
    qtbot.waitUntil(lambda: work.cancelled.is_set() and bool(cancelled_on))
    work.fail(CancelledByUser())

    qtbot.waitUntil(lambda: bool(receiver.seen))
    assert isinstance(receiver.seen[0], CancelledByUser)
    assert threading.get_ident() not in cancelled_on
