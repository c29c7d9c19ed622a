from __future__ import annotations

import dataclasses
from typing import Literal

from garden.core.learned_margins import DeviceMargin, LearnedMargins
from garden.core.residency import FreeMemory, ResidentForecast, ResidentMarks
from garden.fit.devices import gpu_budgets, process_bytes, ram_budget
from garden.fit.learning import SeenLoad, learned_margins
from tests.fit.headers import gpu, machine

MIB, GIB = 1024**2, 1024**3

#: A model that holds 1,000 MiB beside a process of 50.
RESIDENT = ResidentForecast(process_bytes=50 * MIB, vocabulary_bytes=0, held_bytes=1_000 * MIB)


def seen(
    peak_mib: int | None = None,
    *,
    ram_taken_mib: int | None = None,
    gpu_taken_mib: int | None = None,
    gpu_held_mib: int = 500,
    prompt: int = 10,
    source: Literal["engine", "driver"] = "driver",
) -> SeenLoad:
    free = []
    if ram_taken_mib is not None:
        free.append(FreeMemory(device="CPU", before_bytes=8 * GIB, after_bytes=8 * GIB - ram_taken_mib * MIB))
    if gpu_taken_mib is not None:
        after = 8 * GIB - gpu_taken_mib * MIB
        free.append(FreeMemory(device="CUDA0", before_bytes=8 * GIB, after_bytes=after, source=source))
    return SeenLoad(
        resident=RESIDENT,
        marks=ResidentMarks(resident_bytes=None if peak_mib is None else peak_mib * MIB, prompt_tokens=prompt),
        free=tuple(free),
        held=(("CUDA0", gpu_held_mib * MIB),) if gpu_taken_mib is not None else (),
        with_gpu=gpu_taken_mib is not None,
    )


def test_nothing_seen_is_nothing_learned() -> None:
    assert learned_margins([]) == LearnedMargins()


def test_the_process_is_the_median_of_what_is_left_of_the_peaks() -> None:
    learned = learned_margins([seen(1_060), seen(1_070), seen(1_500)])

    assert (learned.process_bytes, learned.process_loads) == (70 * MIB, 3)


def test_a_load_that_was_not_asked_yet_says_nothing_of_the_process() -> None:
    assert learned_margins([seen(1_060, prompt=0)]).process_bytes is None


def test_a_peak_below_what_the_model_must_hold_is_no_process() -> None:
    assert learned_margins([seen(900)]).process_bytes is None


def test_with_the_driver_of_a_gpu_the_process_is_another_one() -> None:
    learned = learned_margins([seen(1_060), seen(1_250, gpu_taken_mib=700)])

    assert (learned.process_bytes, learned.gpu_process_bytes) == (60 * MIB, 250 * MIB)


def test_free_ram_that_fell_further_than_forecast_is_the_margin() -> None:
    learned = learned_margins([seen(ram_taken_mib=1_100), seen(ram_taken_mib=1_450)])

    assert (learned.ram_bytes, learned.ram_loads) == (400 * MIB, 2)


def test_free_ram_that_other_programs_gave_back_leaves_some_margin() -> None:
    assert learned_margins([seen(ram_taken_mib=-3_000)]).ram_bytes == 256 * MIB
    assert learned_margins([seen(ram_taken_mib=30_000)]).ram_bytes == 1_536 * MIB


def test_what_a_gpu_lost_beyond_its_buffers_is_the_drivers() -> None:
    quiet = [seen(gpu_taken_mib=700), seen(gpu_taken_mib=810)]
    beside_another_program = seen(gpu_taken_mib=2_300)

    # Too few to replace what is known to be safe.
    assert learned_margins(quiet).gpus == ()
    # 310 MiB at most, and some more.
    learned = learned_margins([*quiet, beside_another_program])
    assert learned.gpus == (DeviceMargin(device="CUDA0", size_bytes=374 * MIB, loads=3),)


def test_a_gpu_that_held_nothing_tells_nothing() -> None:
    assert learned_margins([seen(gpu_taken_mib=300, gpu_held_mib=0)]).gpus == ()


def test_a_backend_that_says_that_all_is_free_tells_nothing() -> None:
    assert learned_margins([seen(gpu_taken_mib=0)]).gpus == ()


def test_only_the_newest_loads_count() -> None:
    learned = learned_margins([seen(1_060)] * 16 + [seen(1_900)] * 30)

    assert (learned.process_bytes, learned.process_loads) == (60 * MIB, 16)


def test_budgets_take_what_was_learned_in_the_place_of_what_is_usual() -> None:
    plain = machine(8, gpu(8))
    learned = LearnedMargins(
        process_bytes=70 * MIB,
        gpu_process_bytes=300 * MIB,
        ram_bytes=300 * MIB,
        gpus=(DeviceMargin(device="CUDA0", size_bytes=400 * MIB, loads=3),),
    )
    here = dataclasses.replace(plain, learned=learned)

    assert (process_bytes(machine(8)), process_bytes(plain)) == (54 * MIB, 150 * MIB)
    assert (process_bytes(dataclasses.replace(here, gpus=())), process_bytes(here)) == (70 * MIB, 300 * MIB)
    assert [budget.beside_bytes for budget in gpu_budgets(plain)] == [512 * MIB]
    assert [budget.beside_bytes for budget in gpu_budgets(here)] == [400 * MIB]
    ram = ram_budget(here, 20 * MIB)
    assert (ram.beside_bytes, ram.margin_bytes) == (320 * MIB, 300 * MIB)


def test_a_difference_that_misses_the_drivers_context_teaches_nothing() -> None:
    """CUDA says what is free once its context lies there: 500 MiB of buffers seem to take 500, and take 810."""
    by_engine = [seen(gpu_taken_mib=500, source="engine")] * 3
    by_driver = [seen(gpu_taken_mib=810)] * 3

    assert learned_margins(by_engine).gpus == ()
    assert learned_margins([*by_engine, *by_driver]).gpus == (
        DeviceMargin(device="CUDA0", size_bytes=(310 + 64) * MIB, loads=3),
    )
