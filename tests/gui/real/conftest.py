"""Windows on a real X server; the tests are skipped where there is none (the offscreen platform has no keyboard)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from pytestqt.qtbot import QtBot

from garden.gui.application import make_application, make_window
from garden.gui.main_window import MainWindow
from garden.services.garden import Garden
from tests.gui.real.x_user import XUser

OpenWindow = Callable[..., AbstractContextManager[MainWindow]]


@pytest.fixture(autouse=True)
def real_display() -> None:
    """Skip unless Qt talks to an X server."""
    if os.environ.get("QT_QPA_PLATFORM") != "xcb" or not os.environ.get("DISPLAY"):
        pytest.skip("needs an X server: `make test` starts Xvfb where it is installed")


@pytest.fixture
def open_window(qtbot: QtBot) -> OpenWindow:
    """Opens Garden and its window as the program does: ``with open_window(width, height) as window``."""

    @contextmanager
    def opened(width: int, height: int, *, work_offline: bool = False) -> Iterator[MainWindow]:
        application = make_application()
        with Garden.open(work_offline=work_offline) as garden:
            window, _theme = make_window(application, garden)
            qtbot.addWidget(window)
            window.resize(width, height)
            window.begin()
            yield window
            window.dismiss()

    return opened


@pytest.fixture
def user(window: MainWindow, qtbot: QtBot) -> XUser:
    """A user in front of the test's window."""
    return XUser(qtbot, window)
