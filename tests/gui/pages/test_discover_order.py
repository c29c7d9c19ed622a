from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QListView
from pytestqt.qtbot import QtBot

from garden.core.hardware_snapshot import HardwareSnapshot
from garden.gui.bridge.event_pump import EventPump
from garden.gui.pages.discover_page import DiscoverPage
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.model_list import ModelRole
from garden.hardware import probe
from garden.services.garden import Garden
from tests.gui.open_garden import Window
from tests.gui.service_doubles import GIB
from tests.hubserver import GgufFacts, HubServer, repository_of

#: What the models of a page take in turn, in billions of parameters.
_BILLIONS = (3, 14, 8, 0.6, 70, 5)

_PAGE = 30


@pytest.fixture
def hub(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """Three pages of models of many sizes, in an order that has nothing to do with them."""
    with HubServer(
        [
            repository_of(
                f"owner/Model-{number:02}-GGUF",
                tiny_model,
                trending=3 * _PAGE - number,
                gguf=GgufFacts(
                    total=round(_BILLIONS[number % len(_BILLIONS)] * 1e9), architecture="llama", context_length=2_048
                ),
            )
            for number in range(3 * _PAGE)
        ]
    ) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


@pytest.fixture
def set_free(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the free memory, in GiB, that every reading from now on finds on a machine of 32 GiB."""
    read, free = probe.snapshot, [12.0]

    def snapshot(*known: Any) -> HardwareSnapshot:
        found = read(*known)
        size = round(free[0] * GIB)
        return dataclasses.replace(found, gpus=(), ram_total_bytes=32 * GIB, ram_available_bytes=size)

    monkeypatch.setattr(probe, "snapshot", snapshot)

    def set_free(gib: float) -> None:
        free[0] = gib

    return set_free


@pytest.fixture
def garden(hub: HubServer, set_free: Callable[[float], None]) -> Iterator[Garden]:
    with Garden.open() as opened:
        yield opened


@pytest.fixture
def page(qtbot: QtBot, garden: Garden, theme: ThemeController) -> Iterator[DiscoverPage]:
    pump = EventPump(garden.bus)
    page = DiscoverPage(garden, pump, Window(), theme)
    qtbot.addWidget(page)
    page.resize(1_264, 900)
    page.show()
    yield page
    pump.close()


def _order(page: DiscoverPage) -> list[str]:
    models = page.search.models
    return [models.rated(row).summary.repo_id for row in range(models.rowCount())]


def _spoken(page: DiscoverPage) -> list[str]:
    models = page.search.models
    return [str(models.index(row).data(Qt.ItemDataRole.AccessibleTextRole)) for row in range(models.rowCount())]


def _until_loaded(qtbot: QtBot, page: DiscoverPage, count: int) -> None:
    qtbot.waitUntil(lambda: page.search.models.rowCount() == count, timeout=20_000)


def test_memory_that_moves_changes_verdicts_and_nothing_else(
    qtbot: QtBot, page: DiscoverPage, garden: Garden, set_free: Callable[[float], None]
) -> None:
    models = page.search.models
    rows = page.findChild(QListView, "models")
    assert rows is not None
    for number in range(1, 4):
        _until_loaded(qtbot, page, number * _PAGE)
        rows.scrollToBottom()
    rows.setCurrentIndex(models.index(40))
    rows.verticalScrollBar().setValue(rows.verticalScrollBar().maximum() // 2 + 7)
    qtbot.waitUntil(lambda: page.repository.repo_id == models.rated(40).summary.repo_id)
    qtbot.waitUntil(lambda: page.repository.settled and page.repository.plan is not None, timeout=20_000)
    order, words, scrolled = _order(page), _spoken(page), rows.verticalScrollBar().value()
    chosen = rows.currentIndex().data(ModelRole.REPO_ID)
    changed: list[int] = []
    models.dataChanged.connect(lambda first, last, _roles: changed.extend(range(first.row(), last.row() + 1)))

    set_free(3.0)
    with (
        qtbot.assertNotEmitted(models.modelReset),
        qtbot.assertNotEmitted(models.layoutChanged),
        qtbot.assertNotEmitted(models.rowsMoved),
        qtbot.waitSignal(page.search.changed, timeout=20_000),
    ):
        garden.machine.look()

    now = _spoken(page)
    assert _order(page) == order
    assert rows.currentIndex().data(ModelRole.REPO_ID) == chosen
    assert [index.row() for index in rows.selectedIndexes()] == [40]
    assert rows.verticalScrollBar().value() == scrolled
    turned = [row for row in range(len(words)) if words[row] != now[row]]
    assert len(turned) >= 3 * _PAGE // len(_BILLIONS)
    assert all("Too large" in now[row] for row in turned)
    assert set(turned) <= set(changed)
