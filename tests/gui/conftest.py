"""Qt without a display, unless there is one: chosen before the first import of Qt. And the look, for all widgets."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from garden.gui.theme.theme import ThemeController


@pytest.fixture(scope="session")
def theme(qapp: QApplication) -> ThemeController:
    """The light look, for tests that do not change it."""
    from garden.gui.theme.theme import ThemeController

    return ThemeController(qapp, "light")
