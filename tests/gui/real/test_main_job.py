"""The whole main job as a user does it, on a real X server, by mouse and keys, read through accessible names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from garden.gui.application import make_application, make_window
from garden.services.garden import Garden
from tests.gui.real.x_user import XUser
from tests.hubserver.folder import gguf_repository
from tests.hubserver.server import HubServer

pytestmark = [pytest.mark.xcb, pytest.mark.engine, pytest.mark.timeout(240)]


@pytest.fixture
def hub(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A Hub that serves one small model."""
    with HubServer([gguf_repository("garden-lab/Tiny-Chat-GGUF", tiny_model)]) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        yield hub


@pytest.fixture
def user(hub: HubServer, qtbot: QtBot) -> Iterator[XUser]:
    """A user in front of a freshly opened Garden."""
    application = make_application()
    with Garden.open() as garden:
        window, _theme = make_window(application, garden)
        qtbot.addWidget(window)
        window.resize(1440, 900)
        window.show()
        yield XUser(qtbot, window)
        window.close()


def test_search_download_quantize_compare_export(user: XUser, tmp_path: Path) -> None:
    user.click("Discover")
    user.click("Search the Hub")
    user.type("tiny")
    user.click("Tiny-Chat…", timeout_ms=20_000)
    user.click("Download…", timeout_ms=20_000)
    user.see("Compare…", timeout_ms=60_000)
