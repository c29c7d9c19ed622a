from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QModelIndex
from pytestqt.qtbot import QtBot

from garden.core.errors import HubUnreachableError, RateLimitedError
from garden.core.events import MachineRead, WhatIfChanged
from garden.core.fit_forecast import Verdict
from garden.core.model_query import ModelQuery
from garden.gui.bridge.event_pump import EventPump
from garden.gui.viewmodels.search import DEBOUNCE_MS, SearchViewModel
from garden.services.catalog import CatalogPage
from tests.fit.headers import machine
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
        garden.browse.searches[-1].succeed(answer)


def test_typing_asks_once_when_it_pauses(qtbot: QtBot, search: SearchViewModel, garden: GardenDouble) -> None:
    for text in ("q", "qw", "qwe", "qwen"):
        search.set_text(text)
    assert garden.browse.asked == []

    qtbot.waitUntil(lambda: bool(garden.browse.asked), timeout=DEBOUNCE_MS * 4)

    assert [query.text for query, _cursor in garden.browse.asked] == ["qwen"]


def test_the_answer_to_an_older_question_is_dropped(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    search.submit("llama")
    search.submit("qwen")
    older, newer = garden.browse.searches
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


def test_a_pasted_address_opens_its_page_and_the_list_looks_for_its_name(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    address = "https://huggingface.co/Qwen/Qwen3-8B-GGUF/tree/main"

    with qtbot.waitSignal(search.repository_requested) as opened:
        search.set_text(address)
        search.paste(address, address)

    assert opened.args == ["Qwen/Qwen3-8B-GGUF", ""]
    qtbot.wait(DEBOUNCE_MS + 50)
    assert [query.text for query, _cursor in garden.browse.asked] == ["Qwen/Qwen3-8B-GGUF"]


def test_an_address_pasted_into_other_words_opens_its_page(qtbot: QtBot, search: SearchViewModel) -> None:
    with qtbot.waitSignal(search.repository_requested) as opened:
        search.paste("qwenhttps://huggingface.co/o/r", "https://huggingface.co/o/r")

    assert opened.args == ["o/r", ""]


def test_an_address_that_is_typed_waits_for_enter(qtbot: QtBot, search: SearchViewModel, garden: GardenDouble) -> None:
    opened: list[str] = []
    search.repository_requested.connect(lambda repo_id, file: opened.append(f"{repo_id} {file}"))
    address = "https://huggingface.co/Qwen/Qwen3-8B-GGUF/blob/main/x.gguf"

    hints = []
    for end in range(1, len(address) + 1):
        search.set_text(address[:end])
        hints.append(search.hint)
    qtbot.wait(DEBOUNCE_MS + 50)

    assert (opened, garden.browse.asked) == ([], [])
    assert hints[9] == "Go on to owner/name, then press Enter"
    assert hints[-1] == "Press Enter to open Qwen/Qwen3-8B-GGUF, x.gguf"
    search.submit(address)
    assert opened == ["Qwen/Qwen3-8B-GGUF x.gguf"]
    assert [query.text for query, _cursor in garden.browse.asked] == ["Qwen/Qwen3-8B-GGUF"]
    assert search.hint == ""


def test_letters_that_turn_out_to_begin_an_address_are_looked_for_once_they_stand_alone(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    for text in ("h", "hf", "hf.", "hf"):
        search.set_text(text)

    qtbot.waitUntil(lambda: [query.text for query, _cursor in garden.browse.asked] == ["hf"])


def test_owner_and_name_search_while_typed_and_open_on_enter(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    opened: list[str] = []
    search.repository_requested.connect(lambda repo_id, _file: opened.append(repo_id))
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

    assert [cursor for _query, cursor in garden.browse.asked] == [None, "next"]
    assert _shown(search) == ["a/one", "a/two"]
    assert not search.models.canFetchMore(root)


def _runs_here(search: SearchViewModel, on: bool = True) -> None:
    search.change(dataclasses.replace(search.query, runs_here=on))


def test_a_filter_that_the_hub_lacks_is_applied_at_once_to_what_is_loaded(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    search.search()
    rows = (
        rated("a/fits"),
        rated("a/tight", Verdict.TIGHT),
        rated("a/large", Verdict.TOO_LARGE),
        rated("a/unknown", Verdict.UNKNOWN),
    )
    _answer(qtbot, search, garden, CatalogPage(rows=rows, cursor=None))

    _runs_here(search)

    assert _shown(search) == ["a/fits", "a/tight"]
    assert len(garden.browse.asked) == 1
    _runs_here(search, False)
    assert len(_shown(search)) == 4


def test_a_filter_that_leaves_too_little_looks_further(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    search.search()
    _answer(qtbot, search, garden, page("a/large", cursor="2", verdict=Verdict.TOO_LARGE))

    _runs_here(search)

    query, cursor = garden.browse.asked[-1]
    assert (query.runs_here, cursor) == (True, "2")
    assert search.looking


def test_pages_show_as_they_come(qtbot: QtBot, search: SearchViewModel, garden: GardenDouble) -> None:
    search.search()
    found = garden.browse.found[-1]
    with qtbot.waitSignal(search.busy_changed):
        found(page("a/one", cursor="2"))
    assert _shown(search) == ["a/one"]
    assert search.looking
    with qtbot.waitSignal(search.changed):
        found(page("a/two", cursor="3"))

    _answer(qtbot, search, garden, page("a/one", "a/two", "a/three"))

    assert _shown(search) == ["a/one", "a/two", "a/three"]
    assert not search.looking


def test_pages_of_an_older_question_do_not_show(qtbot: QtBot, search: SearchViewModel, garden: GardenDouble) -> None:
    search.submit("llama")
    older = garden.browse.found[-1]
    search.submit("qwen")
    older(page("old/model", cursor="2"))

    _answer(qtbot, search, garden, page("new/model"))

    assert _shown(search) == ["new/model"]


def test_a_search_that_has_looked_far_enough_goes_on_when_asked_to(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    _runs_here(search)
    _answer(qtbot, search, garden, page("a/large", cursor="far", verdict=Verdict.TOO_LARGE))

    assert search.can_look_further
    assert not search.models.canFetchMore(QModelIndex())
    search.look_further()

    assert garden.browse.asked[-1][1] == "far"
    assert not search.can_look_further


def test_filters_and_order_are_part_of_the_question(search: SearchViewModel, garden: GardenDouble) -> None:
    search.change(ModelQuery(task="text-generation", license="mit", max_parameters=9_000_000_000))
    search.change(dataclasses.replace(search.query, sort="likes"))

    query, _cursor = garden.browse.asked[-1]
    assert (query.task, query.license, query.max_parameters, query.sort) == (
        "text-generation",
        "mit",
        9_000_000_000,
        "likes",
    )
    assert search.query.narrowing == ("Task", "Licence", "Parameters")
    search.clear_filters()
    assert garden.browse.asked[-1][0] == ModelQuery(sort="likes")


def _large_elsewhere(garden: GardenDouble, *repo_ids: str) -> None:
    """Another machine stands for this one, and these models are too large for it."""
    garden.fit.too_large = set(repo_ids)
    garden.bus.publish(WhatIfChanged(machine=None))


def test_rows_that_were_rated_anew_move_only_once_all_are(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    search.search()
    rows = [rated(f"a/m{number}") for number in range(450)]
    _answer(qtbot, search, garden, CatalogPage(rows=tuple(rows), cursor=None))
    names = _shown(search)
    told: list[tuple[int, int, list[str]]] = []
    search.models.dataChanged.connect(
        lambda first, last, _roles=None: told.append((first.row(), last.row(), _shown(search)))
    )
    settled: list[list[str]] = []
    search.models.modelReset.connect(lambda: settled.append(_shown(search)))

    _large_elsewhere(garden, "a/m0", "a/m300", "a/m301")
    qtbot.waitUntil(lambda: bool(settled), timeout=5_000)

    assert told == [(0, 0, names), (300, 301, names)]
    large = ["a/m0", "a/m300", "a/m301"]
    assert settled == [[*(name for name in names if name not in large), *large]]


def _pages(qtbot: QtBot, search: SearchViewModel, garden: GardenDouble) -> None:
    """Two pages of three models."""
    search.search()
    _answer(qtbot, search, garden, page("a/1", "a/2", "a/3", cursor="2"))
    search.models.fetchMore(QModelIndex())
    _answer(qtbot, search, garden, page("b/1", "b/2", "b/3"))


def test_other_verdicts_order_each_page_by_itself_and_leave_nothing_behind(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    _pages(qtbot, search, garden)

    with qtbot.waitSignal(search.changed):
        _large_elsewhere(garden, "a/1", "a/2", "b/2")
    assert _shown(search) == ["a/3", "a/1", "a/2", "b/1", "b/3", "b/2"]
    _runs_here(search)
    assert _shown(search) == ["a/3", "b/1", "b/3"]
    _runs_here(search, False)
    assert _shown(search) == ["a/3", "a/1", "a/2", "b/1", "b/3", "b/2"]

    with qtbot.waitSignal(search.changed):
        _large_elsewhere(garden)
    assert _shown(search) == ["a/1", "a/2", "a/3", "b/1", "b/2", "b/3"]


def test_memory_that_moves_moves_no_row(qtbot: QtBot, search: SearchViewModel, garden: GardenDouble) -> None:
    _pages(qtbot, search, garden)
    garden.fit.too_large = {"a/1", "b/2"}
    told: list[int] = []
    search.models.dataChanged.connect(lambda first, _last, _roles=None: told.append(first.row()))

    with qtbot.assertNotEmitted(search.models.modelReset), qtbot.waitSignal(search.changed):
        garden.bus.publish(MachineRead(snapshot=machine(8)))

    assert _shown(search) == ["a/1", "a/2", "a/3", "b/1", "b/2", "b/3"]
    assert told == [0, 4]
    assert search.models.rated(4).forecast.verdict is Verdict.TOO_LARGE


def test_memory_that_moves_meanwhile_does_not_keep_another_machine_from_ordering(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    _pages(qtbot, search, garden)

    _large_elsewhere(garden, "a/1")
    garden.bus.publish(MachineRead(snapshot=machine(8)))

    qtbot.waitUntil(lambda: _shown(search)[:3] == ["a/2", "a/3", "a/1"])


def test_a_pasted_file_is_named(qtbot: QtBot, search: SearchViewModel) -> None:
    with qtbot.waitSignal(search.repository_requested) as opened:
        search.submit("https://huggingface.co/o/r/blob/main/x-Q4_K_M.gguf")

    assert opened.args == ["o/r", "x-Q4_K_M.gguf"]


def test_a_failure_takes_away_the_rows_of_another_search(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    search.search()
    _answer(qtbot, search, garden, page("a/one", cursor="next"))
    search.submit("other")

    with qtbot.waitSignal(search.changed):
        garden.browse.searches[-1].fail(HubUnreachableError("No connection."))

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
        garden.browse.searches[-1].fail(HubUnreachableError("No connection."))

    assert isinstance(search.problem, HubUnreachableError)
    assert not search.busy
    assert _shown(search) == ["a/one"]


def test_after_a_rate_limit_the_search_goes_on_by_itself(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    search.search()
    garden.browse.searches[-1].fail(RateLimitedError("A pause.", retry_after_seconds=0.05))

    qtbot.waitUntil(lambda: len(garden.browse.asked) == 2)

    assert search.seconds_until_retry is None


def test_after_a_pause_the_page_that_was_refused_is_asked_for_and_the_others_stay(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    search.search()
    _answer(qtbot, search, garden, page("a/one", cursor="next"))
    search.models.fetchMore(QModelIndex())
    garden.browse.searches[-1].fail(RateLimitedError("A pause.", retry_after_seconds=0.05))

    qtbot.waitUntil(lambda: len(garden.browse.asked) == 3)
    assert [cursor for _query, cursor in garden.browse.asked] == [None, "next", "next"]
    assert _shown(search) == ["a/one"]
    _answer(qtbot, search, garden, page("a/two"))

    assert _shown(search) == ["a/one", "a/two"]


def test_who_asks_again_during_a_pause_is_not_asked_for_again_after_it(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    search.search()
    _answer(qtbot, search, garden, page("a/one", cursor="next"))
    search.models.fetchMore(QModelIndex())
    with qtbot.waitSignal(search.changed):
        garden.browse.searches[-1].fail(RateLimitedError("A pause.", retry_after_seconds=0.3))

    search.models.fetchMore(QModelIndex())
    _answer(qtbot, search, garden, page("a/two"))
    qtbot.wait(400)

    assert len(garden.browse.asked) == 3
    assert _shown(search) == ["a/one", "a/two"]


def test_what_is_forgotten_is_not_busy_and_not_asked_for_after_a_pause(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    search.search()
    with qtbot.waitSignal(search.busy_changed) as told:
        search.forget()
    assert told.args == [False]
    search.search()
    with qtbot.waitSignal(search.changed):
        garden.browse.searches[-1].fail(RateLimitedError("A pause.", retry_after_seconds=0.05))

    search.forget()
    qtbot.wait(150)

    assert len(garden.browse.asked) == 2


def test_a_failed_further_page_can_be_asked_for_again(
    qtbot: QtBot, search: SearchViewModel, garden: GardenDouble
) -> None:
    search.search()
    _answer(qtbot, search, garden, page("a/one", cursor="next"))
    root = search.models.index(-1, -1)
    search.models.fetchMore(root)
    with qtbot.waitSignal(search.changed):
        garden.browse.searches[-1].fail(HubUnreachableError("No connection."))

    assert search.models.canFetchMore(root)
