from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from garden.gui.viewmodels.account import AccountViewModel
from tests.gui.open_garden import OpenGarden, open_garden


@pytest.fixture
def opened() -> Iterator[OpenGarden]:
    with open_garden() as opened:
        yield opened


@pytest.fixture
def account(qtbot: QtBot, opened: OpenGarden) -> AccountViewModel:
    return AccountViewModel(opened.garden, opened.pump)


def _of_another_tool(data_dirs: Path) -> None:
    file = data_dirs / "hf" / "token"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("hf_elsewhere1234")


def _read(qtbot: QtBot, account: AccountViewModel) -> None:
    with qtbot.waitSignal(account.changed):
        account.load()


def test_without_a_token_none_is_offered(qtbot: QtBot, account: AccountViewModel, data_dirs: Path) -> None:
    _read(qtbot, account)

    assert (account.token_found, account.signed_in) == (False, False)


def test_a_token_of_another_tool_is_offered_whatever_the_words(
    qtbot: QtBot, opened: OpenGarden, account: AccountViewModel, data_dirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _of_another_tool(data_dirs)
    monkeypatch.setattr(opened.garden.settings, "token_status", lambda: "Not signed in.")
    _read(qtbot, account)
    assert (account.token_found, account.signed_in) == (True, False)

    account.use_existing()
    qtbot.waitUntil(lambda: account.signed_in)

    assert not account.token_found


def test_beside_a_token_of_its_own_or_one_set_aside_none_is_offered(
    qtbot: QtBot, opened: OpenGarden, account: AccountViewModel, data_dirs: Path
) -> None:
    _of_another_tool(data_dirs)
    settings = opened.garden.settings
    offered = [settings.token_is_offered]

    settings.set_token_aside()
    offered.append(settings.token_is_offered)
    settings.set_token("hf_mine12345")
    offered.append(settings.token_is_offered)
    settings.set_token(None)
    offered.append(settings.token_is_offered)

    assert offered == [True, False, False, True]
