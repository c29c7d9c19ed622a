"""Looks again at work that waits for a time, also after the machine has slept."""

from __future__ import annotations

import threading
from collections.abc import Callable

#: A steady clock stands still while a machine sleeps; the wall clock is looked at this often.
_LONGEST_LOOK_SECONDS = 1.0
_SHORTEST_LOOK_SECONDS = 0.02


class DueTimer:
    """A thread that exists only while something waits for a time.

    Args:
        next_due: When the first of it is due, in seconds since the epoch; None when nothing waits for a time.
        look: Called when that time may have come.
        wall_clock: Seconds since the epoch.
    """

    def __init__(
        self, next_due: Callable[[], float | None], look: Callable[[], None], wall_clock: Callable[[], float]
    ) -> None:
        self._next_due = next_due
        self._look = look
        self._wall_clock = wall_clock
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._gone = threading.Event()

    def beat(self) -> None:
        """Something may wait for a time now."""
        with self._lock:
            if self._thread is None and not self._gone.is_set() and self._next_due() is not None:
                self._thread = threading.Thread(target=self._run, name="job-due", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Nothing will be looked at any more."""
        self._gone.set()
        with self._lock:
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(1.0)

    def _run(self) -> None:
        while True:
            with self._lock:
                due = self._next_due()
                if due is None or self._gone.is_set():
                    self._thread = None
                    return
            left = due - self._wall_clock()
            self._gone.wait(min(max(left, _SHORTEST_LOOK_SECONDS), _LONGEST_LOOK_SECONDS))
            if not self._gone.is_set():
                self._look()
