"""Several models are chosen and compared on a real X server, with the keys and the mouse that a user has."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from garden.gui.main_window import MainWindow
from garden.gui.pages.compare_page import ComparePage
from garden.services.garden import Garden
from tests.gui.real.conftest import OpenWindow
from tests.gui.real.x_user import XUser

pytestmark = [pytest.mark.xcb, pytest.mark.timeout(180)]


@pytest.fixture
def window(tiny_model: Path, tmp_path: Path, open_window: OpenWindow) -> Iterator[MainWindow]:
    """A window on a library of three models."""
    for name in ("Alpha", "Beta", "Gamma"):
        shutil.copyfile(tiny_model, tmp_path / f"{name}-F16.gguf")
    with Garden.open(work_offline=True) as garden:
        garden.library.add_folder(tmp_path).result(30)
    with open_window(1_280, 800, work_offline=True) as window:
        yield window


def _letters(window: MainWindow) -> tuple[str, ...]:
    page = window.page("compare")
    assert isinstance(page, ComparePage)
    return page.panes.letters


def _to_list(user: XUser) -> None:
    """Tab until the list of models has the focus."""
    for _ in range(14):
        if getattr(QApplication.focusWidget(), "objectName", str)() == "library":
            return
        user.press("Tab")
    raise AssertionError("the tab key does not lead to the list")


def test_two_models_are_chosen_and_compared_by_keys(user: XUser, window: MainWindow) -> None:
    user.press("ctrl+2")
    user.see("Gamma…")
    _to_list(user)
    user.press("Home")
    user.press("ctrl+Down")
    user.press("ctrl+Down")
    user.press("ctrl+space")
    user.see("Compare 2 models")
    user.press("Return")

    user.until(lambda: _letters(window) == ("A", "B"), "no two panes")
    user.see("Ready to be asked")


def test_another_model_joins_what_was_not_asked_yet(user: XUser, window: MainWindow) -> None:
    user.press("ctrl+2")
    user.see("Gamma…")
    _to_list(user)
    user.press("Home")
    user.press("Return")
    user.until(lambda: _letters(window) == ("A",), "no pane")
    user.press("ctrl+2")
    _to_list(user)
    user.press("Down")
    user.press("Return")
    user.see("Add Beta F16 to the comparison?")
    user.press("Return")

    user.until(lambda: _letters(window) == ("A", "B"), "Beta did not join")
