from __future__ import annotations

import json

import pytest

from garden.core.errors import NotFoundError, RefusedError
from garden.core.licence import LicenceClass
from garden.core.model_query import ModelQuery
from garden.core.model_traits import ArchitectureKind
from garden.core.paths import data_dir
from garden.core.saved_search import SavedSearch
from garden.services.garden import Garden

QUERY = ModelQuery(
    text="coder",
    license_class=LicenceClass.PERMISSIVE,
    kind=ArchitectureKind.MOE,
    gated=False,
    max_parameters=9_000_000_000,
    sort="likes",
    runnable_first=False,
)


def test_a_search_comes_back_as_it_was_kept(garden: Garden) -> None:
    garden.saved_searches.save("  coding\u202e  models ", QUERY)
    garden.close()

    with Garden.open() as again:
        (saved,) = again.saved_searches.all()
        assert (saved.name, saved.query) == ("coding models", QUERY)
        assert again.saved_searches.named("CODING models").query == QUERY


def test_one_name_is_one_search(garden: Garden) -> None:
    searches = garden.saved_searches
    searches.save("a", QUERY)
    searches.save("A", ModelQuery(text="other"))

    assert [saved.query.text for saved in searches.all()] == ["other"]


def test_a_search_is_renamed_and_forgotten(garden: Garden) -> None:
    searches = garden.saved_searches
    searches.save("b", QUERY)
    searches.save("a", ModelQuery())

    searches.rename("b", "c")
    searches.rename("c", "C")
    assert [saved.name for saved in searches.all()] == ["a", "C"]
    with pytest.raises(RefusedError, match="Another search"):
        searches.rename("a", "c")
    searches.delete("a")
    assert [saved.query for saved in searches.all()] == [QUERY]
    with pytest.raises(NotFoundError, match="No search is saved as “a”"):
        searches.delete("a")


@pytest.mark.parametrize("name", ["", "  ", "\u202e\n"])
def test_a_search_without_a_name_is_refused(garden: Garden, name: str) -> None:
    with pytest.raises(RefusedError, match="needs a name"):
        garden.saved_searches.save(name, QUERY)


def test_another_window_loses_nothing(garden: Garden) -> None:
    with Garden.open() as other:
        garden.saved_searches.save("here", QUERY)
        other.settings.change(text_scale=1.2)
        other.saved_searches.save("there", QUERY)

        assert [saved.name for saved in garden.saved_searches.all()] == ["here", "there"]
        assert garden.settings.current.text_scale == 1.2


def test_filters_of_a_newer_garden_are_passed_over_and_kept(garden: Garden) -> None:
    path = data_dir() / "settings.json"
    newer = {"name": "new", "filters": {"text": "x", "kind": "quantum", "benchmark": 3, "sort": "taste", "gated": 7}}
    path.write_text(json.dumps({"saved_searches": [newer]}))

    assert garden.saved_searches.named("new").query == ModelQuery(text="x")
    garden.saved_searches.save("mine", QUERY)

    written = json.loads(path.read_text())["saved_searches"]
    assert newer in written


def test_only_what_differs_is_written() -> None:
    assert SavedSearch.of("all", ModelQuery()).filters == {}
    assert SavedSearch.of("some", ModelQuery(kind=ArchitectureKind.HYBRID)).filters == {"kind": "hybrid"}
