from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QModelIndex
from pytestqt.qtbot import QtBot

from garden.core.errors import HubUnreachableError, RateLimitedError
from garden.core.fit_forecast import Verdict
from garden.gui.bridge.event_pump import EventPump
from garden.gui.viewmodels.search import DEBOUNCE_MS, SearchViewModel
from garden.services.catalog import CatalogPage
from tests.gui.service_doubles import GardenDouble, page, rated


@pytest.fixture
def garden() -> GardenDouble:
    return GardenDouble()


@pytest.fixture
def search(qtbot: QtBot, garden: GardenDouble) -> Iterator[SearchViewModel]:
    pump = EventPump(garden.bus)
    yield SearchViewModel(garden, pump)  # type: ignore[arg-type]  # a double at the seam
    pump.close()


def _shown(search: SearchViewModel) -> list[str]:
    return [search.models.rated(row).summary.repo_id for row in range(search.models.rowCount())]


def _answer(qtbot: QtBot, search: SearchViewModel, garden: GardenDouble, answer: CatalogPage) -> None:
    with qtbot.waitSignal(search.changed):
        garden.catalog.searches[-1].succeed(answer)


def test_typing_asks_once_when_it_pauses(qtbot: QtBot, search: SearchViewModel, garden: GardenDouble) -> None:
    for text in ("q", "qw", "qwe", "qwen"):
        search.set_text(text)
    assert garden.catalog.asked == []

    qtbot.waitUntil(lambda: bool(garden.catalog.asked), timeout=DEBOUNCE_MS * 4)

    assert [query.text for query, _cursor in garden.catalog.asked] == ["qwen"]


def test_the_answer_to_an_older_question_is_dropped(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    search.submit("llama")
    search.submit("qwen")
    older, newer = garden.catalog.searches
    shown: list[list[str]] = []
    search.models.modelReset.connect(lambda: shown.append(_shown(search)))

    newer.succeed(page("new/model"))
    qtbot.waitUntil(lambda: _shown(search) == ["new/model"])
    older.succeed(page("old/model"))
    search.submit("again")
    _answer(qtbot, search, garden, page("last/model"))

    assert older.cancelled.is_set()
    assert shown == [["new/model"], ["last/model"]]


def test_old_rows_stay_until_the_new_answer_is_there(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    search.search()
    _answer(qtbot, search, garden, page("a/one"))

    search.submit("other")

    assert search.busy
    assert _shown(search) == ["a/one"]


def test_a_pasted_address_opens_its_page_and_searches_nothing(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    with qtbot.waitSignal(search.repository_requested) as opened:
        search.set_text("https://huggingface.co/Qwen/Qwen3-8B-GGUF/tree/main")

    assert opened.args == ["Qwen/Qwen3-8B-GGUF"]
    qtbot.wait(DEBOUNCE_MS + 50)
    assert garden.catalog.asked == []


def test_owner_and_name_search_while_typed_and_open_on_enter(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    opened: list[str] = []
    search.repository_requested.connect(opened.append)
    search.set_text("Qwen/Qwen3")
    assert opened == []

    search.submit("Qwen/Qwen3")

    assert opened == ["Qwen/Qwen3"]


def test_scrolling_to_the_end_fetches_the_next_page_once(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    search.search()
    _answer(qtbot, search, garden, page("a/one", cursor="next"))
    root = search.models.index(-1, -1)

    search.models.fetchMore(root)
    search.models.fetchMore(root)
    _answer(qtbot, search, garden, page("a/one", "a/two"))

    assert [cursor for _query, cursor in garden.catalog.asked] == [None, "next"]
    assert _shown(search) == ["a/one", "a/two"]
    assert not search.models.canFetchMore(root)


def test_runs_here_leaves_out_what_does_not_run(qtbot: QtBot, search: SearchViewModel, garden: GardenDouble) -> None:
    search.search()
    rows = (
        rated("a/fits"),
        rated("a/tight", Verdict.TIGHT),
        rated("a/large", Verdict.TOO_LARGE),
        rated("a/unknown", Verdict.UNKNOWN),
    )
    _answer(qtbot, search, garden, CatalogPage(rows=rows, cursor=None))

    search.set_only_running(True)

    assert _shown(search) == ["a/fits", "a/tight"]
    search.set_only_running(False)
    assert len(_shown(search)) == 4


def test_runs_here_goes_on_fetching_while_too_little_shows(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    search.set_only_running(True)
    search.search()

    _answer(qtbot, search, garden, page("a/large", cursor="2", verdict=Verdict.TOO_LARGE))

    assert garden.catalog.asked[-1][1] == "2"


def test_filters_and_order_are_part_of_the_question(search: SearchViewModel, garden: GardenDouble) -> None:
    search.narrow(task="text-generation", license_id="mit", max_parameters=9_000_000_000)
    search.set_sort("likes")

    query, _cursor = garden.catalog.asked[-1]
    assert (query.task, query.license, query.max_parameters, query.sort) == (
        "text-generation",
        "mit",
        9_000_000_000,
        "likes",
    )
    assert search.narrowing == ("Task", "Licence", "Parameters")


def test_a_failure_takes_away_the_rows_of_another_search(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    search.search()
    _answer(qtbot, search, garden, page("a/one", cursor="next"))
    search.submit("other")

    with qtbot.waitSignal(search.changed):
        garden.catalog.searches[-1].fail(HubUnreachableError("No connection."))

    assert isinstance(search.problem, HubUnreachableError)
    assert not search.busy
    assert _shown(search) == []
    assert not search.models.canFetchMore(QModelIndex())


def test_a_failure_is_kept_beside_the_rows_that_were_there(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    search.search()
    _answer(qtbot, search, garden, page("a/one"))
    search.search()

    with qtbot.waitSignal(search.changed):
        garden.catalog.searches[-1].fail(HubUnreachableError("No connection."))

    assert isinstance(search.problem, HubUnreachableError)
    assert not search.busy
    assert _shown(search) == ["a/one"]


def test_after_a_rate_limit_the_search_goes_on_by_itself(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    search.search()
    garden.catalog.searches[-1].fail(RateLimitedError("A pause.", retry_after_seconds=0.05))

    qtbot.waitUntil(lambda: len(garden.catalog.asked) == 2)

    assert search.seconds_until_retry is None


def test_a_failed_further_page_can_be_asked_for_again(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    search.search()
    _answer(qtbot, search, garden, page("a/one", cursor="next"))
    root = search.models.index(-1, -1)
    search.models.fetchMore(root)
    with qtbot.waitSignal(search.changed):
        garden.catalog.searches[-1].fail(HubUnreachableError("No connection."))

    assert search.models.canFetchMore(root)
