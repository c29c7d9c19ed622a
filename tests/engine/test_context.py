"""The cache: what is reused of a prompt is never wrong, and a cancel leaves it usable."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from garden.core.errors import CancelledByUser
from garden.engine.context import CacheFull, Context
from garden.engine.library import EngineLibrary
from garden.engine.model import Model
from garden.engine.sampler import Sampler
from tests.engine.loading import GREEDY, answer, load_parameters
from tests.tiny_families import write_recurrent_model, write_sliding_model
from tests.tiny_models import write_tiny_model

pytestmark = pytest.mark.engine

LONG = random.Random(1).choices(range(250), k=1_500)


@pytest.fixture
def model(engine: EngineLibrary, tiny_model: Path) -> Model:
    return Model(engine, tiny_model, load_parameters())


@pytest.fixture
def context(model: Model) -> Context:
    return Context(model, load_parameters())


@pytest.mark.parametrize("write", [write_tiny_model, write_sliding_model, write_recurrent_model])
def test_going_back_in_a_conversation_gives_what_a_fresh_cache_gives(
    engine: EngineLibrary, tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    load = load_parameters(context_length=2_048, n_batch=64, n_ubatch=64)
    model = Model(engine, write(tmp_path / "model.gguf"), load)
    used, fresh = Context(model, load), Context(model, load)
    answer(used, model, LONG)

    branched = [*LONG[:896], 7, 8, 9]

    assert answer(used, model, branched) == answer(fresh, model, branched)


@pytest.mark.parametrize("write", [write_tiny_model, write_sliding_model, write_recurrent_model])
def test_a_conversation_that_goes_on_reads_only_what_is_new(
    engine: EngineLibrary, tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    load = load_parameters(context_length=2_048)
    model = Model(engine, write(tmp_path / "model.gguf"), load)
    context = Context(model, load)
    said = answer(context, model, LONG[:300])

    # The last token said was never read.
    assert context.reuse([*LONG[:300], *said, 1, 2, 3]) == 300 + len(said) - 1


def test_the_last_token_of_a_known_prompt_is_read_again(context: Context, model: Model) -> None:
    first = answer(context, model, LONG[:100])

    assert context.reuse(LONG[:100]) == 99
    assert answer(context, model, LONG[:100]) == first


def test_a_prompt_that_fills_the_context_is_refused(context: Context) -> None:
    with pytest.raises(CacheFull):
        context.reuse(LONG[:512])


def test_the_answer_ends_when_the_context_is_full(context: Context, model: Model) -> None:
    prompt = LONG[:500]
    context.reuse(prompt)
    context.read(prompt)
    said = []
    with pytest.raises(CacheFull):
        for token in context.generate(Sampler(model, GREEDY, 0, context_length=512), ignore_eos=True):
            said.append(token)

    assert len(prompt) + len(said) == 512 + 1
    assert len(answer(context, model, prompt, count=3)) == 3


def test_a_cancel_stops_reading_at_once_and_the_cache_stays_usable(engine: EngineLibrary, tmp_path: Path) -> None:
    load = load_parameters(context_length=16_384, n_batch=4_096, n_ubatch=4_096)
    model = Model(engine, write_tiny_model(tmp_path / "model.gguf", blocks=8, context_length=16_384), load)
    context = Context(model, load)
    prompt = LONG * 10
    before = answer(context, model, LONG[:50])
    cancelled_at: list[float] = []

    def cancel() -> None:
        cancelled_at.append(time.perf_counter())
        context.cancel()

    context.reuse(prompt)
    threading.Timer(0.1, cancel).start()
    with pytest.raises(CancelledByUser):
        context.read(prompt)
    stopped_after = time.perf_counter() - cancelled_at[0]
    context.rearm()

    # 5 ms on a quiet machine; one batch alone takes seconds.
    assert stopped_after < 0.5
    assert answer(context, model, LONG[:50]) == before


def test_a_cancel_before_the_work_is_not_lost(context: Context) -> None:
    context.cancel()
    context.reuse(LONG[:50])

    with pytest.raises(CancelledByUser):
        context.read(LONG[:50])


def test_the_context_is_what_the_engine_made_of_it(engine: EngineLibrary, tiny_model: Path) -> None:
    load = load_parameters(context_length=1_000, n_sequences=2, n_outputs_max=2)
    context = Context(Model(engine, tiny_model, load), load)

    assert (context.length, context.total_length) == (512, 1_024)
