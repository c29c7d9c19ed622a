"""The search against trying everything, on engines made of arithmetic."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from garden.core.dry_run import Allowance, Plan, Planned
from garden.core.held_memory import RAM
from garden.fit.plan_search import CONTEXT_STEP, PlanSearch, largest

Make = Callable[[int, int], Plan]


def planned(device: str, weights: int, cache: int, compute: int) -> Planned:
    return Planned(
        buffer=device,
        device=device,
        weights_bytes=weights,
        kv_cache_bytes=cache,
        recurrent_bytes=0,
        compute_bytes=compute,
    )


def engine(weights: list[int], per_token: int, compute: list[int]) -> Make:
    """An engine whose layers weigh so much, whose compute buffers vary with the placement."""

    def make(layers: int, context: int) -> Plan:
        on_gpu = len(weights) - layers
        gpu = planned(
            "GPU0",
            sum(weights[on_gpu:]),
            layers * per_token * context,
            compute[layers] if layers < len(weights) else compute[0] // 2,
        )
        ram = planned(RAM, sum(weights[:on_gpu]), on_gpu * per_token * context, 10 + context // 100)
        return Plan(
            buffers=(gpu, ram),
            context_length=context,
            n_gpu_layers=layers,
            n_layers=len(weights),
            flash_attention=True,
            generates_text=True,
        )

    return make


def allowances(gpu: int, ram: int) -> list[Allowance]:
    return [Allowance(device=RAM, bytes=ram), Allowance(device="GPU0", bytes=gpu)]


def most_layers_by_trying(make: Make, layers: int, context: int, gpu: int) -> int:
    return max((n for n in range(layers + 1) if make(n, context).on("GPU0") <= gpu), default=0)


@pytest.mark.parametrize("guesses", [True, False])
def test_the_most_layers_are_found_as_if_all_were_tried(guesses: bool) -> None:
    """Compute buffers that vary by more than a layer weighs make holes: a number that fits above one that does not."""
    draw = random.Random(1)
    holes = 0
    for _ in range(2_000):
        count = draw.randint(1, 30)
        weights = [draw.randint(1, 300) for _ in range(count)]
        base = draw.randint(0, 2_000)
        compute = [base + draw.randint(0, base // 5) for _ in range(count + 1)]
        make = engine(weights, draw.randint(0, 1), compute)
        context = 256
        gpu = make(draw.randint(0, count), context).on("GPU0") + draw.randint(-50, 50)

        search = PlanSearch(
            make,
            allowances(gpu, 10**9),
            count,
            draw.randint(-5, 40) if guesses else None,
            lightest_bytes=draw.choice([0, min(weights)]),
        )
        found = search.most_layers(context).n_gpu_layers

        fitting = [number for number in range(count + 1) if make(number, context).on("GPU0") <= gpu]
        holes += len(fitting) not in (0, max(fitting, default=0) + 1)
        assert found == max(fitting, default=0)
    assert holes > 100


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_the_largest_context_is_found_as_if_all_were_tried(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    weights = data.draw(st.lists(st.integers(1, 50_000), min_size=count, max_size=count))
    make = engine(weights, data.draw(st.integers(1, 4)), [data.draw(st.integers(0, 3_000))] * (count + 1))
    gpu, ram = data.draw(st.integers(0, 400_000)), data.draw(st.integers(0, 400_000))
    limit = data.draw(st.integers(1, 40)) * CONTEXT_STEP
    layers = data.draw(st.none() | st.integers(0, count))
    guess = data.draw(st.none() | st.integers(0, 2 * limit))

    search = PlanSearch(make, allowances(gpu, ram), count, lightest_bytes=data.draw(st.sampled_from([0, min(weights)])))
    found = search.largest_context(limit, layers, guess)

    best = 0
    for context in range(CONTEXT_STEP, limit + 1, CONTEXT_STEP):
        number = most_layers_by_trying(make, count, context, gpu) if layers is None else layers
        plan = make(number, context)
        if plan.on("GPU0") <= gpu and plan.on(RAM) <= ram:
            best = context
    assert found == best


def test_a_good_guess_costs_two_plans() -> None:
    make = engine([100] * 80, 1, [500] * 81)
    search = PlanSearch(make, allowances(10**9, 200_000), 80)

    context = search.largest_context(131_072, 0, 2_304)

    assert context == 2_304
    assert search.plans == 2


def test_one_placement_leads_to_that_of_the_next_context() -> None:
    make = engine([1_000] * 80, 1, [500] * 81)
    search = PlanSearch(make, allowances(40_000, 10**9), 80)
    search.most_layers(256)
    so_far = search.plans

    search.most_layers(512)

    assert search.plans - so_far <= 3


def test_one_layer_more_is_not_asked_about_where_no_layer_is_so_light() -> None:
    make = engine([1_000] * 80, 1, [500] * 81)
    search = PlanSearch(make, allowances(40_000, 10**9), 80, 31, unmoved_bytes=0, lightest_bytes=1_000)
    search.remember(31, 256, make(31, 256))

    # 31 layers hold 31,000 of weights, 7,936 of caches and 500: too much for another 1,000.
    assert search.most_layers(256).n_gpu_layers == 31
    assert search.plans == 1


@pytest.mark.parametrize(("ram", "fits"), [(1_550, True), (1_549, False)])
def test_what_a_gpu_that_shares_the_ram_holds_is_taken_from_it(ram: int, fits: bool) -> None:
    make = engine([1_000], 0, [500, 500])
    limits = [Allowance(device=RAM, bytes=ram), Allowance(device="GPU0", bytes=2_000, shared=True)]
    plan = make(1, 30_000)

    assert plan.on("GPU0") + plan.on(RAM) == 1_560
    assert PlanSearch(make, limits, 1).fits(make(1, 29_000)) is fits


def test_without_allowances_everything_fits() -> None:
    make = engine([10] * 4, 1, [5] * 5)

    assert PlanSearch(make, [], 4).fits(make(2, 256))


@pytest.mark.parametrize("guess", [None, 0, 1, 37, 99, 100, 500])
def test_the_largest_number_is_found_from_any_guess(guess: int | None) -> None:
    for answer in (0, 1, 2, 36, 37, 38, 99, 100):
        asked: list[int] = []

        def fits(number: int, answer: int = answer, asked: list[int] = asked) -> bool:
            asked.append(number)
            return number <= answer

        assert largest(fits, 0, 100, guess) == answer
        assert 0 not in asked
        assert len(asked) <= 14
