from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from garden.core.errors import HubUnreachableError, NotFoundError
from garden.core.fit_forecast import FitMethod, Verdict
from garden.hub.search_query import SearchQuery
from garden.services.garden import Garden
from tests.hubserver import GgufFacts, HubServer, repository_of


@pytest.fixture
def hub(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    small = repository_of(
        "owner/Tiny-Chat-GGUF",
        tiny_model,
        card="# Tiny",
        downloads=12,
        likes=3,
        license="cc0-1.0",
        gguf=GgufFacts(total=2_000_000, architecture="llama", context_length=2_048),
    )
    huge = dataclasses.replace(
        small, repo_id="owner/Huge-GGUF", gguf=GgufFacts(total=10**13, architecture="llama", context_length=2_048)
    )
    with HubServer([small, huge]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


def test_rows_come_with_a_rough_verdict(hub: HubServer, garden: Garden) -> None:
    page = garden.catalog.search(SearchQuery()).result(20)

    verdicts = {row.summary.repo_id: row.forecast.verdict for row in page.rows}
    assert verdicts == {"owner/Tiny-Chat-GGUF": Verdict.FITS, "owner/Huge-GGUF": Verdict.TOO_LARGE}
    assert {row.forecast.method for row in page.rows} == {FitMethod.ROUGH}
    assert not page.from_index


def test_rows_cost_no_request_of_their_own(hub: HubServer, garden: Garden) -> None:
    template = next(iter(hub.state.repositories.values()))
    hub.state.put([dataclasses.replace(template, repo_id=f"owner/Model-{number}-GGUF") for number in range(40)])

    page = garden.catalog.search(SearchQuery(limit=40)).result(20)

    assert len(page.rows) == 40
    assert all(row.forecast.reason for row in page.rows)
    assert [request.path.partition("?")[0] for request in hub.requests] == ["/api/models"]


def test_the_text_narrows_the_list(hub: HubServer, garden: Garden) -> None:
    page = garden.catalog.search(SearchQuery(text="tiny")).result(20)

    assert [row.summary.repo_id for row in page.rows] == ["owner/Tiny-Chat-GGUF"]


def test_offline_shows_what_was_seen_and_opens_no_connection(hub: HubServer, garden: Garden) -> None:
    garden.catalog.search(SearchQuery(text="tiny")).result(20)
    garden.settings.change(offline=True)
    asked = len(hub.requests)

    page = garden.catalog.search(SearchQuery(text="tiny")).result(20)

    assert page.from_index
    assert [row.summary.repo_id for row in page.rows] == ["owner/Tiny-Chat-GGUF"]
    assert len(hub.requests) == asked


def test_offline_with_nothing_seen_says_so(hub: HubServer, garden: Garden) -> None:
    garden.settings.change(offline=True)

    with pytest.raises(HubUnreachableError) as caught:
        garden.catalog.search(SearchQuery(text="tiny")).result(20)

    assert caught.value.action == "Go online in the settings first, or with `garden hub online`."


def test_no_network_is_one_sentence(garden: Garden) -> None:
    with pytest.raises(HubUnreachableError):
        garden.catalog.search(SearchQuery(text="tiny")).result(60)


def test_a_repository_lists_its_files_with_hashes(hub: HubServer, garden: Garden, tiny_model: Path) -> None:
    page = garden.catalog.repository("owner/Tiny-Chat-GGUF").result(20)

    assert [(file.filename, file.quant_type, file.size_bytes) for file in page.files] == [
        (tiny_model.name, "F16", tiny_model.stat().st_size)
    ]
    assert page.files[0].sha256


def test_a_card_is_read_as_text(hub: HubServer, garden: Garden) -> None:
    page = garden.catalog.repository("owner/Tiny-Chat-GGUF").result(20)

    assert garden.catalog.card("owner/Tiny-Chat-GGUF", page.revision).result(20) == "# Tiny"


def test_a_repository_that_is_not_there(hub: HubServer, garden: Garden) -> None:
    with pytest.raises(NotFoundError):
        garden.catalog.repository("owner/nothing").result(20)


def test_another_endpoint_is_used_at_once(hub: HubServer, garden: Garden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_ENDPOINT")
    garden.settings.change(endpoint=hub.endpoint)

    assert garden.catalog.endpoint == hub.endpoint
    assert garden.catalog.search(SearchQuery()).result(20).rows
