"""What a transfer under way is told from outside: how fast it may go, and when the Hub wants to be left alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from garden.core.errors import CancelledByUser

#: A change of the pace, and a cancel, are seen after so long at most.
_LOOK_SECONDS = 0.1

#: So much of a second's bytes may come at once.
_BURST_SECONDS = 0.25


class Steering:
    """Pace and pauses of one transfer. ``set_pace`` and ``hold_off`` may be called from any thread.

    Args:
        cancelled: Ends every wait.
        bytes_per_second: At most so fast; None as fast as it comes.
        hold_off_seconds: The Hub is asked nothing for so long.
        on_pause: Told how many seconds the Hub has asked to wait, so that other transfers keep to it too.
    """

    def __init__(
        self,
        cancelled: threading.Event,
        bytes_per_second: float | None = None,
        hold_off_seconds: float = 0.0,
        on_pause: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._cancelled = cancelled
        self._pace = bytes_per_second
        self._quiet_until = time.monotonic() + hold_off_seconds
        self._on_pause = on_pause
        self._owed = 0.0
        self._looked_at = time.monotonic()

    def set_pace(self, bytes_per_second: float | None) -> None:
        """At most so fast from now on."""
        self._pace = bytes_per_second

    def hold_off(self, seconds: float) -> None:
        """Another transfer was asked to wait: so does this one before its next request."""
        self._quiet_until = max(self._quiet_until, time.monotonic() + seconds)

    def asked_to_wait(self, seconds: float) -> None:
        """This transfer was asked to wait."""
        self._on_pause(seconds)

    def wait_for_turn(self, tell: Callable[[float], None]) -> None:
        """Before a request to the Hub: wait until it may be asked again.

        Args:
            tell: Told the seconds left, about ten times a second.

        Raises:
            CancelledByUser: Cancelled meanwhile.
        """
        while (left := self._quiet_until - time.monotonic()) > 0:
            tell(left)
            self._wait(left)

    def spend(self, size: int) -> None:
        """After bytes were received: wait as long as the pace asks for.

        Raises:
            CancelledByUser: Cancelled meanwhile.
        """
        self._owed += size
        while True:
            now = time.monotonic()
            elapsed, self._looked_at = now - self._looked_at, now
            pace = self._pace
            if pace is None:
                self._owed = 0.0
                return
            self._owed = max(0.0, self._owed - elapsed * pace)
            late = self._owed / pace - _BURST_SECONDS
            if late <= 0:
                return
            self._wait(late)

    def _wait(self, seconds: float) -> None:
        if self._cancelled.wait(min(seconds, _LOOK_SECONDS)):
            raise CancelledByUser
