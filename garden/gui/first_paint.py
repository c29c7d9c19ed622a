"""What can wait until something is on the screen waits until something is on the screen."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QWidget


class FirstPaint(QObject):
    """Calls once, right after a widget was painted for the first time; the event loop is free then.

    A timer of zero milliseconds does not do: on a real display the paint follows an answer of the display server, so
    the timer comes first and the window stays empty for as long as the call takes.

    Args:
        widget: The widget; it keeps this object.
        call: Called after its first paint.
    """

    def __init__(self, widget: QWidget, call: Callable[[], None]) -> None:
        super().__init__(widget)
        self._call = call
        self._seen = False
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Look for the paint."""
        if event.type() == QEvent.Type.Paint and not self._seen:
            self._seen = True
            watched.removeEventFilter(self)
            QTimer.singleShot(0, self, self._call)
        return False
