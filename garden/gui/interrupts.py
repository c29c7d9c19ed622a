"""Ctrl+C in the terminal, and faults of the program, while a window is open."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSocketNotifier

if TYPE_CHECKING:
    from types import TracebackType

    from garden.gui.main_window import MainWindow


class Interrupts(QObject):
    """Closes the window at Ctrl+C as its own button does.

    Qt's loop runs no Python while nothing happens, so the signal's own descriptor wakes it.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._read, self._write = socket.socketpair()
        for end in (self._read, self._write):
            end.setblocking(False)
        self._before = signal.signal(signal.SIGINT, lambda *_: None)
        self._wakeup_before = signal.set_wakeup_fd(self._write.fileno())
        self._notifier = QSocketNotifier(self._read.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._on_signal)

    def remove(self) -> None:
        """Leave signals as they were."""
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(self._wakeup_before)
        signal.signal(signal.SIGINT, self._before)
        self._read.close()
        self._write.close()

    def _on_signal(self) -> None:
        with contextlib.suppress(BlockingIOError):
            if signal.SIGINT in self._read.recv(64):
                self._window.close()


@contextlib.contextmanager
def faults_said(window: MainWindow) -> Iterator[None]:
    """A fault of the program is said in the window and written to the terminal; the window stays."""

    def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        traceback.print_exception(kind, error, trace)
        if not issubclass(kind, KeyboardInterrupt):
            window.notify(f"Something unexpected went wrong: {kind.__name__}.", "The terminal has the details.")

    before, sys.excepthook = sys.excepthook, tell
    try:
        yield
    finally:
        sys.excepthook = before
