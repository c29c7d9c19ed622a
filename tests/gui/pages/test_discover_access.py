"""Discover where a token matters: a publisher who asks first, a token that expired, one's own models."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel
from pytestqt.qtbot import QtBot

from garden.core.model_query import ModelQuery
from garden.gui.bridge.event_pump import EventPump
from garden.gui.pages.discover_page import DiscoverPage
from garden.gui.theme.theme import ThemeController
from garden.services.garden import Garden
from tests.gui.open_garden import Window
from tests.hubserver import HubServer, repository_of

TOKEN = "hf_ada1234"


@pytest.fixture
def hub(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    plain = repository_of("owner/gated-GGUF", tiny_model, card="# Tiny", trending=2)
    models = [
        dataclasses.replace(plain, gated="manual"),
        dataclasses.replace(plain, repo_id="owner/quick-GGUF", gated="auto", trending=1),
        dataclasses.replace(plain, repo_id="ada/secret-GGUF", private=True),
    ]
    with HubServer(models, accounts={TOKEN: "ada"}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


@pytest.fixture
def window() -> Window:
    return Window()


@pytest.fixture
def garden(hub: HubServer) -> Iterator[Garden]:
    with Garden.open() as opened:
        yield opened


@pytest.fixture
def page(qtbot: QtBot, garden: Garden, theme: ThemeController, window: Window) -> Iterator[DiscoverPage]:
    pump = EventPump(garden.bus)
    page = DiscoverPage(garden, pump, window, theme)
    qtbot.addWidget(page)
    page.resize(1_264, 900)
    page.show()
    yield page
    pump.close()


def _text(page: DiscoverPage, name: str) -> str:
    """What a state says: its title and its text; nothing while it does not show."""
    labels = [page.findChild(QLabel, f"{name}.{part}") for part in ("title", "text")]
    return " ".join(label.text() for label in labels if label is not None and label.isVisible())


def _actions(page: DiscoverPage, name: str) -> list[str]:
    buttons = [page.findChild(QAbstractButton, f"{name}.action{number}") for number in (1, 2)]
    return [button.text() for button in buttons if button is not None and button.isVisible()]


def _click(page: DiscoverPage, name: str) -> None:
    button = page.findChild(QAbstractButton, name)
    assert button is not None
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_a_gated_repository_says_why_where_to_ask_and_how_to_sign_in(
    qtbot: QtBot, page: DiscoverPage, window: Window, hub: HubServer
) -> None:
    qtbot.waitUntil(lambda: "agree first" in _text(page, "repository.gated"), timeout=20_000)

    text = _text(page, "repository.gated")
    assert "owner/gated-GGUF" in text
    assert "looks at each request" in text
    assert _actions(page, "repository.gated") == ["Ask for access", "Sign in"]
    # One file said no: the others were not asked for.
    assert len([request for request in hub.requests if "/resolve/" in request.path]) <= 2
    _click(page, "repository.gated.action2")
    assert window.pages == ["settings.hub"]


def test_the_other_tabs_stay_and_coming_back_shows_it_again(qtbot: QtBot, page: DiscoverPage) -> None:
    qtbot.waitUntil(lambda: "agree first" in _text(page, "repository.gated"), timeout=20_000)
    page._right_side()[1]._tabs.setCurrentIndex(3)
    assert _text(page, "repository.gated") == ""

    page._right_side()[1]._tabs.setCurrentIndex(0)

    assert "agree first" in _text(page, "repository.gated")


def test_who_is_let_in_at_once_is_told_so(qtbot: QtBot, page: DiscoverPage) -> None:
    qtbot.waitUntil(lambda: "agree first" in _text(page, "repository.gated"), timeout=20_000)

    page.open_repository("owner/quick-GGUF")

    qtbot.waitUntil(lambda: "let in at once" in _text(page, "repository.gated"), timeout=20_000)


def test_after_the_consent_the_files_come(qtbot: QtBot, page: DiscoverPage, garden: Garden, hub: HubServer) -> None:
    page.open_repository("owner/quick-GGUF")
    qtbot.waitUntil(lambda: _actions(page, "repository.gated") == ["Ask for access", "Sign in"], timeout=20_000)
    # The page follows by itself.
    garden.catalog.account.sign_in(TOKEN).result(20)
    qtbot.waitUntil(
        lambda: _actions(page, "repository.gated") == ["Ask for access", "Try again"],
        timeout=20_000,
    )
    assert "account that is signed in here" in _text(page, "repository.gated")
    hub.state.consented.add(TOKEN)

    _click(page, "repository.gated.action2")

    qtbot.waitUntil(lambda: any(row.header is not None for row in page.repository.files.rows), timeout=20_000)
    assert _text(page, "repository.gated") == ""


def test_a_token_that_expired_leads_to_signing_in_or_on_without_it(
    qtbot: QtBot, page: DiscoverPage, garden: Garden, hub: HubServer, window: Window
) -> None:
    qtbot.waitUntil(lambda: page.search.answered, timeout=20_000)
    garden.settings.set_token("hf_expired1234")

    page.search.change(ModelQuery(text="gguf"))

    qtbot.waitUntil(lambda: "Sign in again" in _text(page, "discover.state"), timeout=20_000)
    assert "expired or revoked" in _text(page, "discover.state")
    assert _actions(page, "discover.state") == ["Sign in again", "Browse without it"]
    _click(page, "discover.state.action1")
    assert window.pages == ["settings.hub"]
    page.open_repository("owner/quick-GGUF")
    qtbot.waitUntil(lambda: "Sign in again" in _text(page, "repository.state"), timeout=20_000)
    _click(page, "discover.state.action2")
    qtbot.waitUntil(lambda: page.search.models.row_of("owner/quick-GGUF") == 0, timeout=20_000)
    qtbot.waitUntil(lambda: page.repository.repository is not None, timeout=20_000)
    assert "authorization" not in hub.requests[-1].headers


def test_ones_own_models(qtbot: QtBot, page: DiscoverPage, garden: Garden) -> None:
    qtbot.waitUntil(lambda: page.search.answered, timeout=20_000)

    page.search.change(ModelQuery(mine=True))
    qtbot.waitUntil(lambda: "Nobody is signed in" in _text(page, "discover.state"), timeout=20_000)
    assert _actions(page, "discover.state") == ["Sign in"]

    garden.catalog.account.sign_in(TOKEN).result(20)
    qtbot.waitUntil(
        lambda: [row.summary.repo_id for row in page.search.models.loaded_rows] == ["ada/secret-GGUF"], timeout=20_000
    )
    chip = page.findChild(QAbstractButton, "filter.mine")
    assert chip is not None
    assert chip.isVisible()
