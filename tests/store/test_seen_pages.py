"""Pages that were seen are found again without a network, and lost without harm."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from garden.core.catalog import ModelSummary, RemoteFile, Repository, RepositoryFile
from garden.store import seen_pages
from garden.store.index_database import IndexDatabase
from garden.store.seen_pages import SeenPages

_HUB, _MIRROR = "https://huggingface.co", "https://mirror.example"
_FILE = RemoteFile(filename="a-Q4_0.gguf", size_bytes=7, sha256="a" * 64)
_PAGE = Repository(
    summary=ModelSummary(repo_id="o/r", license="mit", tags=("gguf",)),
    revision="1" * 40,
    files=(RepositoryFile(filename="a-Q4_0.gguf", files=(_FILE,), quant_type="Q4_0"),),
    formats=("gguf",),
)


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[SeenPages]:
    index = IndexDatabase(tmp_path / "index.sqlite")
    yield SeenPages(index)
    index.close()


def test_a_page_comes_back_as_it_was_from_the_hub_that_gave_it(pages: SeenPages) -> None:
    pages.put(_HUB, _PAGE)

    assert pages.page(_HUB, "o/r") == _PAGE
    assert pages.page(_MIRROR, "o/r") is None
    assert pages.card(_HUB, "o/r") is None


def test_a_card_belongs_to_its_commit(pages: SeenPages) -> None:
    pages.put(_HUB, _PAGE)
    pages.put_card(_HUB, "o/r", _PAGE.revision, "# Card \ud800")
    pages.put(_HUB, _PAGE)
    assert pages.card(_HUB, "o/r") == "# Card ?"

    newer = dataclasses.replace(_PAGE, revision="2" * 40)
    pages.put(_HUB, newer)

    assert (pages.page(_HUB, "o/r"), pages.card(_HUB, "o/r")) == (newer, None)


def test_only_the_newest_are_kept(pages: SeenPages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen_pages, "_KEPT", 3)
    for number in range(5):
        summary = dataclasses.replace(_PAGE.summary, repo_id=f"o/r{number}")
        pages.put(_HUB, dataclasses.replace(_PAGE, summary=summary))

    kept = [number for number in range(5) if pages.page(_HUB, f"o/r{number}") is not None]
    assert kept == [2, 3, 4]
