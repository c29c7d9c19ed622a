"""The index: headers, library and seen repositories are found again, and lost without harm."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from garden.core.catalog import ModelSummary
from garden.core.library_entry import LibraryEntry
from garden.gguf.header import ArraySkipped, GgufHeader, TensorInfo
from garden.store.headers import Headers, file_key, hash_key
from garden.store.index_database import IndexDatabase
from garden.store.library_index import LibraryIndex
from garden.store.summaries import Summaries
from tests.store.values import ref

HUB = "https://hub.example"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[IndexDatabase]:
    index = IndexDatabase(tmp_path / "index.sqlite")
    yield index
    index.close()


def header(**metadata: object) -> GgufHeader:
    return GgufHeader(
        version=3,
        alignment=32,
        metadata={"general.architecture": "llama", **metadata},  # type: ignore[dict-item]  # values the tests name
        tensors=(TensorInfo(name="token_embd.weight", shape=(256, 1000), ggml_type="F16", offset=0, size_bytes=512),),
        header_bytes=100,
        data_bytes=512,
    )


def test_a_header_comes_back_as_it_was(index: IndexDatabase) -> None:
    whole = header(tokens=ArraySkipped(count=49152), scores=(1.5, math.inf), flag=True, eps=1e-5, ids=(1, 2))
    Headers(index).put(hash_key("ab"), whole)

    found = Headers(index).get(hash_key("ab"))

    assert found == whole
    assert found is not None
    assert found.metadata["flag"] is True


def test_a_changed_file_has_another_key(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"a")
    first = file_key(path)
    os.utime(path, (0, 0))

    assert file_key(path) != first


def test_what_cannot_be_stored_or_read_is_read_from_the_file_again(index: IndexDatabase) -> None:
    Headers(index).put("k", header(name="\ud800"))
    with index.write() as connection:
        connection.execute("INSERT INTO headers VALUES ('old', 0, x'c1')")

    assert Headers(index).get("k") is None
    assert Headers(index).get("old") is None
    assert Headers(index).get("never") is None


def test_the_library_keeps_its_last_scan(index: IndexDatabase) -> None:
    library = LibraryIndex(index)
    one, two = (LibraryEntry(ref=ref(name), origin="folder") for name in ("one", "two"))
    library.replace([one, two])
    library.remove("/models/one.gguf")
    library.put(one)

    assert library.list() == (one, two)
    library.replace([])
    assert library.list() == ()


def test_seen_repositories_are_searched_by_words(index: IndexDatabase) -> None:
    summaries = Summaries(index)
    summaries.put(
        HUB, [ModelSummary(repo_id=name) for name in ("Qwen/Qwen3-8B-GGUF", "ggml-org/gemma-3", "a/under_score")]
    )

    assert [s.repo_id for s in summaries.search(HUB, "gguf qwen")] == ["Qwen/Qwen3-8B-GGUF"]
    assert [s.repo_id for s in summaries.search(HUB, "_")] == ["a/under_score"]
    assert summaries.get(HUB, "nobody/nothing") is None
    # Another Hub has models of its own, of the same names too.
    assert summaries.search("https://mirror.example", "gguf qwen") == ()
    summaries.put("https://mirror.example", [ModelSummary(repo_id="a/under_score", likes=5)])
    assert [s.likes for s in summaries.search(HUB, "_")] == [None]
