"""Opens the window, or draws every page into pictures.

What comes before the first paint is kept small: the window has to stand at once.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtCore import QLockFile
    from PySide6.QtWidgets import QApplication

    from garden.gui.main_window import MainWindow
    from garden.gui.theme.theme import ThemeController
    from garden.services.garden import Garden

#: A window that does not stand after so long hangs; the user gets another one.
_START_SECONDS = 5.0

_ASK_AGAIN_MS = 200


def open_window() -> int:
    """Open the window and serve it until it closes; where it is open already, raise it.

    Returns:
        Exit code: 0 done, 1 failed, 2 when there is no display.
    """
    from garden.core.errors import GardenError
    from garden.gui.display import display_problem
    from garden.gui.window_address import window_address

    problem = display_problem()
    if problem is not None:
        sys.stderr.write(f"{problem} Use the command line instead: garden tour\n")
        return 2
    try:
        address = window_address()
        lock = _window_lock()
        if _open_already(address, lock):
            # Started from a desktop there may be no output.
            if sys.stdout is not None:
                sys.stdout.write("Garden is already open; its window was raised.\n")
            return 0
        garden = prepare_garden()
    except GardenError as error:
        sys.stderr.write(f"{error.sentence} {error.action}\n".replace(" \n", "\n"))
        return 1
    from garden.gui.first_paint import FirstPaint

    try:
        application = make_application()
        window, _theme = make_window(application, garden)
        FirstPaint(window, functools.partial(_hear_second_starts, application, window, address))
        window.begin()
        from garden.gui.interrupts import Interrupts, faults_said

        interrupts = Interrupts(window)
        try:
            with faults_said(window):
                return application.exec()
        finally:
            interrupts.remove()
    finally:
        garden.close()
        lock.unlock()


def _window_lock() -> QLockFile:
    """What the one window of a data folder holds from its first moment; it ends with its process, however that ends.

    Raises:
        StateError: The data folder cannot be made.
    """
    from PySide6.QtCore import QLockFile

    from garden.core.paths import data_dir

    path = data_dir() / "window.lock"
    with contextlib.suppress(OSError):
        # One that a power cut has left empty names no process that could be found gone.
        if not path.stat().st_size and time.time() - path.stat().st_mtime > _START_SECONDS:
            path.unlink()
    lock = QLockFile(str(path))
    lock.setStaleLockTime(0)
    return lock


def _open_already(address: str, lock: QLockFile) -> bool:
    """Whether a window that is open, or about to be, came to the front; else this process may hold the lock.

    Two starts at one moment find no window to ask yet: the one that comes second to the lock waits for it.
    """
    from PySide6.QtCore import QLockFile

    if _raised(address):
        return True
    until = time.monotonic() + _START_SECONDS
    while not lock.tryLock(_ASK_AGAIN_MS):
        if lock.error() != QLockFile.LockError.LockFailedError:
            return False  # no room or no right to lock: better two windows than none
        if _raised(address):
            return True
        if time.monotonic() > until:
            return False
    return False


def _raised(address: str) -> bool:
    """Whether the window that is open already came to the front."""
    from garden.gui.window_address import may_be_open

    if not may_be_open(address):
        return False
    make_application()
    from garden.gui.second_start import raise_open_window

    return raise_open_window(address)


def _hear_second_starts(application: QApplication, window: MainWindow, address: str) -> None:
    """Called once the window stands, since it takes a part of Qt that the first paint does not need."""
    from garden.gui.second_start import SecondStarts

    second_starts = SecondStarts(window, address)
    application.aboutToQuit.connect(second_starts.close)


def prepare_garden() -> Garden:
    """What the first paint needs of the services; databases are opened behind it.

    Until the window was painted nothing is collected: what is made in these moments stays.

    Raises:
        StateError: The settings cannot be read.
    """
    gc.disable()
    from garden.services.garden import Garden

    return Garden()


def make_application() -> QApplication:
    """The one QApplication of this process."""
    from PySide6.QtCore import QCoreApplication
    from PySide6.QtWidgets import QApplication

    running = QCoreApplication.instance()
    if isinstance(running, QApplication):
        return running
    _read_no_sources()
    application = QApplication(sys.argv[:1])
    application.setApplicationName("garden")
    application.setApplicationDisplayName("Garden")
    application.setDesktopFileName("garden")
    return application


def _read_no_sources() -> None:
    """Let PySide6 take each module that is imported from now on as one that uses it.

    It would read the source of every one of them to find that out, for the sake of ``__feature__``, which nothing here
    switches on: a fifteenth of the start. This is inside PySide6, so where it is different nothing is done.
    """
    feature = sys.modules.get("shibokensupport.feature")
    if hasattr(feature, "_mod_uses_pyside"):
        setattr(feature, "_mod_uses_pyside", lambda _module: True)  # noqa: B010 - a module without types


def make_window(application: QApplication, garden: Garden) -> tuple[MainWindow, ThemeController]:
    """The window with its first page, not shown yet: Welcome on a first start, else Discover."""
    from garden.gui.main_window import MainWindow
    from garden.gui.theme.theme import ThemeController

    settings = garden.settings.current
    theme = ThemeController(application, settings.theme, settings.text_scale, settings.density)
    window = MainWindow(garden, theme)
    window.show_page("welcome" if garden.settings.first_start else "discover")
    return window, theme


def render_pages(folder: str) -> list[str]:
    """Write a picture of every page, in two sizes and both schemes, from the state on this machine.

    Args:
        folder: Where the pictures go; made when it is not there.

    Returns:
        Paths of the pictures.
    """
    from pathlib import Path

    from garden.gui.display import display_problem

    if display_problem() is not None:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from garden.gui.page_pictures import draw_pages
    from garden.services.garden import Garden

    application = make_application()
    with Garden.open(work_offline=True) as garden:
        return [str(path) for path in draw_pages(application, garden, Path(folder))]
