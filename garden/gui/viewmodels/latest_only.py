"""Work of which only the latest matters: while one runs the newest of the others waits, and the rest are dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import QObject, QTimer, Slot

if TYPE_CHECKING:
    from garden.core.errors import GardenError
    from garden.gui.bridge.event_pump import EventPump

T = TypeVar("T")

#: Left to the Qt thread to show an answer before more is computed: two threads of Python hold each other up.
_PAUSE_MS = 15

#: After so long without a move a knob is taken to be where it was to go.
REST_MS = 250


class LatestOnly(QObject):
    """Runs one piece of work at a time away from the Qt thread.

    A slider that moves asks faster than can be answered: each answer is shown, and what was asked meanwhile is asked
    once, as it is by then.

    Args:
        pump: Runs it.
        parent: Qt parent.
    """

    def __init__(self, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pump = pump
        self._busy = False
        self._next: tuple[Callable[[], Any], Callable[[Any], None]] | None = None
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._pause.timeout.connect(self._begin_next)

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return self._busy

    def ask(self, work: Callable[[], T], on_result: Callable[[T], None]) -> None:
        """Do some work, unless newer work comes before its turn; a failure tells nobody.

        Args:
            work: Called on another thread.
            on_result: Called on the Qt thread with what it returned.
        """
        if self._busy:
            self._next = (work, on_result)
            return
        self._busy = True

        def ended(result: T) -> None:
            try:
                on_result(result)
            finally:
                # What one answer breaks must not keep the next from coming.
                self._go_on()

        def failed(_error: GardenError) -> None:
            self._go_on()

        self._pump.run(work, ended, failed, receiver=self, ahead=True)

    def _go_on(self) -> None:
        if self._next is None:
            self._busy = False
        else:
            self._pause.start()

    @Slot()
    def _begin_next(self) -> None:
        self._busy = False
        following, self._next = self._next, None
        if following is not None:
            self.ask(*following)
