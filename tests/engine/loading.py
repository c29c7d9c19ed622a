"""Short ways to a loaded model and its greedy answer."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from garden.core.run_configuration import LoadParameters, Sampling
from garden.engine.context import Context
from garden.engine.library import EngineLibrary
from garden.engine.model import Model
from garden.engine.sampler import Sampler

GREEDY = Sampling(temperature=0)


def load_parameters(**changes: Any) -> LoadParameters:
    """A small context on two threads."""
    return dataclasses.replace(LoadParameters(context_length=512, threads=2, threads_batch=2), **changes)


def answer(
    context: Context, model: Model, prompt: list[int], *, count: int = 16, sampling: Sampling = GREEDY, seed: int = 0
) -> list[int]:
    """The next tokens, end tokens ignored."""
    context.reuse(prompt)
    context.read(prompt)
    sampler = Sampler(model, sampling, seed, context_length=context.length)
    sampler.remember(prompt)
    tokens = []
    for token in context.generate(sampler, ignore_eos=True):
        tokens.append(token)
        if len(tokens) == count:
            break
    sampler.close()
    return tokens


def greedy(engine: EngineLibrary, path: Path, **changes: Any) -> list[int]:
    """Greedy tokens after a fixed prompt, loaded so."""
    load = load_parameters(**changes)
    with Model(engine, path, load) as model:
        context = Context(model, load)
        prompt = model.vocabulary.tokenize("The quick brown fox", add_special=True, parse_special=True)
        tokens = answer(context, model, prompt)
        context.close()
    return tokens
