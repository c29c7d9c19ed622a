"""EventPump: carries what services announce, and the results of handles, onto the Qt thread.

Services publish from any thread. The pump's queue merges what a newer event makes redundant; the first thing that
becomes pending posts one wake-up to the Qt thread, which drains at once or, when it has just drained, 33 ms after the
last time. While nothing is pending there is no timer at all, so an idle window wakes nothing up.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer

from garden.core.errors import CancelledByUser, GardenError

if TYPE_CHECKING:
    from garden.core.events import EventBus
    from garden.jobs.handle import Handle
    from garden.jobs.pool import TaskPool

T = TypeVar("T")
E = TypeVar("E")

#: Time between two drains while things keep coming; 30 updates a second read as continuous text.
DRAIN_INTERVAL_MS = 33

_WAKE = QEvent.Type(QEvent.registerEventType())


class _Slot:
    """A callback that does not keep its receiver alive and knows when the receiver is gone."""

    def __init__(self, callback: Callable[..., None], receiver: QObject | None = None) -> None:
        owner = getattr(callback, "__self__", None)
        self._strong: Callable[..., None] | None = None
        self._weak: weakref.WeakMethod[Any] | None = None
        if isinstance(owner, QObject):
            self._weak = weakref.WeakMethod(callback)
            receiver = receiver or owner
        else:
            self._strong = callback
        self._receiver = weakref.ref(receiver) if receiver is not None else None

    def resolve(self) -> Callable[..., None] | None:
        """The callback, None when its receiver is gone."""
        if self._receiver is not None:
            receiver = self._receiver()
            if receiver is None or not shiboken6.isValid(receiver):
                return None
        if self._weak is not None:
            method: Callable[..., None] | None = self._weak()
            return method
        return self._strong


class _Watch(Generic[T]):
    """A handle that someone waits for."""

    def __init__(self, handle: Handle[T], on_result: _Slot, on_error: _Slot) -> None:
        self.handle = handle
        self.on_result = on_result
        self.on_error = on_error

    def deliver(self) -> None:
        """Hand over the result or the error to a receiver that is still there."""
        try:
            result = self.handle.result(timeout=0)
        except GardenError as error:
            if slot := self.on_error.resolve():
                slot(error)
            return
        if slot := self.on_result.resolve():
            slot(result)


class EventPump(QObject):
    """Drains the bus on the Qt thread; every callback it makes runs there.

    Args:
        bus: Where services publish.
        parent: Qt parent.
    """

    def __init__(self, bus: EventBus, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bus = bus
        self._slots: dict[type, list[_Slot]] = {}
        self._finished: deque[_Watch[Any]] = deque()
        self._waiting = 0
        self._lock = threading.Lock()
        self._closed = False
        self._wake_posted = False
        self._drained_at = float("-inf")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.drain)
        self._pools: tuple[TaskPool, TaskPool] | None = None
        self._subscription = bus.subscribe(self._wake)

    def on(self, event_type: type[E], slot: Callable[[E], None]) -> None:
        """Call ``slot`` with each event of this type, until the QObject it belongs to is gone."""
        self._slots.setdefault(event_type, []).append(_Slot(slot))

    def watch(
        self,
        handle: Handle[T],
        on_result: Callable[[T], None],
        on_error: Callable[[GardenError], None],
        *,
        receiver: QObject | None = None,
    ) -> None:
        """Call one of the two on the Qt thread when the handle is done, never before this method has returned.

        Args:
            handle: What to wait for.
            on_result: Called with its result.
            on_error: Called with its error; a cancel arrives as CancelledByUser.
            receiver: Nothing is called once it is gone; taken from the callbacks when they are its methods.
        """
        watch = _Watch(handle, _Slot(on_result, receiver), _Slot(on_error, receiver))

        self._waiting += 1

        def finished(_handle: Handle[T]) -> None:
            self._finished.append(watch)
            self._wake()

        handle.on_done(finished)

    def run(
        self,
        work: Callable[[], T],
        on_result: Callable[[T], None],
        on_error: Callable[[GardenError], None],
        *,
        receiver: QObject | None = None,
        ahead: bool = False,
    ) -> Handle[T]:
        """Do something that blocks (a disk, a database, a header) away from the Qt thread, then call as ``watch`` does.

        Args:
            work: Called on a thread of a small pool; services are safe to call there.
            on_result: Called with what it returned.
            on_error: Called with what it raised.
            receiver: As in ``watch``.
            ahead: The user waits for it: it does not stand in line behind what is only read.
        """
        handle = self._workers(ahead=ahead).submit(lambda _cancelled: work())
        self.watch(handle, on_result, on_error, receiver=receiver)
        return handle

    def begin(
        self,
        start: Callable[[], Handle[T]],
        on_result: Callable[[T], None],
        on_error: Callable[[GardenError], None],
        *,
        receiver: QObject | None = None,
    ) -> Handle[T]:
        """Begin work whose beginning blocks too (a job is written down before it starts), then call as ``watch`` does.

        Args:
            start: Called on a thread of a small pool; begins the work.
            on_result: Called with the work's result.
            on_error: Called with the error of the beginning or of the work.
            receiver: As in ``watch``.

        Returns:
            A handle for both: cancelling it, which returns at once, keeps the work from beginning or cancels it.
        """
        from garden.jobs.handle import Handle

        begun: list[Handle[T]] = []

        def stop(_cancelled: threading.Event) -> None:
            for work in begun:
                work.cancel()

        def stop_soon() -> None:
            self._workers(ahead=True).submit(stop)

        whole: Handle[T] = Handle(on_cancel=stop_soon)

        def end(work: Handle[T]) -> None:
            if work.error is not None:
                whole.fail(work.error)
            else:
                whole.succeed(work.result(0))

        def begin(_cancelled: threading.Event) -> None:
            if whole.cancelled.is_set():
                raise CancelledByUser
            work = start()
            begun.append(work)
            work.on_done(end)
            if whole.cancelled.is_set():
                work.cancel()

        def not_begun(beginning: Handle[None]) -> None:
            if beginning.error is not None:
                whole.fail(beginning.error)

        self.watch(whole, on_result, on_error, receiver=receiver)
        self._workers(ahead=True).submit(begin).on_done(not_begun)
        return whole

    def do(self, work: Callable[[], object], on_error: Callable[[GardenError], None]) -> None:
        """Do something at once, away from the Qt thread, that is told of by events, or by its error."""
        self.run(work, lambda _done: None, on_error, ahead=True)

    def _workers(self, *, ahead: bool) -> TaskPool:
        if self._pools is None:
            # Not needed for the first paint, so not imported for it.
            from garden.jobs.pool import TaskPool

            self._pools = TaskPool(2, "reading"), TaskPool(2, "doing")
        return self._pools[ahead]

    @property
    def waiting(self) -> int:
        """How many watched handles have not been delivered yet."""
        return self._waiting

    @property
    def idle(self) -> bool:
        """Whether nothing is scheduled: no timer, no wake-up under way."""
        return not self._timer.isActive() and not self._wake_posted

    def close(self) -> None:
        """Stop listening; what is pending is dropped."""
        with self._lock:
            self._closed = True
        self._bus.unsubscribe(self._subscription)
        self._timer.stop()
        self._finished.clear()
        for pool in self._pools or ():
            pool.close()

    def event(self, event: QEvent) -> bool:
        """Take the wake-up that another thread posted."""
        if event.type() == _WAKE:
            self._wake_posted = False
            if not self._closed and not self._timer.isActive():
                wait_ms = DRAIN_INTERVAL_MS - (time.monotonic() - self._drained_at) * 1000
                if wait_ms <= 0:
                    self.drain()
                else:
                    self._timer.start(max(1, round(wait_ms)))
            return True
        return super().event(event)

    def drain(self) -> None:
        """Deliver everything that is pending: events first, since state is written before a result is handed out."""
        self._drained_at = time.monotonic()
        # Results that are there now; their events were published before them.
        finished = [self._finished.popleft() for _ in range(len(self._finished))]
        first_error: BaseException | None = None
        for event in self._subscription.drain():
            for slot in self._live_slots(type(event)):
                first_error = _call(slot, event, first_error)
        self._waiting -= len(finished)
        for watch in finished:
            first_error = _call(watch.deliver, None, first_error)
        if first_error is not None:
            raise first_error

    def _live_slots(self, event_type: type) -> list[Callable[..., None]]:
        slots = self._slots.get(event_type, [])
        resolved = [(slot, slot.resolve()) for slot in slots]
        live = [callback for _slot, callback in resolved if callback is not None]
        if len(live) != len(slots):
            self._slots[event_type] = [slot for slot, callback in resolved if callback is not None]
        return live

    def _wake(self) -> None:
        """Any thread: ask the Qt thread to drain; one request is enough until it was taken."""
        with self._lock:
            if self._closed or self._wake_posted:
                return
            self._wake_posted = True
            QCoreApplication.postEvent(self, QEvent(_WAKE))


def _call(callback: Callable[..., None], argument: object, earlier: BaseException | None) -> BaseException | None:
    """Run one callback; a fault in it must not keep the others from theirs. The first fault is kept for the caller."""
    try:
        if argument is None:
            callback()
        else:
            callback(argument)
    except Exception as error:
        return earlier or error
    return earlier
