"""The window by keys alone, on a real X server: where the offscreen platform would never notice a wrong focus."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QTableView

from garden.gui.main_window import MainWindow
from tests.gui.real.conftest import OpenWindow
from tests.gui.real.x_user import XUser
from tests.hubserver.folder import gguf_repository
from tests.hubserver.server import HubServer

pytestmark = [pytest.mark.xcb, pytest.mark.timeout(180)]


@pytest.fixture
def window(tiny_model: Path, open_window: OpenWindow, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    """A window on a Hub that serves one small model."""
    with HubServer([gguf_repository("garden-lab/Tiny-Chat-GGUF", tiny_model)]) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        with open_window(1_440, 900) as window:
            yield window


def test_pages_and_palette_answer_to_keys(user: XUser, window: MainWindow) -> None:
    for chord, page in (("ctrl+2", "library"), ("ctrl+comma", "settings"), ("ctrl+5", "machine")):
        user.press(chord)
        user.until(lambda page=page: window.current_page == page, f"{chord} does not lead to {page}")  # type: ignore[misc]  # bound at once

    user.press("ctrl+k")
    user.type("activity")
    user.reads("Go to")
    user.press("Return")

    user.until(lambda: window.current_page == "activity", "the palette does not lead on")


def test_a_model_is_found_and_fetched_by_keys(user: XUser, window: MainWindow) -> None:
    user.press("ctrl+1")
    user.press("ctrl+f")
    user.type("tiny")
    user.see("Tiny-Chat…", timeout_ms=20_000)
    user.see("Download…", timeout_ms=20_000)
    # From the field through the filters into the list, from there into its files, and Enter fetches.
    for _ in range(20):
        if getattr(QApplication.focusWidget(), "objectName", str)() == "models":
            break
        user.press("Tab")
    user.press("Down")
    user.press("Return")
    user.until(lambda: isinstance(QApplication.focusWidget(), QTableView), "Enter does not lead to the files")
    user.press("Return")

    user.reads("In library", timeout_ms=60_000)


def test_escape_empties_the_search_and_leaves_nothing_open(user: XUser, window: MainWindow) -> None:
    user.press("ctrl+1")
    user.press("ctrl+f")
    user.type("tiny")
    user.press("Escape")
    user.press("ctrl+k")
    user.see("Type a command, a model or a page")

    user.press("Escape")

    user.gone("Type a command, a model or a page")
    focus = QApplication.focusWidget()
    assert focus is not None
    assert focus.objectName() == "search"
    assert getattr(focus, "text", str)() == ""
