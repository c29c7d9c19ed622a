"""A user in front of a real X server: looks through accessible names, acts with a real mouse and real keys.

Nothing here calls a widget: what is read is what a screen reader would be told, what is done goes through the X server
(xdotool), so a control that is hidden, covered or unnamed cannot be used by accident.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator

from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot


class XUser:
    """Sits in front of one window.

    Args:
        qtbot: Spins Qt's event loop while the user waits.
        window: The top-level window, shown.
    """

    def __init__(self, qtbot: QtBot, window: QWidget) -> None:
        self._qtbot = qtbot
        self._window = window
        # The mouse cannot reach what lies outside it.
        screen = window.screen().size()
        assert screen.width() >= window.width() and screen.height() >= window.height(), (
            f"the screen ({screen.width()}×{screen.height()}) is smaller than the window"
        )
        qtbot.waitExposed(window)
        # Without a window manager nobody gives the window the keyboard.
        self._xdotool("windowfocus", "--sync", str(int(window.winId())))
        qtbot.waitUntil(window.isActiveWindow, timeout=5_000)

    def see(self, name: str, *, timeout_ms: int = 10_000) -> QAccessibleInterface:
        """Wait until something visible bears this accessible name (or begins with it, when it ends in ``…``)."""
        found: list[QAccessibleInterface] = []

        def look() -> bool:
            found[:] = [interface for interface in self._visible() if _matches(_name(interface), name)]
            return bool(found)

        self._wait(look, timeout_ms, f"nothing is named {name!r}")
        return found[0]

    def sees(self, name: str) -> bool:
        """Whether something visible bears this name now."""
        return any(_matches(_name(interface), name) for interface in self._visible())

    def reads(self, text: str, *, timeout_ms: int = 10_000) -> None:
        """Wait until this text stands somewhere visible, in a name, a value or a description."""

        def look() -> bool:
            return any(text in part for interface in self._visible() for part in _texts(interface))

        self._wait(look, timeout_ms, f"{text!r} stands nowhere")

    def gone(self, name: str, *, timeout_ms: int = 10_000) -> None:
        """Wait until nothing visible bears this name any more."""
        self._wait(lambda: not self.sees(name), timeout_ms, f"{name!r} stays")

    def until(self, condition: Callable[[], bool], complaint: str, *, timeout_ms: int = 10_000) -> None:
        """Wait for something outside the window."""
        self._wait(condition, timeout_ms, complaint)

    def click(self, name: str, *, timeout_ms: int = 10_000) -> None:
        """Click the middle of what bears this name, once it is there and enabled."""
        interface = self.see(name, timeout_ms=timeout_ms)

        def enabled() -> bool:
            return not self.see(name, timeout_ms=timeout_ms).state().disabled

        self._wait(enabled, timeout_ms, f"{name!r} stays disabled")
        interface = self.see(name, timeout_ms=timeout_ms)
        centre = interface.rect().center()
        self._xdotool("mousemove", str(centre.x()), str(centre.y()), "click", "1")

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self._xdotool("type", "--delay", "8", text)

    def press(self, key: str) -> None:
        """Press a key or a chord in X's words, e.g. ``ctrl+Return``."""
        self._xdotool("key", key)

    def everything(self) -> list[str]:
        """All visible names and texts, for the message of a failing test."""
        return [text for interface in self._visible() for text in _texts(interface) if text]

    def _visible(self) -> Iterator[QAccessibleInterface]:
        # Popups and dialogs are windows of their own.
        tops = [window for window in QApplication.topLevelWidgets() if window.isVisible()]
        for top in tops:
            root = QAccessible.queryAccessibleInterface(top)
            if root is not None:
                yield from _walk(root)

    def _xdotool(self, *arguments: str) -> None:
        process = subprocess.Popen(["xdotool", *arguments])
        self._qtbot.waitUntil(lambda: process.poll() is not None, timeout=20_000)
        assert process.returncode == 0, arguments
        # The X server delivers in order; one round of the loop lets Qt take what arrived.
        self._qtbot.wait(20)

    def _wait(self, condition: Callable[[], bool], timeout_ms: int, complaint: str) -> None:
        deadline = time.monotonic() + timeout_ms / 1000
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"{complaint}. Visible: {self.everything()}")
            self._qtbot.wait(30)


def _walk(interface: QAccessibleInterface) -> Iterator[QAccessibleInterface]:
    if interface.state().invisible:
        return
    yield interface
    for index in range(interface.childCount()):
        child = interface.child(index)
        if child is not None and child.isValid():
            yield from _walk(child)


def _name(interface: QAccessibleInterface) -> str:
    return interface.text(QAccessible.Text.Name)


def _texts(interface: QAccessibleInterface) -> tuple[str, str, str]:
    return _name(interface), interface.text(QAccessible.Text.Value), interface.text(QAccessible.Text.Description)


def _matches(name: str, wanted: str) -> bool:
    return name.startswith(wanted[:-1]) if wanted.endswith("…") else name == wanted
