"""The keys of the window: they act on what is in front, never on what a sheet covers."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget


class WindowKeys(QObject):
    """Takes keys for a window.

    Args:
        window: The window.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window

    def add(self, keys: QKeySequence | QKeySequence.StandardKey | str, call: Callable[[], object]) -> None:
        """Call this at these keys, unless a sheet covers the window; a popover goes away for it."""
        self._add(keys, lambda: self._in_front(call))

    def add_everywhere(self, keys: QKeySequence | QKeySequence.StandardKey | str, call: Callable[[], object]) -> None:
        """Call this at these keys, whatever covers the window."""
        self._add(keys, call)

    def _add(self, keys: QKeySequence | QKeySequence.StandardKey | str, call: Callable[[], object]) -> None:
        action = QAction(self._window)
        action.setShortcut(QKeySequence(keys))
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.triggered.connect(lambda _checked=False: call())
        self._window.addAction(action)

    def _in_front(self, call: Callable[[], object]) -> None:
        # Not needed before a key was pressed, so not imported for the first paint.
        from garden.gui.widgets.overlay import Overlay, Popover

        above = [overlay for overlay in self._window.findChildren(Overlay) if overlay.is_open]
        if any(not isinstance(overlay, Popover) for overlay in above):
            return
        for popover in above:
            popover.dismiss()
        call()
