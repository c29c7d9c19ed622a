"""How models are loaded is chosen in Compare on a real X server, and they are loaded just so."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from garden.core.run_configuration import LoadParameters
from garden.gui.main_window import MainWindow
from garden.gui.pages.compare_page import ComparePage
from garden.services.garden import Garden
from tests.gui.real.conftest import OpenWindow
from tests.gui.real.x_user import XUser

pytestmark = [pytest.mark.xcb, pytest.mark.engine, pytest.mark.timeout(180)]


@pytest.fixture
def window(tiny_model: Path, tmp_path: Path, open_window: OpenWindow) -> Iterator[MainWindow]:
    """A window on a library of one model."""
    shutil.copyfile(tiny_model, tmp_path / "Alpha-F16.gguf")
    with Garden.open(work_offline=True) as garden:
        garden.library.add_folder(tmp_path).result(30)
    with open_window(1_280, 800, work_offline=True) as window:
        yield window


def _page(window: MainWindow) -> ComparePage:
    page = window.page("compare")
    assert isinstance(page, ComparePage)
    return page


def _load(window: MainWindow) -> LoadParameters:
    run = _page(window).compare.configuration("A")
    assert run is not None
    return run.load


def test_what_is_chosen_by_hand_is_what_answers(user: XUser, window: MainWindow) -> None:
    user.press("ctrl+2")
    user.see("Alpha…")
    for _ in range(14):
        if getattr(QApplication.focusWidget(), "objectName", str)() == "library":
            break
        user.press("Tab")
    user.press("Home")
    user.press("Return")
    user.see("Ready to be asked")
    user.until(lambda: _page(window).compare.plan("A") is not None, "its header is not read")

    # The middle of the track, between 1,024 and 2,048 tokens.
    user.click("Context in tokens")
    user.until(lambda: 1_024 < _load(window).context_length < 2_048, "the slider chose nothing")
    user.click("Advanced")
    user.see("How it is loaded")
    user.click("Micro-batch")
    user.press("ctrl+a")
    user.type("64")
    user.press("Tab")
    user.until(lambda: _load(window).n_ubatch == 64, "the micro-batch was not taken")
    user.press("Escape")
    user.gone("How it is loaded")
    chosen = _load(window)

    user.click("Prompt for all panes")
    user.type("Why?")
    user.press("ctrl+Return")

    pane = _page(window).compare
    user.until(lambda: pane.turn is not None and not pane.answering, "no answer", timeout_ms=60_000)
    answer = pane.pane("A").answer
    assert answer is not None
    assert answer.error is None
    ran = answer.configuration.load
    assert (ran.context_length, ran.n_ubatch, ran.n_batch) == (chosen.context_length, 64, chosen.n_batch)
    user.click("Memory")
    user.see("Loaded")
    user.reads("Unloading frees")
