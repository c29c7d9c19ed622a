"""What the account that is signed in owns: its own models and its organisations', private ones too."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from garden.core.errors import HubUnreachableError, UnauthorizedError
from garden.core.model_query import ModelQuery
from garden.hub.search_query import SearchQuery
from garden.services.garden import Garden
from tests.hubserver import HubServer, repository

TOKEN = "hf_ada1234"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    models = [
        repository("ada/open", **{"m.gguf": b"x"}),
        dataclasses.replace(repository("ada/secret", **{"m.safetensors": b"x"}), private=True),
        dataclasses.replace(repository("babbage/engine", **{"m.gguf": b"x"}), private=True),
        repository("stranger/open", **{"m.gguf": b"x"}),
        dataclasses.replace(repository("stranger/secret", **{"m.gguf": b"x"}), private=True),
    ]
    with HubServer(models, accounts={TOKEN: "ada", "hf_bob1234": "bob"}) as server:
        server.state.organisations["ada"] = ["babbage", "empty"]
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


def _mine(garden: Garden, **filters: str) -> dict[str, bool]:
    page = garden.browse.search(ModelQuery(mine=True, **filters)).result(20)  # type: ignore[arg-type]  # fields by name
    assert page.cursor is None
    return {row.summary.repo_id: row.summary.private for row in page.rows}


def test_own_models_and_those_of_organisations(hub: HubServer, garden: Garden) -> None:
    garden.catalog.account.sign_in(TOKEN).result(20)

    assert _mine(garden) == {"ada/open": False, "ada/secret": True, "babbage/engine": True}
    assert _mine(garden, text="engine") == {"babbage/engine": True}
    assert _mine(garden, author="Babbage") == {"babbage/engine": True}
    assert _mine(garden, author="stranger") == {}


def test_many_go_on_from_owner_to_owner(hub: HubServer, garden: Garden) -> None:
    hub.state.put([repository(f"ada/m{number:03}", **{"m.gguf": b"x"}) for number in range(150)])
    garden.catalog.account.sign_in(TOKEN).result(20)
    found: list[str] = []
    cursor = None
    while True:
        page = garden.browse.search(ModelQuery(mine=True), cursor).result(20)
        found += [row.summary.repo_id for row in page.rows]
        cursor = page.cursor
        if cursor is None:
            break

    assert len(found) == len(set(found)) == 153
    assert found[-1] == "babbage/engine"


def test_nobody_and_somebody_else(hub: HubServer, garden: Garden) -> None:
    with pytest.raises(UnauthorizedError, match="Nobody is signed in"):
        _mine(garden)
    garden.catalog.account.sign_in("hf_bob1234").result(20)
    assert _mine(garden) == {}


def test_offline_own_models_are_those_seen_before(hub: HubServer, garden: Garden) -> None:
    garden.catalog.account.sign_in(TOKEN).result(20)
    _mine(garden)
    garden.catalog.search(SearchQuery()).result(20)
    asked = len(hub.requests)
    garden.settings.change(offline=True)

    assert _mine(garden) == {"ada/open": False, "ada/secret": True, "babbage/engine": True}
    assert len(hub.requests) == asked


def test_what_one_hub_has_is_not_shown_as_anothers(
    hub: HubServer, garden: Garden, monkeypatch: pytest.MonkeyPatch
) -> None:
    garden.catalog.search(SearchQuery()).result(20)
    garden.settings.change(offline=True)
    assert garden.catalog.search(SearchQuery()).result(20).rows
    monkeypatch.setenv("HF_ENDPOINT", "https://another.example")

    assert garden.catalog.seen(SearchQuery(text="open")).rows == ()
    with pytest.raises(HubUnreachableError, match="seen before"):
        garden.catalog.search(SearchQuery()).result(20)
