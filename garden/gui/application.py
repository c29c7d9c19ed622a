"""Opens the window, or draws every page into pictures."""

from __future__ import annotations

import os
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from garden.gui.display import display_problem

if TYPE_CHECKING:
    from types import TracebackType

    from PySide6.QtWidgets import QApplication

    from garden.gui.main_window import MainWindow
    from garden.gui.theme.theme import ThemeController
    from garden.services.garden import Garden


def open_window() -> int:
    """Open the window and serve it until it closes.

    Returns:
        Exit code: 0 done, 1 failed, 2 when there is no display.
    """
    problem = display_problem()
    if problem is not None:
        sys.stderr.write(f"{problem} Use the command line instead: garden tour\n")
        return 2
    from garden.core.errors import GardenError
    from garden.services.garden import Garden

    application = make_application()
    try:
        garden = Garden.open()
    except GardenError as error:
        sys.stderr.write(f"{error.sentence} {error.action}\n".replace(" \n", "\n"))
        return 1
    try:
        window, _theme = make_window(application, garden)
        sys.excepthook = _Excepthook(window)
        window.show()
        with _Interrupts(window):
            return application.exec()
    finally:
        garden.close()


def make_application() -> QApplication:
    """The one QApplication of this process."""
    from PySide6.QtCore import QCoreApplication
    from PySide6.QtWidgets import QApplication

    running = QCoreApplication.instance()
    if isinstance(running, QApplication):
        return running
    application = QApplication(sys.argv[:1])
    application.setApplicationName("garden")
    application.setApplicationDisplayName("Garden")
    application.setDesktopFileName("garden")
    return application


def make_window(application: QApplication, garden: Garden) -> tuple[MainWindow, ThemeController]:
    """The window with its first page, not shown yet: Welcome on a first start, else Discover."""
    from garden.gui.main_window import MainWindow
    from garden.gui.theme.focus_ring import FocusRing
    from garden.gui.theme.icons import application_icon
    from garden.gui.theme.theme import ThemeController

    settings = garden.settings.current
    theme = ThemeController(application, settings.theme, settings.text_scale, settings.density)
    application.setWindowIcon(application_icon())
    window = MainWindow(garden, theme)
    window.focus_ring = FocusRing(application, theme)
    window.show_page("welcome" if garden.settings.first_start else "discover")
    return window, theme


def render_pages(folder: str) -> list[str]:
    """Write a picture of every page, in two sizes and both schemes, from the state on this machine.

    Args:
        folder: Where the pictures go; made when it is not there.

    Returns:
        Paths of the pictures.
    """
    if display_problem() is not None:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from garden.gui.page_pictures import draw_pages
    from garden.services.garden import Garden

    application = make_application()
    with Garden.open(work_offline=True) as garden:
        return [str(path) for path in draw_pages(application, garden, Path(folder))]


class _Excepthook:
    """A fault of the program is said in the window and written to the terminal; the window stays."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window

    def __call__(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        traceback.print_exception(kind, error, trace)
        if not issubclass(kind, KeyboardInterrupt):
            self._window.notify(f"Something unexpected went wrong: {kind.__name__}.", "The terminal has the details.")


class _Interrupts:
    """Ctrl+C in the terminal closes the window as its own button does.

    Qt's loop runs no Python while nothing happens, so the signal's own descriptor wakes it.
    """

    def __init__(self, window: MainWindow) -> None:
        self._window = window

    def __enter__(self) -> None:
        from PySide6.QtCore import QSocketNotifier

        self._read, self._write = socket.socketpair()
        for end in (self._read, self._write):
            end.setblocking(False)
        self._before = signal.signal(signal.SIGINT, lambda *_: None)
        self._wakeup_before = signal.set_wakeup_fd(self._write.fileno())
        self._notifier = QSocketNotifier(self._read.fileno(), QSocketNotifier.Type.Read, self._window)
        self._notifier.activated.connect(self._on_signal)

    def __exit__(self, *_: object) -> None:
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(self._wakeup_before)
        signal.signal(signal.SIGINT, self._before)
        self._read.close()
        self._write.close()

    def _on_signal(self) -> None:
        if signal.SIGINT in self._read.recv(64):
            self._window.close()
