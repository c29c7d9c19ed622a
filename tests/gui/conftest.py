"""Qt without a display, unless there is one: chosen before the first import of Qt. And the look, for all widgets."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from garden.gui.theme.theme import ThemeController
    from garden.services.garden import Garden


@pytest.fixture(scope="session")
def theme(qapp: QApplication) -> ThemeController:
    """The light look, for tests that do not change it."""
    from garden.gui.theme.theme import ThemeController

    return ThemeController(qapp, "light")


@pytest.fixture
def garden() -> Iterator[Garden]:
    """Services without a connection."""
    from garden.services.garden import Garden

    with Garden.open(work_offline=True) as garden:
        yield garden


@pytest.fixture(autouse=True)
def _destroyed_widgets(qapp: QApplication) -> Iterator[None]:
    """Destroy after each test, on this thread, what it has closed.

    Without an event loop that runs Qt never carries out ``deleteLater``: the garbage collector would destroy widgets
    instead, at any moment of a later test, and within the paint event of another window that crashes; so it does where
    a thread that a test has left behind is the one that collects.
    """
    from PySide6.QtCore import QCoreApplication, QEvent

    gc.disable()
    yield
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect(0)
    gc.enable()
