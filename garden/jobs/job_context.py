"""What long work sees of its own job: a cancel to look at, and where to say how far it is."""

from __future__ import annotations

import threading
from collections.abc import Callable


class JobContext:
    """Handed to the work of a job; one per run, so that a job that was paused starts with a fresh one.

    Args:
        on_progress: Takes done, total and note; called on the thread that reports.
        on_target: Takes what to run again from now on.

    Attributes:
        cancelled: Set when the work should stop: a cancel, a pause or the end of the program. Raise CancelledByUser.
        result_path: A file to open or show when the work has succeeded; the work sets it.
        result_bytes: Its size, where the work was counted in something else than its bytes.
    """

    def __init__(
        self,
        on_progress: Callable[[int, int | None, str], None],
        on_target: Callable[[str], None] = lambda _target: None,
    ) -> None:
        self.cancelled = threading.Event()
        self.result_path: str | None = None
        self.result_bytes: int | None = None
        self._on_progress = on_progress
        self._on_target = on_target

    def progress(self, done: int, total: int | None = None, note: str = "") -> None:
        """Say how far the work is; cheap, and merged to at most ten events a second.

        Args:
            done: Units done so far, those of earlier runs included.
            total: Units in all; None keeps what is known.
            note: What it is doing now, e.g. a tensor's name, or that it stalls.
        """
        self._on_progress(done, total, note)

    def retarget(self, target: str) -> None:
        """Change what is run again after a restart, e.g. when the work has moved on to a newer version."""
        self._on_target(target)
