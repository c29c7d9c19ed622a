from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from garden.core.catalog import ModelSummary
from garden.core.errors import CancelledByUser
from garden.core.fit_forecast import FitForecast, FitMethod, Placement, SpeedSource, Verdict
from garden.core.licence import LicenceClass
from garden.core.model_query import ModelQuery
from garden.core.model_ref import ModelRef
from garden.core.model_traits import ArchitectureKind
from garden.core.quantity import GIB
from garden.core.run_configuration import LoadParameters
from garden.services.browse import MOST_PAGES, SCREENFUL, ordered, passing
from garden.services.catalog import CatalogPage
from garden.services.garden import Garden
from garden.services.rated_model import RatedModel
from garden.store.speeds import SpeedRecord
from tests.hubserver import Fault, GgufFacts, HubServer, repository

HUGE, SMALL = 10**13, 2_000_000


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer([]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


def shelf(hub: HubServer, count: int, every: int, **other: Any) -> None:
    """So many models, of which each n-th is small and has what is named; the others fit no machine."""
    rows = []
    for number in range(count):
        special = number % every == 0
        row = dataclasses.replace(
            repository(f"owner/Model-{number}-GGUF", **{f"model-{'Q5_K_M' if special else 'Q8_0'}.gguf": b"GGUF"}),
            gguf=GgufFacts(total=SMALL if special else HUGE, architecture="llama", context_length=2_048),
            trending=count - number,
            license="mit" if special else "llama3.1",
        )
        rows.append(dataclasses.replace(row, **other) if special else row)
    hub.state.put(rows)


def names(rows: Any) -> list[int]:
    return [int(row.summary.name.split("-")[1]) for row in rows]


def test_the_first_screen_without_local_filters_takes_one_request(hub: HubServer, garden: Garden) -> None:
    shelf(hub, 200, every=2)

    page = garden.browse.search(ModelQuery(text="model", task="text-generation")).result(20)

    assert len(page.rows) >= SCREENFUL
    assert [request.path.partition("?")[0] for request in hub.requests] == ["/api/models"]


def test_filters_that_the_hub_lacks_page_on_until_a_screenful(hub: HubServer, garden: Garden) -> None:
    shelf(hub, 900, every=10)

    page = garden.browse.search(ModelQuery(runs_here=True)).result(20)

    shown = passing(ModelQuery(runs_here=True), page.rows)
    assert names(shown) == [*range(0, 200, 10)]
    assert len(page.rows) == 200
    assert len(hub.requests) == 2
    assert page.cursor is not None


def test_a_rare_filter_ends_after_ten_pages_and_says_where_it_stands(hub: HubServer, garden: Garden) -> None:
    shelf(hub, 1_500, every=400)

    first = garden.browse.search(ModelQuery(runs_here=True)).result(60)
    assert len(hub.requests) == MOST_PAGES
    assert (len(first.rows), len(passing(ModelQuery(runs_here=True), first.rows))) == (1_000, 3)

    second = garden.browse.search(ModelQuery(runs_here=True), first.cursor).result(60)
    assert names(passing(ModelQuery(runs_here=True), second.rows)) == [1_200]
    assert second.cursor is None
    assert not set(names(first.rows)) & set(names(second.rows))


def test_pages_are_told_of_as_they_come(hub: HubServer, garden: Garden) -> None:
    shelf(hub, 300, every=50)
    told: list[CatalogPage] = []

    page = garden.browse.search(ModelQuery(runs_here=True), found=told.append).result(20)

    assert [len(each.rows) for each in told] == [100, 100]
    assert len(page.rows) == 300


def test_a_cancel_between_pages_asks_for_no_further_one(hub: HubServer, garden: Garden) -> None:
    shelf(hub, 900, every=400)
    came = threading.Event()
    held = threading.Event()

    def found(_page: CatalogPage) -> None:
        came.set()
        held.wait(20)

    search = garden.browse.search(ModelQuery(runs_here=True), found=found)
    assert came.wait(20)
    search.cancel()
    held.set()

    with pytest.raises(CancelledByUser):
        search.result(20)
    assert len(hub.requests) == 1


def test_a_cancel_ends_the_request_that_is_under_way(hub: HubServer, garden: Garden) -> None:
    shelf(hub, 30, every=2)
    hub.faults.add(Fault("hang", where="api"))
    search = garden.browse.search(ModelQuery())
    deadline = time.monotonic() + 20
    while not hub.requests and time.monotonic() < deadline:
        time.sleep(0.01)

    began = time.monotonic()
    search.cancel()
    with pytest.raises(CancelledByUser):
        search.result(20)

    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        (ModelQuery(language="de"), ("filter", "de")),
        (ModelQuery(gated=True), ("gated", "true")),
        (ModelQuery(author="owner"), ("author", "owner")),
        (ModelQuery(min_parameters=1_000_000, max_parameters=3_000_000), ("num_parameters", "min:1M,max:3M")),
        (ModelQuery(license="mit"), ("filter", "license:mit")),
    ],
)
def test_what_the_hub_filters_is_left_to_it(
    hub: HubServer, garden: Garden, query: ModelQuery, sent: tuple[str, str]
) -> None:
    shelf(hub, 40, every=4, languages=("de", "en"), gated=True)

    page = garden.browse.search(query).result(20)

    asked = hub.requests[0].path
    assert all(part.replace(":", "%3A").replace(",", "%2C") in asked for part in sent)
    expected = 40 if query.author else 10
    assert (len(page.rows), len(hub.requests)) == (min(expected, 30), 1)


def test_filters_combine(hub: HubServer, garden: Garden) -> None:
    shelf(hub, 120, every=3, languages=("de",))

    query = ModelQuery(
        language="de",
        runs_here=True,
        license_class=LicenceClass.PERMISSIVE,
        kind=ArchitectureKind.DENSE,
        quant_type="Q5_K_M",
        gated=False,
    )
    page = garden.browse.search(query).result(20)

    assert len(passing(query, page.rows)) == 40
    assert not passing(dataclasses.replace(query, kind=ArchitectureKind.MOE), page.rows)
    assert not passing(dataclasses.replace(query, license_class=LicenceClass.COPYLEFT), page.rows)
    assert not passing(dataclasses.replace(query, quant_type="Q8_0"), page.rows)


def test_older_models_end_a_search_by_date(hub: HubServer, garden: Garden) -> None:
    shelf(hub, 900, every=1, last_modified="2020-01-01T00:00:00.000Z")

    page = garden.browse.search(ModelQuery(sort="updated", updated_days=30)).result(20)

    assert (len(hub.requests), page.cursor) == (1, None)
    assert passing(ModelQuery(updated_days=30), page.rows) == []


def test_what_was_seen_is_filtered_without_a_connection(hub: HubServer, garden: Garden) -> None:
    shelf(hub, 40, every=4, languages=("de",))
    garden.browse.search(ModelQuery(), wanted=40).result(20)
    garden.settings.change(offline=True)
    before = len(hub.requests)

    page = garden.browse.search(ModelQuery(language="de", max_parameters=5_000_000)).result(20)

    assert len(page.rows) == 10
    assert page.from_index
    assert len(hub.requests) == before


def rated(name: str, verdict: Verdict, speed: float | None = None, **facts: Any) -> RatedModel:
    placement = facts.pop("placement", Placement.CPU)
    summary = ModelSummary(repo_id=f"owner/{name}", **facts)
    forecast = FitForecast(
        verdict=verdict, placement=placement, reason="", method=FitMethod.ROUGH, decode_tokens_per_second=speed
    )
    return RatedModel.of(summary, forecast)


def test_what_runs_comes_first_and_keeps_the_hubs_order() -> None:
    rows = [
        rated("a", Verdict.TOO_LARGE),
        rated("b", Verdict.TIGHT),
        rated("c", Verdict.UNKNOWN),
        rated("d", Verdict.FITS),
    ]

    assert [row.summary.name for row in ordered(ModelQuery(), rows)] == ["b", "d", "a", "c"]
    assert [row.summary.name for row in ordered(ModelQuery(runnable_first=False), rows)] == ["a", "b", "c", "d"]


def test_best_fit_is_the_largest_that_runs_well() -> None:
    rows = [
        rated("tiny", Verdict.FITS, 200, parameters=10**9),
        rated("slow", Verdict.FITS, 2, parameters=30 * 10**9),
        rated("good", Verdict.FITS, 20, parameters=8 * 10**9),
        rated("on-gpu", Verdict.FITS, None, parameters=4 * 10**9, placement=Placement.GPU),
        rated("tight", Verdict.TIGHT, 30, parameters=9 * 10**9),
        rated("large", Verdict.TOO_LARGE, None, parameters=70 * 10**9),
    ]

    best = [row.summary.name for row in ordered(ModelQuery(sort="best_fit"), rows)]

    assert best == ["on-gpu", "good", "tiny", "slow", "tight", "large"]


def test_rows_tell_a_speed_once_answers_here_have_shown_one(
    hub: HubServer, garden: Garden, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf(hub, 10, every=2)
    machine = garden.machine.snapshot()
    row = garden.browse.search(ModelQuery(runs_here=True)).result(20).rows[0]
    assert row.forecast.quant_type == "Q5_K_M"
    assert row.forecast.decode_tokens_per_second is None
    cores = max(1, machine.cpu.physical_cores)
    run = SpeedRecord(
        model=ModelRef(name="other", filenames=("other.gguf",), path="/other.gguf"),
        load=LoadParameters(flash_attention="on", threads=cores, threads_batch=cores),
        decode_tokens_per_second=20.0,
        bytes_read=GIB,
    )
    garden.fit._speeds.keep(run)

    row = garden.browse.search(ModelQuery(runs_here=True)).result(20).rows[0]

    weights, cache = row.forecast.weights_bytes, row.forecast.kv_cache_bytes
    assert weights is not None
    assert cache is not None
    assert row.forecast.decode_tokens_per_second == pytest.approx(20 * GIB / (weights + cache / 2), rel=0.01)
    assert row.forecast.speed_source is SpeedSource.RUNS
