"""Work of which only the latest matters: while one runs the newest of the others waits, and the rest are dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import QObject

if TYPE_CHECKING:
    from garden.core.errors import GardenError
    from garden.gui.bridge.event_pump import EventPump

T = TypeVar("T")


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
            on_result(result)
            self._go_on()

        def failed(_error: GardenError) -> None:
            self._go_on()

        self._pump.run(work, ended, failed, receiver=self, ahead=True)

    def _go_on(self) -> None:
        self._busy = False
        following, self._next = self._next, None
        if following is not None:
            self.ask(*following)
