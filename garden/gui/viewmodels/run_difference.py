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


def _plural(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def cache_types(load: LoadParameters) -> str:
    """``q8_0``, or ``f16/q8_0`` where K and V differ."""
    return load.type_k if load.type_k == load.type_v else f"{load.type_k}/{load.type_v}"


#: What a pane's tags name, the most telling first: how it is asked.
_ASKED: tuple[_Fact, ...] = (
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
)

#: How it is loaded.
_LOADED: tuple[_Fact, ...] = (
    _Fact(lambda run: run.load.context_length, lambda run: f"context {run.load.context_length:,}"),
    _Fact(lambda run: cache_types(run.load), lambda run: f"KV {cache_types(run.load)}"),
    _Fact(lambda run: run.load.flash_attention, lambda run: f"flash {run.load.flash_attention}"),
    _Fact(lambda run: run.load.n_sequences, lambda run: _plural(run.load.n_sequences, "sequence")),
    _Fact(lambda run: run.load.n_batch, lambda run: f"batch {run.load.n_batch:,}"),
    _Fact(lambda run: run.load.n_ubatch, lambda run: f"micro-batch {run.load.n_ubatch:,}"),
    _Fact(lambda run: run.load.threads, lambda run: _plural(run.load.threads, "thread")),
    _Fact(lambda run: run.load.threads_batch, lambda run: f"{_plural(run.load.threads_batch, 'thread')} for prompts"),
    _Fact(lambda run: run.load.load_mode, lambda run: "mapped" if run.load.load_mode == "mmap" else "read"),
    _Fact(lambda run: run.load.repack, lambda run: "repacked" if run.load.repack else "not repacked"),
    _Fact(lambda run: run.load.swa_full, lambda run: "full window" if run.load.swa_full else "sliding window"),
    _Fact(lambda run: run.load.kv_unified, lambda run: "one cache" if run.load.kv_unified else "a cache each"),
)

#: What only tells something where both load the same file: elsewhere it follows from the model.
_OF_ONE_FILE: tuple[_Fact, ...] = (
    _Fact(lambda run: run.load.n_gpu_layers, lambda run: f"{run.load.n_gpu_layers} on GPU"),
    _Fact(
        lambda run: run.load.tensor_placement,
        lambda run: "experts placed" if run.load.tensor_placement else "experts with their layers",
    ),
)


def differences(run: RunConfiguration, baseline: RunConfiguration) -> tuple[str, ...]:
    """What a configuration has otherwise than the baseline, in a word or two each; the model itself is not named."""
    return (*_told(_ASKED, run, baseline), *load_differences(run, baseline))


def load_differences(run: RunConfiguration, baseline: RunConfiguration) -> tuple[str, ...]:
    """What is loaded otherwise than the baseline; what follows from the model is told of one model alone."""
    facts = (*_LOADED, *_OF_ONE_FILE) if run.model.path == baseline.model.path else _LOADED
    return _told(facts, run, baseline)


def _told(facts: tuple[_Fact, ...], run: RunConfiguration, baseline: RunConfiguration) -> tuple[str, ...]:
    return tuple(fact.tell(run) for fact in facts if fact.read(run) != fact.read(baseline))


def summary(run: RunConfiguration) -> str:
    """``temp 0.7 · top-p 0.8 · seed 4217 · max 1,024``: how a model is asked, in one line."""
    ask = run.ask
    parts = [f"temp {number(ask.sampling.temperature)}"]
    if not ask.sampling.greedy:
        parts += [f"top-p {number(ask.sampling.top_p)}", f"seed {ask.seed}"]
    parts.append(f"max {ask.max_tokens:,}")
    return " · ".join(parts)
