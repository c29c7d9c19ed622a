"""Plans of slices of architectures that few files have: what the tests of the formula hold it against."""

from __future__ import annotations

from pathlib import Path

import pytest

from garden.engine.library import EngineLibrary
from garden.engine.planner import Planner
from tests.fit.hollow import hollow
from tests.fit.slices import SLICES, slice_header, slice_plans

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("architecture", SLICES)
def test_the_engine_still_plans_the_same(engine: EngineLibrary, tmp_path: Path, architecture: str) -> None:
    path = hollow(slice_header(architecture), tmp_path)
    planner = Planner(engine)
    for plan in slice_plans(architecture):
        uses = planner.plan(path, plan.load).buffers
        assert sum(use.weights_bytes for use in uses) == plan.weights, plan
        assert sum(use.kv_cache_bytes + use.recurrent_bytes for use in uses) == plan.cache_and_state, plan
        assert sum(use.compute_bytes for use in uses) == plan.compute, plan
    planner.close()
