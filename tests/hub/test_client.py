from __future__ import annotations

import dataclasses

import pytest

from garden.core.errors import NotFoundError, RefusedError
from garden.hub.client import HubClient
from garden.hub.search_query import SearchQuery
from tests.hubserver import Fault, GgufFacts, HubServer, ServedFile, ServedRepository, repository
from tests.hubserver.content import BytesContent


def _shelf(count: int) -> list[ServedRepository]:
    return [
        dataclasses.replace(
            repository(f"owner{index % 3}/model-{index}", **{f"model-{index}-Q4_K_M.gguf": b"x"}),
            downloads=index * 10,
            likes=100 - index,
            trending=index % 7,
            license="mit" if index % 2 else "apache-2.0",
            gguf=GgufFacts((index + 1) * 1_000_000_000, "llama", 8192),
            last_modified=f"2026-01-{index % 28 + 1:02d}T00:00:00.000Z",
        )
        for index in range(count)
    ]


def test_pages_follow_each_other_to_the_end() -> None:
    with HubServer(_shelf(25)) as hub, HubClient(hub.endpoint, None) as client:
        query, names, cursor = SearchQuery(sort="downloads", limit=10), [], None
        while True:
            page = client.search(query, cursor)
            names += [row.repo_id for row in page.items]
            cursor = page.cursor
            if cursor is None:
                break
        assert names == [f"owner{index % 3}/model-{index}" for index in reversed(range(25))]
        assert len(hub.requests) == 3


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (SearchQuery("model-1", sort="downloads"), {"model-1", "model-10", "model-11"}),
        (SearchQuery(author="owner1", license="mit"), {"model-1", "model-7"}),
        (SearchQuery(max_parameters=2_000_000_000), {"model-0", "model-1"}),
        (SearchQuery(task="feature-extraction"), set()),
    ],
)
def test_filters(query: SearchQuery, expected: set[str]) -> None:
    with HubServer(_shelf(12)) as hub, HubClient(hub.endpoint, None) as client:
        assert {row.name for row in client.search(query).items} == expected


def test_a_row_is_complete_without_a_request_of_its_own() -> None:
    with HubServer(_shelf(2)) as hub, HubClient(hub.endpoint, None) as client:
        row = client.search(SearchQuery(sort="likes")).items[1]
        assert (row.repo_id, row.downloads, row.likes, row.license) == ("owner1/model-1", 10, 99, "mit")
        assert (row.parameters, row.architecture, row.context_length) == (2_000_000_000, "llama", 8192)
        assert row.filenames == ("model-1-Q4_K_M.gguf",)
        assert len(hub.requests) == 1


def test_repositories_without_gguf_come_when_asked_for() -> None:
    plain = repository("o/plain", **{"model.safetensors": b"x"})
    with HubServer([plain]) as hub, HubClient(hub.endpoint, None) as client:
        assert client.search(SearchQuery()).items == ()
        assert [row.repo_id for row in client.search(SearchQuery(gguf_only=False)).items] == ["o/plain"]


def test_the_page_of_a_repository() -> None:
    served = repository("o/r", **{"m-Q8_0.gguf": b"x" * 80, "m-Q4_K_M.gguf": b"x" * 40, "pytorch_model.bin": b"p"})
    with HubServer([served]) as hub, HubClient(hub.endpoint, None) as client:
        page = client.repository("o/r")
        assert page.revision == served.commit
        assert page.formats == ("gguf", "pickle")
        assert [(file.quant_type, file.size_bytes) for file in page.files] == [("Q8_0", 80), ("Q4_K_M", 40)]
        assert page.files[0].sha256 == BytesContent(b"x" * 80).sha256
        assert client.repository("o/r", served.commit) == page
        assert len(hub.requests) == 2


@pytest.mark.parametrize("name", ["", "r", "../x", "o/r/x", "o/..", "https://x/y", "o/r?x=1"])
def test_only_names_of_repositories_are_asked_for(name: str) -> None:
    with HubServer() as hub, HubClient(hub.endpoint, None) as client:
        with pytest.raises(NotFoundError, match="owner/name"):
            client.repository(name)
        assert hub.requests == []


def test_a_card_is_text_within_its_limit() -> None:
    card = "\ufeff# Straße\x00 " + "ä" * 400_000
    served = ServedRepository("o/r", files=(ServedFile("README.md", BytesContent(card.encode())),))
    with HubServer([served]) as hub, HubClient(hub.endpoint, None) as client:
        text = client.read_text("o/r", served.commit, "README.md")
        assert text.startswith("# Straße ä")
        assert len(text.encode()) <= 512 * 1024 and text.endswith("ä")
        assert client.read_text("o/r", served.commit, "README.md", 9) == "# Stra"


def test_a_compressed_card_is_read_too() -> None:
    served = repository("o/r", **{"README.md": b"# Hello " * 100})
    with HubServer([served]) as hub, HubClient(hub.endpoint, None) as client:
        hub.fail(Fault("gzip", "api", path="resolve-cache"))
        assert client.read_text("o/r", served.commit, "README.md") == "# Hello " * 100


def test_unsafe_names_are_not_asked_for() -> None:
    with HubServer() as hub, HubClient(hub.endpoint, None) as client:
        with pytest.raises(RefusedError, match="not safe"):
            client.read_text("o/r", "main", "../../etc/passwd")
        assert hub.requests == []
