"""Garbage is collected on the Qt thread alone, and only when that has nothing else to do."""

from __future__ import annotations

import gc
import time

from PySide6.QtCore import QAbstractEventDispatcher, QObject, Slot

#: So long at least between two looks at everything there is, each of which holds up the window for a tenth of a second
#: and more; what is young is looked at as often as Python does.
_FULL_SECONDS = 300.0


class Collector(QObject):
    """Takes over from Python's own collector, for as long as the process runs.

    Python collects on whatever thread happens to make something. Garbage with a Qt object in it, which anything that
    refers to itself by a signal is, would be destroyed there while the Qt thread may be at work with it, or on the Qt
    thread in the middle of a paint event: both end the process. So it waits until the event loop is about to sleep.
    That needs no timer: whatever makes garbage on another thread wakes the loop when it is done.

    What stands now stays: going through it for garbage would hold up the window for 25 ms each time.

    Args:
        parent: Qt parent.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        gc.freeze()
        self._full_at = time.monotonic()
        dispatcher = QAbstractEventDispatcher.instance()
        assert dispatcher is not None, "there is an application"
        dispatcher.aboutToBlock.connect(self._on_about_to_block)

    @Slot()
    def _on_about_to_block(self) -> None:
        young, middle, _old = (count > limit for count, limit in zip(gc.get_count(), gc.get_threshold(), strict=True))
        if not young:
            return
        now = time.monotonic()
        full = middle and now - self._full_at >= _FULL_SECONDS
        if full:
            self._full_at = now
        gc.collect(2 if full else 1 if middle else 0)
