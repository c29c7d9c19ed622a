"""Signing in: a token is kept when the Hub has accepted it, or when the user says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from garden.core.account import Account
from garden.core.errors import (
    HubUnreachableError,
    NotFoundError,
    RefusedError,
    StateError,
    TokenRefusedError,
    UnauthorizedError,
)
from garden.hub.account_wire import account
from garden.services.endpoints import VARIABLE
from garden.services.garden import Garden
from garden.services.settings import SettingsService
from tests.hubserver import HubServer

TOKEN = "hf_ada1234"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer(accounts={TOKEN: "ada", "hf_bob1234": "bob"}) as server:
        server.state.organisations["ada"] = ["babbage", "analytical-society"]
        server.state.roles[TOKEN] = "write"
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


def test_a_token_is_asked_about_and_kept(hub: HubServer, garden: Garden) -> None:
    told = garden.catalog.account.sign_in(f"  {TOKEN}\n").result(20)

    assert told == Account(name="ada", organisations=("babbage", "analytical-society"), role="write")
    assert garden.settings.token() == TOKEN
    asked = len(hub.requests)
    assert garden.catalog.account.current().result(20) == told
    assert len(hub.requests) == asked


def test_a_wrong_token_is_not_kept_and_the_one_before_stays(hub: HubServer, garden: Garden) -> None:
    garden.catalog.account.sign_in("hf_bob1234").result(20)

    with pytest.raises(TokenRefusedError, match="nothing was kept"):
        garden.catalog.account.sign_in("hf_wrong1234").result(20)

    assert garden.settings.token() == "hf_bob1234"
    assert garden.catalog.account.current().result(20).name == "bob"


def test_what_is_no_token_is_never_sent(hub: HubServer, garden: Garden) -> None:
    for text in ("", "two words", "hf_\x07", "hf_ü", "x" * 5_000):
        with pytest.raises(StateError, match="not a token"):
            garden.catalog.account.sign_in(text).result(20)
    assert hub.requests == []


def test_a_hub_that_does_not_answer(garden: Garden) -> None:
    with pytest.raises(HubUnreachableError, match="could not be checked"):
        garden.catalog.account.sign_in(TOKEN).result(20)
    assert garden.settings.token() is None

    assert garden.catalog.account.sign_in(TOKEN, unchecked=True).result(20) is None
    assert garden.settings.token() == TOKEN


def test_nobody_is_signed_in(hub: HubServer, garden: Garden) -> None:
    with pytest.raises(UnauthorizedError, match="Nobody is signed in"):
        garden.catalog.account.current().result(20)
    assert hub.requests == []


def test_offline_the_account_is_the_one_last_told(hub: HubServer, garden: Garden) -> None:
    garden.catalog.account.sign_in(TOKEN).result(20)
    garden.settings.change(offline=True)
    asked = len(hub.requests)
    again = Garden.open()
    try:
        # The keychain of tests keeps nothing: the token is given once more, the name is known from the file.
        again.settings.set_token(TOKEN)
        assert again.catalog.account.current().result(20).name == "ada"
        again.catalog.account.sign_out()
        again.settings.set_token(TOKEN)
        with pytest.raises(HubUnreachableError, match="not asked before"):
            again.catalog.account.current().result(20)
    finally:
        again.close()
    assert len(hub.requests) == asked


def test_a_token_that_expired_can_be_set_aside(hub: HubServer, garden: Garden) -> None:
    garden.catalog.account.sign_in(TOKEN).result(20)
    del hub.state.accounts[TOKEN]
    from garden.hub.search_query import SearchQuery

    with pytest.raises(TokenRefusedError, match="expired"):
        garden.catalog.search(SearchQuery()).result(20)

    garden.settings.set_token_aside()
    garden.catalog.search(SearchQuery()).result(20)
    assert "authorization" not in hub.requests[-1].headers
    assert "set aside" in garden.settings.token_status()
    hub.state.accounts[TOKEN] = "ada"
    garden.catalog.account.sign_in(TOKEN).result(20)
    assert garden.settings.token() == TOKEN


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"name": "ada"}, Account(name="ada")),
        (
            {"name": "ada", "orgs": [{"name": "o"}, {"name": "../x"}, "y", {"name": 3}]},
            Account(name="ada", organisations=("o",)),
        ),
        ({"name": "a b"}, None),
        ({"name": "a/b"}, None),
        ({"name": None}, None),
        ([], None),
        (
            {"name": "ada", "orgs": "o", "auth": {"accessToken": {"role": "re\u202ead"}}},
            Account(name="ada", role="re ad"),
        ),
    ],
)
def test_an_answer_is_read_with_distrust(document: object, expected: Account | None) -> None:
    assert account(document) == expected


# Several Hubs


def test_hubs_are_known_by_names(settings: SettingsService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_ENDPOINT")
    endpoints = settings.endpoints
    endpoints.add("Office", "https://hub.office.example/")
    endpoints.use("office")

    assert settings.endpoint == "https://hub.office.example"
    assert [each.name for each in endpoints.all()] == ["Hugging Face", "Office"]
    endpoints.add("OFFICE", "https://new.office.example")
    assert [each.address for each in endpoints.all()] == ["https://huggingface.co", "https://new.office.example"]
    endpoints.use("OFFICE")
    endpoints.forget("office")
    assert settings.endpoint == "https://huggingface.co"


@pytest.mark.parametrize(
    ("name", "address"),
    [("", "https://a.example"), ("x", "a.example"), ("x", "ftp://a.example"), ("hugging face", "https://a.example")],
)
def test_what_no_hub_can_be(settings: SettingsService, name: str, address: str) -> None:
    with pytest.raises(RefusedError):
        settings.endpoints.add(name, address)


def test_the_environment_decides_which_hub_is_asked(settings: SettingsService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example")
    settings.change(endpoint="https://own.example")
    settings.endpoints.add("Office", "https://hub.office.example")
    assert settings.endpoint == "https://mirror.example"
    with pytest.raises(RefusedError, match="HF_ENDPOINT"):
        settings.endpoints.use("Office")
    monkeypatch.setenv(VARIABLE, "office")
    assert settings.endpoint == "https://hub.office.example"
    monkeypatch.delenv(VARIABLE)
    monkeypatch.delenv("HF_ENDPOINT")
    assert settings.endpoint == "https://own.example"
    with pytest.raises(NotFoundError, match="Known are"):
        settings.endpoints.named("nowhere")


@pytest.mark.parametrize("told", ["1", "true", "True", "YES", "on", " oN "])
def test_offline_in_every_word_that_hub_tools_accept(
    settings: SettingsService, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    seen = []
    for environment in ({"HF_HUB_OFFLINE": told}, {"HF_HUB_OFFLINE": "0"}, {"TRANSFORMERS_OFFLINE": told}, {}):
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
            monkeypatch.setenv(name, environment.get(name, ""))
        seen.append(settings.offline)

    assert seen == [True, False, True, False]
