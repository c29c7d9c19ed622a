"""Models made by code, run for real."""

from __future__ import annotations

from pathlib import Path

import pytest

from garden.core.run_configuration import LoadParameters
from garden.engine.library import EngineLibrary
from garden.engine.stopwatch import Stopwatch
from tests.gguf.test_made_up_model import MODELS, written

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("name", MODELS)
def test_the_engine_runs_it(name: str, tmp_path: Path, engine: EngineLibrary) -> None:
    load = LoadParameters(context_length=256, n_batch=32, n_ubatch=32)
    watch = Stopwatch(engine, written(MODELS[name].header(), tmp_path), load, tokens=96)
    try:
        assert watch.prompt_seconds(16) > 0
        assert watch.token_seconds(seconds=0.01, steps=9) > 0
    finally:
        watch.close()
