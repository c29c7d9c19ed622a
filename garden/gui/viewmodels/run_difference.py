"""How configurations are told in a few words, and how one differs from the pane that the others are held against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from garden.core.run_configuration import LoadParameters, RunConfiguration


@dataclass(frozen=True, slots=True)
class _Fact:
    """One thing that may differ: how it is read and how it is told."""

    read: Callable[[RunConfiguration], object]
    tell: Callable[[RunConfiguration], str]


def number(value: float) -> str:
    """``0.7``, ``1``, ``0.05``: no more digits than it has."""
    return f"{value:g}"


def cache_types(load: LoadParameters) -> str:
    """``q8_0``, or ``f16/q8_0`` where K and V differ."""
    return load.type_k if load.type_k == load.type_v else f"{load.type_k}/{load.type_v}"


#: What a pane's tags name, the most telling first.
_FACTS: tuple[_Fact, ...] = (
    _Fact(lambda run: run.ask.sampling.temperature, lambda run: f"temp {number(run.ask.sampling.temperature)}"),
    _Fact(
        lambda run: run.ask.system_prompt,
        lambda run: "system prompt" if run.ask.system_prompt else "no system prompt",
    ),
    _Fact(lambda run: run.ask.sampling.top_p, lambda run: f"top-p {number(run.ask.sampling.top_p)}"),
    _Fact(lambda run: run.ask.sampling.top_k, lambda run: f"top-k {run.ask.sampling.top_k}"),
    _Fact(lambda run: run.ask.sampling.min_p, lambda run: f"min-p {number(run.ask.sampling.min_p)}"),
    _Fact(
        lambda run: run.ask.sampling.repeat_penalty,
        lambda run: f"penalty {number(run.ask.sampling.repeat_penalty)}",
    ),
    _Fact(lambda run: run.ask.seed, lambda run: f"seed {run.ask.seed}"),
    _Fact(lambda run: run.ask.max_tokens, lambda run: f"max {run.ask.max_tokens:,}"),
    _Fact(lambda run: run.load.context_length, lambda run: f"context {run.load.context_length:,}"),
    _Fact(lambda run: cache_types(run.load), lambda run: f"KV {cache_types(run.load)}"),
)


def differences(run: RunConfiguration, baseline: RunConfiguration) -> tuple[str, ...]:
    """What a configuration has otherwise than the baseline, in a word or two each; the model itself is not named."""
    return tuple(fact.tell(run) for fact in _FACTS if fact.read(run) != fact.read(baseline))


def summary(run: RunConfiguration) -> str:
    """``temp 0.7 · top-p 0.8 · seed 4217 · max 1,024``: how a model is asked, in one line."""
    ask = run.ask
    parts = [f"temp {number(ask.sampling.temperature)}"]
    if not ask.sampling.greedy:
        parts += [f"top-p {number(ask.sampling.top_p)}", f"seed {ask.seed}"]
    parts.append(f"max {ask.max_tokens:,}")
    return " · ".join(parts)
