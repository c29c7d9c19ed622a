"""Lineage, trust and GGUF versions in Discover, against a Hub of this machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QListView, QScrollArea, QTableView
from pytestqt.qtbot import QtBot

from garden.gui.bridge.event_pump import EventPump
from garden.gui.pages.discover_page import DiscoverPage
from garden.gui.pages.repository_head import RepositoryHead
from garden.gui.pages.tab_bar import TabBar
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.family import FamilyModel
from garden.gui.viewmodels.file_table import FileColumn
from garden.gui.widgets.state_view import StateView
from garden.gui.widgets.tag import Tag
from garden.services.garden import Garden
from tests.gui.open_garden import Window
from tests.hubserver import Fault, GgufFacts, HubServer, repository, repository_of


@pytest.fixture
def hub(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    facts = GgufFacts(total=2_000_000, architecture="llama", context_length=2_048)
    quant = repository_of("fan/tiny-GGUF", tiny_model, gguf=facts, base_models=("lab/tiny",), downloads=900)
    own = dataclasses.replace(quant, repo_id="lab/tiny-GGUF", downloads=3)
    base = repository("lab/tiny", **{"model.safetensors": b"x"})
    tuned = dataclasses.replace(base, repo_id="ada/tuned", base_models=("lab/tiny",), relation="finetune")
    with HubServer([quant, own, base, tuned]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


@pytest.fixture
def garden(hub: HubServer) -> Iterator[Garden]:
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


def _open(qtbot: QtBot, page: DiscoverPage, repo_id: str) -> None:
    page.open_repository(repo_id)
    qtbot.waitUntil(lambda: page.repository.repository is not None, timeout=20_000)


def _show_lineage(qtbot: QtBot, page: DiscoverPage) -> FamilyModel:
    tabs = page.findChild(TabBar, "repository.tabs")
    assert tabs is not None
    tabs.setCurrentIndex(2)
    family = page.repository.family
    qtbot.waitUntil(lambda: not family.busy, timeout=20_000)
    return family.rows


def _list(page: DiscoverPage, name: str) -> QListView:
    found = page.findChild(QListView, name)
    assert found is not None
    return found


def test_nothing_is_asked_before_the_tab_is_opened(qtbot: QtBot, page: DiscoverPage, hub: HubServer) -> None:
    _open(qtbot, page, "fan/tiny-GGUF")

    assert not any("base_model" in request.path for request in hub.requests)
    assert page.repository.family.rows.rows == ()


def test_a_quantization_shows_its_way_down_and_its_relatives(qtbot: QtBot, page: DiscoverPage) -> None:
    _open(qtbot, page, "fan/tiny-GGUF")

    rows = _show_lineage(qtbot, page).rows

    assert [row.title for row in rows] == [
        "Comes from", "lab/tiny", "Quantized", "fan/tiny-GGUF",
        "Fine-tunes of lab/tiny", "ada/tuned",
        "Quantizations of lab/tiny", "lab/tiny-GGUF",
    ]  # fmt: skip
    assert _list(page, "repository.family").isVisible()


def test_a_relative_opens_at_a_click_and_by_keys(qtbot: QtBot, page: DiscoverPage) -> None:
    _open(qtbot, page, "fan/tiny-GGUF")
    _show_lineage(qtbot, page)
    view = _list(page, "repository.family")
    index = view.model().index(1, 0)

    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(index).center())
    qtbot.waitUntil(lambda: page.repository.repo_id == "lab/tiny", timeout=20_000)

    qtbot.waitUntil(lambda: page.repository.repository is not None, timeout=20_000)
    _show_lineage(qtbot, page)
    view.setCurrentIndex(view.model().index(1, 0))
    QTest.keyClick(view, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.repository.repo_id == "ada/tuned", timeout=20_000)


def test_a_repository_without_gguf_leads_to_those_that_have_the_publishers_first(
    qtbot: QtBot, page: DiscoverPage
) -> None:
    _open(qtbot, page, "lab/tiny")
    runnable = page.repository.quantizations
    qtbot.waitUntil(lambda: not runnable.busy and bool(runnable.rows.rows), timeout=20_000)

    assert [row.title for row in runnable.rows.rows] == ["GGUF versions of lab/tiny", "lab/tiny-GGUF", "fan/tiny-GGUF"]
    told = page.findChild(QLabel, "repository.no_files")
    assert told is not None and told.isVisible()
    assert told.text() == "This repository holds safetensors; Garden runs GGUF files."


def test_what_cannot_chat_says_what_it_is_instead(qtbot: QtBot, page: DiscoverPage, hub: HubServer) -> None:
    drawing = dataclasses.replace(
        repository("lab/painter", **{"model.safetensors": b"x"}), pipeline_tag="text-to-image"
    )
    hub.state.put([drawing])

    _open(qtbot, page, "lab/painter")

    told = page.findChild(QLabel, "repository.no_files")
    assert told is not None and told.isVisible()
    assert told.text() == "This is an image model, not a language model."


def test_trust_is_asked_for_when_its_tab_is_opened(qtbot: QtBot, page: DiscoverPage, hub: HubServer) -> None:
    _open(qtbot, page, "fan/tiny-GGUF")
    assert not any("securityStatus" in request.path for request in hub.requests)
    tabs = page.findChild(TabBar, "repository.tabs")
    assert tabs is not None
    tabs.setCurrentIndex(3)
    trust = page.repository.trust
    qtbot.waitUntil(lambda: bool(trust.facts), timeout=20_000)

    area = page.findChild(QScrollArea, "repository.trust")
    assert area is not None and area.isVisible()
    shown = {label.text() for label in area.findChildren(QLabel) if label.isVisibleTo(area)}
    assert {"Holds GGUF", "Done, nothing was found", "fan"} <= shown

    _open(qtbot, page, "lab/tiny")
    qtbot.waitUntil(lambda: page.repository.repo_id == "lab/tiny")
    assert trust.facts == ()


def test_what_lies_beside_the_models_stands_below_them_and_is_no_quant(
    qtbot: QtBot, page: DiscoverPage, hub: HubServer
) -> None:
    template = hub.state.repositories["fan/tiny-GGUF"]
    beside = repository("x/x", **{"mmproj-tiny-F16.gguf": b"eyes", "tiny.imatrix": b"sums", "README.md": b"# Tiny"})
    files = (*template.files, *beside.files)
    facts = GgufFacts(total=30_500_000_000, architecture="qwen3moe", context_length=2_048)
    hub.state.put([dataclasses.replace(template, repo_id="fan/Seeing-30B-A3B-GGUF", files=files, gguf=facts)])

    _open(qtbot, page, "fan/Seeing-30B-A3B-GGUF")
    qtbot.waitUntil(lambda: page.repository.selected is not None, timeout=20_000)

    table = page.findChild(QTableView, "files")
    assert table is not None
    told = [[table.model().index(row, column).data() for column in (0, 2)] for row in (1, 2, 3)]
    assert told == [
        ["Vision projector", "Fetched with each model"],
        ["Importance matrix", "Made for quantizing, no model"],
        ["1 other file", "Not for llama.cpp"],
    ]
    assert [row.file.kind for row in page.repository.files.rows] == ["model"]
    assert table.columnSpan(1, FileColumn.MEMORY) == len(FileColumn) - FileColumn.MEMORY
    table.setFocus()
    QTest.keyClick(table, Qt.Key.Key_Down)
    QTest.mouseClick(
        table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(table.model().index(2, 0)).center()
    )
    assert table.currentIndex().row() == 0
    head = page.findChild(RepositoryHead)
    assert head is not None
    tags = [tag.text for tag in head.findChildren(Tag) if tag.isVisible()]
    assert tags == ["30.5B · A3B", "MoE", "qwen3moe"]


def test_a_model_without_relatives_says_so(qtbot: QtBot, page: DiscoverPage, hub: HubServer) -> None:
    hub.state.put([repository("lab/alone", **{"model.safetensors": b"x"})])
    _open(qtbot, page, "lab/alone")
    _show_lineage(qtbot, page)

    state = page.findChild(StateView, "repository.family.state")
    assert state is not None and state.isVisible()


def test_a_family_that_does_not_come_can_be_asked_for_again(qtbot: QtBot, page: DiscoverPage, hub: HubServer) -> None:
    _open(qtbot, page, "fan/tiny-GGUF")
    hub.fail(Fault("status", where="api", status=500, times=20))
    _show_lineage(qtbot, page)
    assert page.repository.family.problem is not None
    hub.faults.clear()

    again = page.findChild(QAbstractButton, "repository.family.state.action1")
    assert again is not None and again.isVisible() and again.text() == "Try again"
    again.click()
    qtbot.waitUntil(lambda: bool(page.repository.family.rows.rows), timeout=20_000)

    assert page.repository.family.problem is None
