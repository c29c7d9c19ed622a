"""What only one account may see is kept for that account alone, and not for longer than it is in use."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from garden.core.errors import HubUnreachableError
from garden.core.model_query import ModelQuery
from garden.hub.search_query import SearchQuery
from garden.services.garden import Garden
from garden.store import settings as stored_settings
from tests.hubserver import Fault, HubServer, repository

ADA, BOB = "hf_ada1234", "hf_bob1234"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    models = [
        repository("ada/open", **{"README.md": b"# Open", "m.gguf": b"x"}),
        dataclasses.replace(repository("ada/secret", **{"README.md": b"# Hush", "m.gguf": b"x"}), private=True),
    ]
    with HubServer(models, accounts={ADA: "ada", BOB: "bob"}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        # Where all can read most of it.
        monkeypatch.setattr("garden.services.catalog.PUBLIC_HUB", server.endpoint)
        yield server


def _look_around(garden: Garden) -> None:
    """As the window does: the first list, one's own models, a page and its card."""
    garden.catalog.search(SearchQuery()).result(20)
    garden.browse.search(ModelQuery(mine=True)).result(20)
    for repo_id in ("ada/open", "ada/secret"):
        page = garden.catalog.repository(repo_id).result(20)
        garden.catalog.card(repo_id, page.revision).result(20)
        garden.catalog.trust(repo_id, page.revision).result(20)
        garden.catalog.families.family(repo_id).result(20)
        garden.catalog.families.quantizations(repo_id).result(20)


def _shown_offline(garden: Garden) -> set[str]:
    """Everything that can be had without a connection."""
    garden.settings.change(offline=True)
    shown = {row.summary.repo_id for row in garden.catalog.seen(SearchQuery()).rows}
    shown |= {row.summary.repo_id for row in garden.catalog.seen(SearchQuery(text="secret")).rows}
    for text in ("", "secret"):
        try:
            shown |= {row.summary.repo_id for row in garden.catalog.search(SearchQuery(text=text)).result(20).rows}
        except HubUnreachableError:
            continue
    for repo_id in ("ada/open", "ada/secret"):
        try:
            page = garden.catalog.repository(repo_id).result(20)
            shown |= {repo_id, garden.catalog.card(repo_id, page.revision).result(20)}
        except HubUnreachableError:
            continue
    garden.settings.change(offline=False)
    return shown


def _kept(data_dirs: Path) -> bool:
    """Whether anything of the private model lies in what can be read again."""
    with sqlite3.connect(data_dirs / "cache" / "index.sqlite") as index:
        rows = index.execute(
            "SELECT repo_id, document FROM summaries UNION SELECT repo_id, document FROM pages UNION "
            "SELECT repo_id, document FROM answers"
        )
        in_index = any("secret" in f"{row}" for row in rows.fetchall())
        cards = index.execute("SELECT card FROM pages").fetchall()
    index.close()
    files = [path for path in (data_dirs / "cache").glob("*.json") if "secret" in path.read_text()]
    return in_index or bool(files) or ("# Hush",) in cards


def _answered(data_dirs: Path) -> set[str]:
    """Repositories of which lineage or trust is kept."""
    index = sqlite3.connect(data_dirs / "cache" / "index.sqlite")
    rows = index.execute("SELECT DISTINCT repo_id FROM answers").fetchall()
    index.close()
    return {repo_id for (repo_id,) in rows}


EVERYTHING = {"ada/open", "ada/secret", "# Open", "# Hush"}
OPEN = {"ada/open", "# Open"}


def test_ones_own_are_there_offline_and_gone_after_signing_out(hub: HubServer, garden: Garden, data_dirs: Path) -> None:
    garden.catalog.account.sign_in(ADA).result(20)
    _look_around(garden)
    assert _shown_offline(garden) == EVERYTHING
    assert _kept(data_dirs)
    assert _answered(data_dirs) == {"ada/open"}

    garden.catalog.account.sign_out()

    assert _shown_offline(garden) == OPEN
    assert not _kept(data_dirs)


def test_another_account_finds_nothing_of_the_one_before(hub: HubServer, garden: Garden, data_dirs: Path) -> None:
    garden.catalog.account.sign_in(ADA).result(20)
    _look_around(garden)

    garden.catalog.account.sign_in(BOB).result(20)

    assert _shown_offline(garden) == OPEN
    assert not _kept(data_dirs)
    garden.settings.change(offline=True)
    assert garden.browse.search(ModelQuery(mine=True)).result(20).rows == ()


def test_an_account_that_changes_behind_our_back(hub: HubServer, data_dirs: Path) -> None:
    """Other tools keep the token: they sign in and out as they like."""
    token = data_dirs / "hf" / "token"
    token.parent.mkdir(parents=True)
    token.write_text(ADA)
    with Garden.open() as garden:
        garden.settings.change(use_existing_token=True)
        garden.catalog.account.current().result(20)
        _look_around(garden)
        assert _shown_offline(garden) == EVERYTHING
        token.write_text(BOB)
        assert _shown_offline(garden) == OPEN
        garden.settings.change(offline=True)
        with pytest.raises(HubUnreachableError, match="was not asked before"):
            garden.catalog.account.current().result(20)
        garden.settings.change(offline=False)
        token.unlink()
        assert _shown_offline(garden) == OPEN
    token.write_text(BOB)
    with Garden.open() as garden:
        assert garden.catalog.account.current().result(20).name == "bob"
        assert not _kept(data_dirs)


def test_a_token_that_is_set_aside_shows_nothing_private(hub: HubServer, garden: Garden) -> None:
    garden.catalog.account.sign_in(ADA).result(20)
    _look_around(garden)

    garden.settings.set_token_aside()

    assert _shown_offline(garden) == OPEN


def test_without_knowing_whose_token_it_is_nothing_private_is_kept(
    hub: HubServer, garden: Garden, data_dirs: Path
) -> None:
    garden.catalog.account.sign_in(ADA, unchecked=True).result(20)
    garden.catalog.search(SearchQuery()).result(20)
    assert garden.catalog.repository("ada/secret").result(20).summary.private

    assert not _kept(data_dirs)


def test_of_a_company_hub_nothing_stays_after_signing_out(
    hub: HubServer, garden: Garden, data_dirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("garden.services.catalog.PUBLIC_HUB", stored_settings.PUBLIC_HUB)
    garden.catalog.account.sign_in(ADA).result(20)
    _look_around(garden)
    assert _shown_offline(garden) == EVERYTHING

    garden.catalog.account.sign_out()

    assert _shown_offline(garden) == set()


def test_a_token_goes_to_the_hub_that_was_in_use_when_it_was_typed(
    hub: HubServer, garden: Garden, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Switching Hubs while the first one is still asked must not keep its token for the second."""
    with HubServer([], accounts={}) as other:
        monkeypatch.delenv("HF_ENDPOINT")
        garden.settings.change(endpoint=hub.endpoint)
        hub.fail(Fault("slow", where="api", path="whoami", bytes_per_second=200))
        signing_in = garden.catalog.account.sign_in(ADA)
        garden.settings.change(endpoint=other.endpoint)

        assert signing_in.result(20) is not None
        assert garden.settings.token() is None
        garden.catalog.search(SearchQuery()).result(20)
        assert all("authorization" not in request.headers for request in other.requests)
        garden.settings.change(endpoint=hub.endpoint)
        assert garden.settings.token() == ADA
