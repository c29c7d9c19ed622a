"""The most probable next tokens of a model, step by step with their logits, to hold two ways of computing together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from garden.core.errors import EngineError
from garden.core.messages import BufferUse
from garden.core.run_configuration import LoadParameters
from garden.engine.context import Context
from garden.engine.library import EngineLibrary
from garden.engine.model import Model

#: The CPU rounds activations to eight bits where a GPU keeps sixteen, so logits differ: by 1.0 at most and 0.002 at
#: the most probable token (SmolLM2 Q4_1, 16 steps, logits spread over ±15). Wrong kernels are off by many units.
NEAR_TIE = 1.0


@dataclass(frozen=True, slots=True)
class GreedySteps:
    """What a model would say, token after token.

    Attributes:
        tokens: The most probable token of each step.
        logits: (steps, vocabulary), before each of these tokens.
        buffers: What the engine held for it.
    """

    tokens: tuple[int, ...]
    logits: NDArray[np.float32]
    buffers: tuple[BufferUse, ...]


def greedy_steps(
    library: EngineLibrary,
    path: Path,
    load: LoadParameters,
    prompt: Sequence[int] | str,
    count: int,
    *,
    forced: Sequence[int] = (),
    devices: Sequence[str] = (),
) -> GreedySteps:
    """Load a model, read a prompt, go on greedily, and free the model.

    Args:
        library: The engine.
        path: GGUF file.
        load: How to load it.
        prompt: Text, or tokens.
        count: Steps, ≥ 1.
        forced: What is read after each step in place of the most probable token, so that a later step can be compared
            although an earlier one went the other way.
        devices: Where layers may move to; by default the engine chooses.

    Raises:
        GardenError: It cannot be loaded or computed.
    """
    with Model(library, path, load, devices=devices) as model:
        context = Context(model, load)
        try:
            held = (
                model.vocabulary.tokenize(prompt, add_special=True, parse_special=False)
                if isinstance(prompt, str)
                else list(prompt)
            )
            rows, tokens = [], []
            for step in range(count):
                context.reuse(held)
                context.read(held)
                row = _last_logits(library, context, model.vocabulary.size)
                if not np.isfinite(row).all():
                    raise EngineError("The engine computed something that is not a number.", "", f"step {step}")
                rows.append(row)
                tokens.append(int(row.argmax()))
                held.append(forced[step] if step < len(forced) else tokens[-1])
            return GreedySteps(tuple(tokens), np.stack(rows), context.buffers())
        finally:
            context.close()


def _last_logits(library: EngineLibrary, context: Context, vocab_size: int) -> NDArray[np.float32]:
    row = library.c.llama_get_logits_ith(context.pointer, -1)
    if not row:
        raise EngineError("The engine computed nothing.", "", library.log.take_errors())
    return np.ctypeslib.as_array(row, shape=(vocab_size,)).copy()


def largest_gap(reference: GreedySteps, other: GreedySteps) -> float:
    """Most that a token of the reference trails the best of the other, in the other's logits; 0.0 when none does.

    Args:
        reference: Greedy steps.
        other: Steps that were forced along the tokens of the reference.
    """
    chosen = other.logits[np.arange(len(reference.tokens)), list(reference.tokens)]
    return float((other.logits.max(axis=1) - chosen).max())


def check_agreement(backend: str, expected: GreedySteps, found: GreedySteps) -> float:
    """Refuse a backend that computes something else than the CPU.

    Args:
        backend: Its name, for people.
        expected: The CPU's steps.
        found: The backend's, forced along the CPU's tokens.

    Returns:
        The largest gap, in logits.

    Raises:
        EngineError: A token of the CPU trails by more than a near tie.
    """
    gap = largest_gap(expected, found)
    if not gap <= NEAR_TIE:
        raise EngineError(
            f"The {backend} backend computes something else than the CPU, so it stays off.",
            "A newer driver may help.",
            f"a token trails by {gap:.2f} logits; CPU {expected.tokens}, {backend} {found.tokens}",
        )
    return gap
