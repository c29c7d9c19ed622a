from __future__ import annotations

import pytest

from garden.core.errors import GardenError
from garden.hub.search_query import SearchQuery


def test_a_full_question_in_the_hubs_words() -> None:
    query = SearchQuery("qwen  coder", "text-generation", "apache-2.0", "Qwen", 8_200_000_000, True, "downloads", 10)
    pairs = [pair for pair in query.parameters() if pair[0] != "expand"]
    assert pairs == [
        ("search", "qwen coder"),
        ("author", "Qwen"),
        ("pipeline_tag", "text-generation"),
        ("filter", "gguf"),
        ("filter", "license:apache-2.0"),
        ("num_parameters", "max:8.2B"),
        ("sort", "downloads"),
        ("limit", "10"),
    ]


def test_rows_need_no_request_of_their_own() -> None:
    fields = {value for name, value in SearchQuery().parameters() if name == "expand"}
    assert {"gguf", "safetensors", "siblings", "downloads", "likes", "gated", "tags", "lastModified"} <= fields


def test_only_fields_that_the_list_knows_are_asked_for() -> None:
    # One unknown name and the real list refuses the whole request.
    assert "baseModels" not in {value for name, value in SearchQuery().parameters() if name == "expand"}


def test_both_limits_language_and_consent_in_the_hubs_words() -> None:
    query = SearchQuery(min_parameters=1_500_400_000, max_parameters=9_000_000_000, language="de", gated=False)

    pairs = query.parameters()

    assert ("num_parameters", "min:1.5B,max:9B") in pairs
    assert ("filter", "de") in pairs
    assert ("gated", "false") in pairs
    assert ("sort", "createdAt") in SearchQuery(sort="created").parameters()


@pytest.mark.parametrize(
    ("parameters", "text"), [(500_000_000, "500M"), (8_190_735_360, "8.191B"), (70_553_706_496, "70.554B")]
)
def test_limits_are_rounded_up(parameters: int, text: str) -> None:
    assert ("num_parameters", f"max:{text}") in SearchQuery(max_parameters=parameters).parameters()


@pytest.mark.parametrize(("limit", "sent"), [(0, "1"), (30, "30"), (5000, "100")])
def test_pages_are_bounded(limit: int, sent: str) -> None:
    assert ("limit", sent) in SearchQuery(limit=limit).parameters()


def test_an_unknown_order_names_the_known_ones() -> None:
    with pytest.raises(GardenError, match="trending, downloads, likes, updated"):
        SearchQuery(sort="size").parameters()
