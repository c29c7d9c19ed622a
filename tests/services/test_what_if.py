"""Other machines, through the real services."""

from __future__ import annotations

import dataclasses

import pytest

from garden.core.errors import NotFoundError, RefusedError
from garden.core.events import WhatIfChanged
from garden.core.fit_forecast import Placement, SpeedSource, Verdict
from garden.core.imagined_machine import ImaginedMachine
from garden.core.paths import resource_path
from garden.core.quantity import GIB
from garden.fit.published_model import published_models
from garden.gguf.header import GgufHeader
from garden.services.garden import Garden
from garden.services.what_if import WhatIfService, found_machines

CARD = ImaginedMachine(ram_bytes=32 * GIB, gpu_bytes=24 * GIB, memory_bandwidth_bytes_per_second=1_000_000_000_000)


def published(repo_id: str, quant_type: str = "Q4_K_M") -> GgufHeader:
    models = published_models(resource_path("catalogue/models.json").read_bytes())
    return next(model for model in models if model.repo_id == repo_id).header(quant_type)


def test_every_machine_of_the_catalogue_says_where_its_figures_are_from() -> None:
    assert len(WhatIfService.catalogue()) > 40
    for machine in WhatIfService.catalogue():
        assert machine.basis and machine.memory_bytes >= 4 * GIB and machine.imagined(32 * GIB).title


def test_titles_say_what_counts() -> None:
    by_id = {machine.id: machine.imagined(32 * GIB).title for machine in WhatIfService.catalogue()}

    assert by_id["rtx-4090"] == "GeForce RTX 4090, 24 GB + 32 GB RAM"
    assert by_id["macbook-air-m2-16gb"] == "MacBook Air M2, 16 GB shared"
    assert by_id["ram-32gb-ddr5-5600"] == "32 GB DDR5-5600, no GPU"
    assert ImaginedMachine(ram_bytes=16 * GIB).title == "16 GB RAM, no GPU"


@pytest.mark.parametrize("name", ["rtx-4090", "GEFORCE RTX 4090", "ryzen 395 128"])
def test_a_machine_is_found_by_id_name_and_words(garden: Garden, name: str) -> None:
    assert garden.what_if.named(name).memory_bytes in (24 * GIB, 128 * GIB)


def test_what_is_not_there_or_not_one_is_told_with_what_is_meant(garden: Garden) -> None:
    with pytest.raises(NotFoundError) as none:
        garden.what_if.named("gtx-4090")
    with pytest.raises(NotFoundError) as several:
        garden.what_if.named("macbook air")

    assert "rtx-4090" in none.value.action
    assert "several" in several.value.sentence and "macbook-air-m1-8gb" in several.value.action


def test_words_search_the_catalogue() -> None:
    catalogue = WhatIfService.catalogue()

    assert {machine.kind for machine in found_machines(catalogue, "no gpu")} == {"cpu"}
    assert found_machines(catalogue, "no such") == ()
    assert found_machines(catalogue, " ") == catalogue


def test_memory_of_each_kind_decides_where_a_model_runs(garden: Garden) -> None:
    header = published("Qwen/Qwen3-30B-A3B")
    what_if = garden.what_if

    def on(machine: ImaginedMachine) -> tuple[Verdict, Placement]:
        load = dataclasses.replace(garden.fit.default_load(header, what_if.as_seen(machine)), context_length=16_384)
        forecast = what_if.forecast(header, load, machine)
        return forecast.verdict, forecast.placement

    assert on(CARD) == (Verdict.FITS, Placement.GPU)
    assert on(dataclasses.replace(CARD, gpu_bytes=12 * GIB)) == (Verdict.FITS, Placement.SPLIT)
    assert on(ImaginedMachine(ram_bytes=32 * GIB)) == (Verdict.FITS, Placement.CPU)
    assert on(ImaginedMachine(ram_bytes=16 * GIB))[0] is Verdict.TOO_LARGE
    assert on(ImaginedMachine(ram_bytes=32 * GIB, unified=True, gpu_limit_bytes=22 * 10**9)) == (
        Verdict.FITS,
        Placement.GPU,
    )


def test_its_speed_is_what_the_published_bandwidth_allows_and_unknown_where_none_is(garden: Garden) -> None:
    header = published("Qwen/Qwen3-8B")

    def fastest(machine: ImaginedMachine) -> float | None:
        load = garden.fit.default_load(header, garden.what_if.as_seen(machine))
        return garden.what_if.forecast(header, load, machine).decode_tokens_per_second

    read = sum(tensor.size_bytes for tensor in header.tensors if tensor.name != "token_embd.weight")
    whole = fastest(CARD)
    assert whole is not None
    # The cache so far is read as well, which is little beside the weights.
    assert 0.9 * 1e12 / read < whole < 1e12 / read
    assert fastest(dataclasses.replace(CARD, gpu_bytes=4 * GIB)) is None  # RAM of no known speed takes part
    assert fastest(dataclasses.replace(CARD, memory_bandwidth_bytes_per_second=None)) is None


def test_a_chosen_machine_is_announced_and_never_takes_part_in_this_ones_forecasts(garden: Garden) -> None:
    header = published("Qwen/Qwen3-8B")
    load = garden.fit.default_load(header)
    here = garden.fit.forecast_header(header, load)
    events = garden.bus.subscribe()

    garden.what_if.choose(CARD)

    assert [event.machine for event in events.wait(1) if isinstance(event, WhatIfChanged)] == [CARD]
    assert garden.fit.forecast_header(header, load) == here
    there = garden.what_if.snapshot
    assert there is not None
    seen = garden.fit.forecast_header(header, garden.fit.default_load(header, there), there)
    assert (seen.placement, seen.speed_source) == (Placement.GPU, SpeedSource.ELSEWHERE)
    garden.what_if.choose(None)
    assert garden.what_if.snapshot is None


def test_machines_are_added_once_and_taken_away_with_the_choice(garden: Garden) -> None:
    before = garden.what_if.machines

    garden.what_if.add(CARD)
    garden.what_if.add(CARD)
    garden.what_if.choose(CARD)

    assert garden.what_if.machines == (*before, CARD)
    garden.what_if.remove(CARD)
    assert (garden.what_if.machines, garden.what_if.chosen) == (before, None)


@pytest.mark.parametrize(
    "machine",
    [
        ImaginedMachine(ram_bytes=0),
        ImaginedMachine(ram_bytes=GIB // 2),
        ImaginedMachine(ram_bytes=5_000 * GIB),
        ImaginedMachine(ram_bytes=GIB, gpu_bytes=9_999 * GIB),
    ],
)
def test_sizes_that_no_machine_has_are_refused(garden: Garden, machine: ImaginedMachine) -> None:
    with pytest.raises(RefusedError):
        garden.what_if.add(machine)


def test_the_list_outlasts_the_program_and_the_choice_does_not() -> None:
    with Garden.open(work_offline=True) as garden:
        first = garden.what_if.machines[0]
        garden.what_if.remove(first)
        garden.what_if.add(CARD)
        garden.what_if.choose(CARD)

    with Garden.open(work_offline=True) as later:
        assert later.what_if.machines[-1] == CARD
        assert first not in later.what_if.machines
        assert later.what_if.chosen is None


def test_a_mac_of_unknown_limit_gives_its_gpu_what_others_of_its_size_do(garden: Garden) -> None:
    macs = [machine for machine in WhatIfService.catalogue() if machine.id == "macbook-air-m1-8gb"]

    (gpu,) = garden.what_if.as_seen(macs[0].imagined(0)).gpus

    assert gpu.memory_total_bytes == 8 * GIB * 2 // 3


def test_every_way_to_forecast_says_the_same_bound(garden: Garden) -> None:
    header, seen = published("Qwen/Qwen3-8B"), garden.what_if.as_seen(CARD)
    load = garden.fit.default_load(header, seen)

    ways = (
        garden.what_if.forecast(header, load, CARD),
        garden.fit.forecast_header(header, load, seen),
        garden.fit.decided(header, load, seen),
    )

    assert len({forecast.decode_tokens_per_second for forecast in ways}) == 1
    assert {forecast.speed_basis for forecast in ways} == {"by the published speed of its memory"}
    assert {(forecast.speed_mark, forecast.speed_range) for forecast in ways} == {("≤", None)}
