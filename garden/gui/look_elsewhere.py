"""Notices what the command line writes beside the window."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Slot

from garden.core.events import ConversationsChanged, LibraryChanged
from garden.gui.bridge.event_pump import EventPump
from garden.services.garden import Garden

#: Between two looks at whether another process has written the databases.
_INTERVAL_MS = 5_000


class LookElsewhere(QObject):
    """While watched, tells the pages to read again what another process has changed."""

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._timer = QTimer(self)
        self._timer.setInterval(_INTERVAL_MS)
        self._timer.timeout.connect(self._on_look)

    def watch(self, watching: bool) -> None:
        """Look from time to time, or stop."""
        if not watching:
            self._timer.stop()
        elif not self._timer.isActive():
            self._timer.start()

    @Slot()
    def _on_look(self) -> None:
        self._pump.run(self._garden.changed_elsewhere, self._on_looked, lambda _error: None, receiver=self)

    def _on_looked(self, changed: bool) -> None:
        if changed:
            self._garden.bus.publish(LibraryChanged())
            self._garden.bus.publish(ConversationsChanged())
