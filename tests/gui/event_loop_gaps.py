"""How long the event loop of Qt stood still."""

from __future__ import annotations

import time
from types import TracebackType

from PySide6.QtCore import QTimer, Slot


class EventLoopGaps:
    """While it is entered, a timer that never waits notes each time the event loop comes round.

    Attributes:
        milliseconds: Times between two rounds.
    """

    def __init__(self) -> None:
        self.milliseconds: list[float] = []
        self._timer = QTimer()
        self._timer.setInterval(1)
        self._timer.timeout.connect(self._tick)
        self._last = 0.0

    @property
    def longest_ms(self) -> float:
        """The longest of them."""
        return max(self.milliseconds, default=0.0)

    def __enter__(self) -> EventLoopGaps:
        self._last = time.perf_counter()
        self._timer.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._timer.stop()
        self._tick()

    @Slot()
    def _tick(self) -> None:
        now = time.perf_counter()
        self.milliseconds.append((now - self._last) * 1000)
        self._last = now
