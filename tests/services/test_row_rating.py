"""Rows of a list say what the page of the repository and ``garden fit`` say, once any header of it was read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from garden.core.catalog import ModelSummary, Repository
from garden.core.fit_forecast import FitMethod, SpeedSource
from garden.core.model_query import ModelQuery
from garden.core.run_configuration import LoadParameters
from garden.services.garden import Garden
from garden.services.hub_files import hub_ref
from garden.store.speeds import SpeedRecord
from tests.fit.headers import machine
from tests.hubserver import GgufFacts, HubServer
from tests.services.test_remote_headers import file_of, ladder

_ANY = ModelQuery()

QUANTS = ("Q8_0", "Q6_K", "Q4_K")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    facts = GgufFacts(total=596_000_000, architecture="qwen3", context_length=40_960)
    with HubServer([dataclasses.replace(ladder("Qwen3 0.6B", QUANTS), gguf=facts)]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


def opened(garden: Garden, hub: HubServer) -> tuple[Repository, ModelSummary]:
    """The only repository, and its row as the Hub's list has it."""
    garden.machine.read()
    (row,) = garden.browse.search(_ANY).result(20).rows
    return garden.catalog.repository(row.summary.repo_id).result(20), row.summary


def test_before_any_header_was_read_a_row_is_rough(garden: Garden, hub: HubServer) -> None:
    _repository, summary = opened(garden, hub)

    assert garden.rows.rate(summary).method is FitMethod.ROUGH


@pytest.mark.parametrize("read", ["Q8_0", "Q4_K"])
def test_one_header_makes_the_row_as_true_as_its_page(garden: Garden, hub: HubServer, read: str) -> None:
    repository, summary = opened(garden, hub)
    garden.fit.remote_header(repository, file_of(repository, read)).result(20)

    row = garden.rows.rate(summary)

    file = file_of(repository, (row.quant_type or "").removesuffix("_M"))
    header = garden.fit.remote_header(repository, file).result(20)
    told = garden.fit.decided(header, garden.fit.default_load(header), ref=hub_ref(repository, file))
    assert row.method is not FitMethod.ROUGH
    assert row.total_bytes == pytest.approx(told.total_bytes, rel=0.005)
    assert (row.verdict, row.context_length, row.kv_cache_bytes) == (
        told.verdict,
        told.context_length,
        told.kv_cache_bytes,
    )
    # Of the file itself nothing is left to guess.
    assert garden.rows.rate(summary).total_bytes == told.total_bytes


def test_what_a_file_showed_here_is_its_rows_speed(garden: Garden, hub: HubServer) -> None:
    repository, summary = opened(garden, hub)
    file = file_of(repository, "Q8_0")
    header = garden.fit.remote_header(repository, file).result(20)
    load = garden.fit.default_load(header)
    layers = garden.fit.decided(header, load).n_gpu_layers or 0
    garden.fit.remember_twin(
        SpeedRecord(
            model=hub_ref(repository, file),
            load=dataclasses.replace(load, n_gpu_layers=layers),
            decode_tokens_per_second=23.0,
            twin=True,
        )
    )

    row = garden.rows.rate(summary)

    assert row.quant_type == "Q8_0"
    assert (row.decode_tokens_per_second, row.speed_source) == (23.0, SpeedSource.TWIN)


def test_a_page_of_before_does_not_count_once_the_repository_has_other_files(garden: Garden, hub: HubServer) -> None:
    repository, summary = opened(garden, hub)
    garden.fit.remote_header(repository, file_of(repository, "Q8_0")).result(20)
    changed = dataclasses.replace(summary, filenames=("Other-Q8_0.gguf",))

    assert garden.rows.rate(summary).method is not FitMethod.ROUGH
    assert garden.rows.rate(changed).method is FitMethod.ROUGH


def test_memory_that_moves_a_little_recommends_the_same_file(garden: Garden, hub: HubServer) -> None:
    name = "owner/Large-GGUF"
    hub.state.put([dataclasses.replace(ladder("Qwen3 32B", ("IQ4_XS", "Q4_K", "Q3_K", "Q2_K")), repo_id=name)])
    repository = garden.catalog.repository(name).result(20)
    headers = {
        file: garden.fit.remote_header(repository, file).result(20) for file in repository.files if file.kind == "model"
    }

    def taken(free_gib: float) -> str | None:
        on = machine(free_gib, total_gib=32)
        rated = [
            (file, garden.fit.forecast_header(header, LoadParameters(context_length=4_096), on, ask_engine=False))
            for file, header in headers.items()
        ]
        file = garden.fit.recommend(tuple(rated))
        return None if file is None else file.filename

    by_reading = set()
    for free in (18 + step / 20 for step in range(80)):
        # What was taken while much less was free may give way once.
        taken(free)
        first = taken(free + 0.4)
        assert {taken(free + moved) for moved in (0.0, 0.4, 0.1, 0.3, 0.05)} == {first}
        by_reading.add(first)
    assert len(by_reading) > 1
