"""The exact method on models drawn at random, against the engine's own plan of every placement and context."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from garden.core.dry_run import ImaginedGpu
from garden.core.errors import EngineError
from garden.core.held_memory import RAM
from garden.engine.library import EngineLibrary
from garden.engine.planner import Planner
from garden.services.dry_runs import DryRuns
from garden.services.exact_fit import ExactFit
from tests.engine.test_drawn_plans import drawn_load
from tests.fit.drawn_models import FAMILIES, drawn_model
from tests.fit.hollow import hollow
from tests.services.exact_budgets import GPU, every_placement, machine_of, outcome_of, sought

pytestmark = pytest.mark.engine

AS_GIVEN = ("ram", "gpu")
STEP, LONGEST = 256, 4_096


@pytest.fixture(scope="module")
def planner() -> Iterator[Planner]:
    planner = Planner(EngineLibrary())
    yield planner
    planner.close()


@pytest.fixture(scope="module")
def exact() -> Iterator[ExactFit]:
    runs = DryRuns()
    yield ExactFit(runs)
    runs.close()


@pytest.mark.parametrize(
    "family",
    [
        "dense",
        "tied",
        "sliding by six",
        "experts",
        "latent attention",
        "drafting layers",
        "hybrid",
        "per-layer heads",
    ],
)
def test_no_budget_gets_a_false_answer(planner: Planner, exact: ExactFit, tmp_path: Path, family: str) -> None:
    """A byte or a mebibyte to either side of what the engine takes on each device, and anywhere from 4 to 48 GB."""
    header = drawn_model(family, 0, large=True)
    draw = random.Random(family)
    load = dataclasses.replace(drawn_load(draw, (4_096, 16_384)), flash_attention="on")
    answers = every_placement(planner, hollow(header, tmp_path), load)

    for ram, vram in answers.budgets(draw, 4):
        result = exact.forecast(header, sought(load), machine_of(ram, vram), as_is=AS_GIVEN)

        assert outcome_of(result) == answers.outcome(ram, vram), (ram, vram)
        planned = answers.plans[answers.best(vram)].buffers
        assert result.total_bytes == sum(use.total_bytes for use in planned)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_search_finds_what_trying_everything_finds(
    planner: Planner, exact: ExactFit, tmp_path: Path, family: str
) -> None:
    """Largest context within 256 tokens, layers of that context exact, wherever the budget lies."""
    draw = random.Random(f"{family} contexts")
    drawn = drawn_model(family, 3)
    header = dataclasses.replace(drawn, metadata={**drawn.metadata, f"{drawn.architecture}.context_length": LONGEST})
    path = hollow(header, tmp_path)
    gpus = (ImaginedGpu(name=GPU, memory_bytes=2**40),)
    load = drawn_load(draw, (512,))
    with_vram = draw.random() < 0.8
    taken: dict[tuple[int, int], tuple[int, int]] = {}
    unfused: set[tuple[int, int]] = set()
    for layers in range(planner.layers(path, load, gpus) + 1 if with_vram else 1):
        for context in range(STEP, LONGEST + 1, STEP):
            placed = dataclasses.replace(load, n_gpu_layers=layers, context_length=context)
            try:
                plan = planner.plan(path, placed, gpus if with_vram else ())
            except EngineError:
                pytest.skip("The engine refuses these settings.")
            taken[layers, context] = plan.on(RAM), plan.on(GPU)
            if not plan.flash_attention and load.flash_attention == "auto":
                unfused.add((layers, context))

    def best(context: int, vram: int) -> int:
        return max((n for n, made_for in taken if made_for == context and taken[n, context][1] <= vram), default=0)

    def placement(context: int, ram: int, vram: int) -> int:
        layers = best(context, vram)
        alone = (layers, context) in unfused and taken[layers, context][0] > ram >= taken[0, context][0]
        return 0 if alone else layers

    def fits(context: int, ram: int, vram: int) -> bool:
        return taken[placement(context, ram, vram), context][0] <= ram

    for _ in range(8):
        (ram, vram), other = taken[draw.choice(list(taken))], taken[draw.choice(list(taken))]
        ram = draw.choice([ram, max(ram, other[0])]) + draw.randint(-(2**20), 2**20)
        vram = max(1, vram + draw.randint(-(2**18), 2**18))
        right = max((context for _n, context in taken if fits(context, ram, vram)), default=0)

        on = machine_of(ram, vram if with_vram else None)
        result = exact.forecast(header, sought(load), on, as_is=AS_GIVEN)

        assert result.max_context is not None
        assert abs(result.max_context - right) <= STEP
        assert result.n_gpu_layers == (placement(512, ram, vram) if with_vram else 0)
