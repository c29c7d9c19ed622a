from __future__ import annotations

import threading

from garden.core.events import EventBus, JobChanged, LibraryChanged, PaneChanged, PaneText
from garden.core.job_record import JobKind, JobRecord


def text(piece: str, *, turn: int = 0, pane: str = "A") -> PaneText:
    return PaneText(conversation_id="c", turn=turn, pane=pane, text=piece, tokens=1)


def test_pieces_of_one_pane_are_joined_and_counted() -> None:
    bus = EventBus()
    queue = bus.subscribe()

    for piece in ("Gar", "den", "s"):
        bus.publish(text(piece))

    assert queue.drain() == [PaneText(conversation_id="c", turn=0, pane="A", text="Gardens", tokens=3)]


def test_an_undrained_queue_is_bounded_by_what_exists() -> None:
    bus = EventBus()
    queue = bus.subscribe()
    job = JobRecord(id="1", kind=JobKind.DOWNLOAD, title="x")

    for index in range(10_000):
        bus.publish(text("a", pane="ABCD"[index % 4]))
        bus.publish(JobChanged(job=job))
        bus.publish(LibraryChanged())

    assert len(queue.drain()) == 6


def test_panes_turns_and_states_stay_apart_and_in_order() -> None:
    bus = EventBus()
    queue = bus.subscribe()
    done = PaneChanged(conversation_id="c", turn=0, pane="A", state="done")

    bus.publish(text("one"))
    bus.publish(done)
    bus.publish(text("two", turn=1))

    assert queue.drain() == [text("one"), done, text("two", turn=1)]


def test_pending_is_announced_once_per_emptiness() -> None:
    calls: list[int] = []
    bus = EventBus()
    queue = bus.subscribe(lambda: calls.append(1))

    bus.publish(LibraryChanged())
    bus.publish(LibraryChanged())
    queue.drain()
    bus.publish(LibraryChanged())

    assert len(calls) == 2


def test_an_unsubscribed_queue_stays_empty() -> None:
    bus = EventBus()
    queue = bus.subscribe()
    bus.unsubscribe(queue)

    bus.publish(LibraryChanged())

    assert queue.drain() == []


def test_wait_returns_what_another_thread_publishes() -> None:
    bus = EventBus()
    queue = bus.subscribe()

    thread = threading.Thread(target=bus.publish, args=(LibraryChanged(),))
    thread.start()
    events = queue.wait(5)
    thread.join()

    assert events == [LibraryChanged()]
