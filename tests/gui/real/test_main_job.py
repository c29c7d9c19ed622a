"""The whole main job as a user does it, on a real X server, by mouse and keys, read through accessible names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from garden.gui.main_window import MainWindow
from tests.gui.real.conftest import OpenWindow
from tests.gui.real.x_user import XUser
from tests.hubserver.folder import gguf_repository
from tests.hubserver.server import HubServer

pytestmark = [pytest.mark.xcb, pytest.mark.engine, pytest.mark.timeout(240)]


@pytest.fixture
def window(tiny_model: Path, open_window: OpenWindow, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    """A window on a Hub that serves one small model."""
    with HubServer([gguf_repository("garden-lab/Tiny-Chat-GGUF", tiny_model)]) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        with open_window(1_440, 900) as window:
            yield window


def _answers(user: XUser) -> int:
    """Answers that came to their end."""
    return sum("Finish: length" in text or "Finish: stop" in text for text in user.everything())


def test_search_download_quantize_compare_export(user: XUser, tmp_path: Path) -> None:
    # Find it and fetch it.
    user.click("Discover")
    user.click("Search the Hub")
    user.type("tiny")
    user.click("Tiny-Chat…", timeout_ms=20_000)
    user.click("Download…", timeout_ms=20_000)
    user.reads("In library", timeout_ms=60_000)
    # Make a smaller one.
    user.click("Workshop")
    user.reads("Tiny-Chat", timeout_ms=20_000)
    user.reads("4.64", timeout_ms=20_000)
    user.click("Q4_0, …")
    user.click("Quantize 2", timeout_ms=20_000)
    user.see("Q4_0, 759.1 KiB, Runs on CPU, In library, loss 0…", timeout_ms=90_000)
    user.reads("Nothing is being made.", timeout_ms=60_000)
    # Put both on one prompt.
    user.click("Compare with the source")
    user.see("Fair", timeout_ms=20_000)
    user.click("Prompt for all panes", timeout_ms=20_000)
    user.type("Hello there")
    user.press("ctrl+Return")
    user.reads("Turn 1", timeout_ms=20_000)
    user.until(lambda: _answers(user) == 2, "the two answers did not end", timeout_ms=90_000)
    user.gone("Stop all", timeout_ms=20_000)
    # Take one of them away.
    folder = tmp_path / "exported"
    folder.mkdir()
    user.click("Export")
    user.click("llama-server command", timeout_ms=20_000)
    user.reads("--repeat-penalty 1.0")
    user.click("Save to folder")
    user.see("Directory:", timeout_ms=20_000)
    user.press("ctrl+a")
    user.type(str(folder))
    user.press("Return")
    user.until((folder / "llama-server.sh").is_file, "nothing was saved")

    assert (
        "--ctx-size 2048" in (folder / "llama-server.sh").read_text()
        or "-c 2048" in (folder / "llama-server.sh").read_text()
    )
