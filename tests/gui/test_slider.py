"""The window stays in motion while the context slider is dragged over a repository of 30 files."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from garden.core.fit_forecast import FitForecast
from garden.core.imagined_machine import ImaginedMachine
from garden.core.quantity import GIB
from garden.gui.main_window import MainWindow
from garden.gui.pages.discover_page import DiscoverPage
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.context_slider import ContextSlider
from garden.services.garden import Garden
from tests.gui.event_loop_gaps import EventLoopGaps
from tests.hubserver import HubServer
from tests.hubserver.catalogue import many_types

FILES = 30


@pytest.fixture
def garden(monkeypatch: pytest.MonkeyPatch) -> Iterator[Garden]:
    with HubServer([many_types("Qwen/Qwen3-8B", FILES)]) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        with Garden.open() as opened:
            yield opened


@pytest.fixture
def page(qtbot: QtBot, garden: Garden, theme: ThemeController) -> Iterator[DiscoverPage]:
    """On a machine with a GPU, so that layers have to be found."""
    garden.what_if.choose(ImaginedMachine(ram_bytes=64 * GIB, gpu_bytes=8 * GIB))
    window = MainWindow(garden, theme)
    window.resize(1_440, 900)
    window.show_page("discover")
    window.begin()
    page = window.page("discover")
    assert isinstance(page, DiscoverPage)
    rows = page.repository.files
    qtbot.waitUntil(lambda: len(rows.rows) == FILES and all(row.header for row in rows.rows), timeout=60_000)
    qtbot.waitUntil(lambda: page.repository.settled, timeout=20_000)
    yield page
    qtbot.waitUntil(lambda: window.pump.idle and not window.pump.waiting, timeout=30_000)
    window.dismiss()
    window.deleteLater()


def test_the_event_loop_is_never_held_up_by_forecasts(
    qtbot: QtBot, garden: Garden, page: DiscoverPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each forecast takes 20 ms here, those of all files more than half a second: no gap may be near to that."""
    here, inner = threading.get_ident(), garden.fit.forecast_header
    on_this_thread: list[float] = []

    def slow(*arguments: Any, **options: Any) -> FitForecast:
        if threading.get_ident() == here:
            on_this_thread.append(time.monotonic())
        time.sleep(0.02)
        return inner(*arguments, **options)

    monkeypatch.setattr(garden.fit, "forecast_header", slow)
    slider = page.findChild(ContextSlider, "contextSlider")
    assert slider is not None

    with EventLoopGaps() as gaps:
        for share in range(40):
            slider.setValue(slider.minimum() + (slider.maximum() - slider.minimum()) * share // 40)
            qtbot.wait(16)
        last = slider.value()
        qtbot.waitUntil(lambda: page.repository.settled, timeout=30_000)

    assert on_this_thread == []
    assert gaps.longest_ms < 300
    assert {row.forecast.context_length for row in page.repository.files.rows if row.forecast} == {last}
