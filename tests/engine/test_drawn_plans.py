"""Models with shapes drawn at random: plans against real loads of files of zeros, forecasts against plans."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import pytest

from garden.core.errors import EngineError
from garden.core.fit_forecast import Verdict
from garden.core.messages import BufferUse
from garden.core.run_configuration import LoadParameters
from garden.engine.context import Context
from garden.engine.library import EngineLibrary
from garden.engine.model import Model
from garden.engine.planner import Planner
from garden.fit.estimator import forecast
from garden.hardware.probe import snapshot
from tests.fit.drawn_models import FAMILIES, drawn_model
from tests.fit.headers import GIB, MIB
from tests.fit.hollow import hollow

pytestmark = pytest.mark.engine

#: What the tests really load, so that they run on any machine.
LARGEST_LOADED = 512 * MIB

_QUANTIZED = ("q8_0", "q5_1", "q4_0")


def drawn_load(draw: random.Random, contexts: tuple[int, ...]) -> LoadParameters:
    """A way of loading a model."""
    sequences = draw.choice([1, 1, 2, 3, 4, 32])
    ubatch = draw.choice([16, 64, 512, 512, 2_048])
    type_k = draw.choice(["f16", "f16", "bf16", "f32", *_QUANTIZED])
    return LoadParameters(
        context_length=draw.choice(contexts),
        type_k=type_k,
        type_v=draw.choice([type_k, type_k, "f16"]),
        n_batch=ubatch * draw.choice([1, 2]),
        n_ubatch=ubatch,
        n_sequences=sequences,
        n_outputs_max=sequences,
        flash_attention=draw.choice(["on", "off", "auto"]),
        swa_full=draw.random() < 0.2,
        kv_unified=draw.random() < 0.2,
        repack=draw.random() < 0.8,
    )


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_plan_is_what_a_file_of_zeros_really_takes(
    engine: EngineLibrary, tmp_path: Path, family: str, seed: int
) -> None:
    path = hollow(drawn_model(family, seed), tmp_path)
    draw = random.Random(f"{family} {seed}")
    planner = Planner(engine)
    planned = 0
    for _ in range(60):
        load = drawn_load(draw, (1_000, 4_096, 8_192, 32_768, 131_072))
        try:
            plan = planner.plan(path, load)
        except EngineError:
            # What cannot be planned cannot be loaded.
            with Model(engine, path, load) as model, pytest.raises(EngineError):
                Context(model, load)
            continue
        if sum(use.total_bytes for use in plan.buffers) > LARGEST_LOADED:
            continue
        planned += 1
        with Model(engine, path, load) as model:
            context = Context(model, load)
            context.warm_up()
            held = set(context.buffers())
            context.close()
        assert held == {
            BufferUse(
                name=use.buffer,
                weights_bytes=use.weights_bytes,
                context_bytes=use.kv_cache_bytes + use.recurrent_bytes,
                compute_bytes=use.compute_bytes,
            )
            for use in plan.buffers
        }, load
        if planned == 3:
            break
    planner.close()
    assert planned == 3


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_formula_follows_the_engine(engine: EngineLibrary, tmp_path: Path, family: str, seed: int) -> None:
    """Weights, cache and state equal to the byte; the sum within 0.5 % or 2 MiB; refusals the same."""
    header = drawn_model(family, seed, large=True)
    path = hollow(header, tmp_path)
    draw = random.Random(f"{family} {seed}")
    # Whether weights are rearranged depends on the processor.
    here = dataclasses.replace(snapshot(), ram_total_bytes=4_096 * GIB, ram_available_bytes=4_096 * GIB)
    planner = Planner(engine)
    for _ in range(5):
        load = drawn_load(draw, (4_096, 16_384, 32_768, 131_072))
        result = forecast(header, load, here)
        try:
            uses = planner.plan(path, load).buffers
        except EngineError:
            assert result.verdict is Verdict.UNSUPPORTED, load
            continue
        assert result.weights_bytes == sum(use.weights_bytes for use in uses), load
        assert result.kv_cache_bytes == sum(use.kv_cache_bytes for use in uses), load
        assert result.recurrent_bytes == sum(use.recurrent_bytes for use in uses), load
        total = sum(use.total_bytes for use in uses)
        assert result.total_bytes == pytest.approx(total, rel=0.005, abs=2 * MIB), load
    planner.close()
