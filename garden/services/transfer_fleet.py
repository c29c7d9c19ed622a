"""Transfers under way together: they share the bandwidth, and a pause that the Hub asks of one holds for all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from garden.core.messages import Message, SteerTransfer

#: How to send a child a message.
Send = Callable[[Message], None]


class TransferFleet:
    """Children of this process that fetch. Safe to use from any thread.

    Args:
        bytes_per_second: For all of them together; None as fast as it comes.
    """

    def __init__(self, bytes_per_second: float | None = None) -> None:
        self._limit = bytes_per_second
        self._lock = threading.Lock()
        self._children: dict[Send, str] = {}
        self._quiet_until: dict[str, float] = {}

    def set_limit(self, bytes_per_second: float | None) -> None:
        """Share this out from now on."""
        with self._lock:
            self._limit = bytes_per_second
        self._share()

    def join(self, send: Send, endpoint: str) -> None:
        """A child fetches from a Hub; the others get less from now on."""
        with self._lock:
            self._children[send] = endpoint
        self._share()

    def leave(self, send: Send) -> None:
        """It has ended; the others get more."""
        with self._lock:
            self._children.pop(send, None)
        self._share()

    def pace_of_next(self) -> float | None:
        """What one more child may take at first."""
        with self._lock:
            return None if self._limit is None else self._limit / (len(self._children) + 1)

    def pause_left(self, endpoint: str) -> float:
        """Seconds until a Hub may be asked again, 0.0 when it may be."""
        with self._lock:
            return max(0.0, self._quiet_until.get(endpoint, 0.0) - time.monotonic())

    def asked_to_wait(self, endpoint: str, seconds: float) -> None:
        """A Hub has asked one child to wait: the others of that Hub do so too."""
        with self._lock:
            until = time.monotonic() + seconds
            self._quiet_until[endpoint] = max(until, self._quiet_until.get(endpoint, 0.0))
        self._share()

    def _share(self) -> None:
        with self._lock:
            children = tuple(self._children.items())
            pace = None if self._limit is None or not children else self._limit / len(children)
        for send, endpoint in children:
            send(SteerTransfer(bytes_per_second=pace, hold_off_seconds=self.pause_left(endpoint)))
