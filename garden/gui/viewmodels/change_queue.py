"""Changes that block a little, made one after the other away from the Qt thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import QObject, Signal

from garden.core.errors import GardenError

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump

T = TypeVar("T")


class ChangeQueue(QObject):
    """Runs changes in the order in which they were asked for, so that a prompt is sent with what was set before it.

    Args:
        pump: Runs them.
        parent: Qt parent.

    Signals:
        change_failed: A change was refused or failed (GardenError); the next one goes on.
    """

    change_failed = Signal(object)

    def __init__(self, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pump = pump
        self._waiting: deque[tuple[Callable[[], Any], Callable[[Any], None], Callable[[], None] | None]] = deque()
        self._busy = False

    def put(
        self, work: Callable[[], T], on_result: Callable[[T], None], on_failure: Callable[[], None] | None = None
    ) -> None:
        """Do ``work`` after everything before it, then call one of the two on the Qt thread."""
        self._waiting.append((work, on_result, on_failure))
        self._next()

    def _next(self) -> None:
        if self._busy or not self._waiting:
            return
        self._busy = True
        work, on_result, on_failure = self._waiting.popleft()

        def done(result: Any) -> None:
            self._busy = False
            on_result(result)
            self._next()

        def failed(error: GardenError) -> None:
            self._busy = False
            if on_failure is not None:
                on_failure()
            self.change_failed.emit(error)
            self._next()

        self._pump.run(work, done, failed, receiver=self, ahead=True)
