"""How a pane can be asked: names, bounds, how each is read and written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from garden.core.run_configuration import KV_TYPES, RunConfiguration

#: Largest seed that the engine tells from "draw one".
_LARGEST_SEED = 2**32 - 2


@dataclass(frozen=True, slots=True)
class NumberSetting:
    """A number.

    Attributes:
        name: Key.
        title: Shown above its field.
        low: Least value.
        high: Greatest value.
        step: Of the arrow keys.
        decimals: Digits after the point; 0 is a whole number.
        hint: What it does, one sentence.
        read: Takes it from a configuration.
        write: A configuration with another value.
    """

    name: str
    title: str
    low: float
    high: float
    step: float
    decimals: int
    hint: str
    read: Callable[[RunConfiguration], float]
    write: Callable[[RunConfiguration, float], RunConfiguration]


def _sampling(
    field: str, kind: type[float] | type[int] = float
) -> Callable[[RunConfiguration, float], RunConfiguration]:
    def write(run: RunConfiguration, value: float) -> RunConfiguration:
        change: dict[str, Any] = {field: kind(value)}
        return run.with_ask(sampling=dataclasses.replace(run.ask.sampling, **change))

    return write


NUMBERS: tuple[NumberSetting, ...] = (
    NumberSetting(
        "temperature",
        "Temperature",
        0,
        5,
        0.1,
        2,
        "0 always takes the most probable token; higher values dare more.",
        lambda run: run.ask.sampling.temperature,
        _sampling("temperature"),
    ),
    NumberSetting(
        "seed",
        "Seed",
        0,
        _LARGEST_SEED,
        1,
        0,
        "The same seed, model and settings give the same answer again.",
        lambda run: run.ask.seed,
        lambda run, value: run.with_ask(seed=int(value)),
    ),
    NumberSetting(
        "top_p",
        "Top-p",
        0,
        1,
        0.05,
        2,
        "Keeps the most probable tokens that together reach this probability; 1 keeps all.",
        lambda run: run.ask.sampling.top_p,
        _sampling("top_p"),
    ),
    NumberSetting(
        "top_k",
        "Top-k",
        0,
        100_000,
        10,
        0,
        "Keeps this many of the most probable tokens; 0 keeps all.",
        lambda run: run.ask.sampling.top_k,
        _sampling("top_k", int),
    ),
    NumberSetting(
        "max_tokens",
        "Max tokens",
        1,
        1_000_000,
        128,
        0,
        "The answer ends here at the latest.",
        lambda run: run.ask.max_tokens,
        lambda run, value: run.with_ask(max_tokens=int(value)),
    ),
)

#: Types of the cache that are offered, the most exact first.
CACHE_TYPES = tuple(name for name in ("f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "f32") if name in KV_TYPES)


def with_setting(run: RunConfiguration, name: str, value: float | str) -> RunConfiguration:
    """A configuration with one setting changed.

    Args:
        run: The configuration.
        name: Of NUMBERS, or ``system_prompt``.
        value: A number within the setting's bounds, or a text; an empty one sends no system message.
    """
    if name == "system_prompt":
        text = str(value)
        return run.with_ask(system_prompt=text if text.strip() else None)
    setting = next(number for number in NUMBERS if number.name == name)
    return setting.write(run, min(setting.high, max(setting.low, float(value))))


def asked_like(run: RunConfiguration, other: RunConfiguration) -> RunConfiguration:
    """Ask one model as another is asked, as far as that is no matter of the model: only then is a comparison one."""
    ask = other.ask
    return run.with_ask(seed=ask.seed, max_tokens=ask.max_tokens, system_prompt=ask.system_prompt)


def with_settings_of(run: RunConfiguration, first: RunConfiguration) -> RunConfiguration:
    """How a model is asked like another one; its template stays its own."""
    ask = dataclasses.replace(first.ask, template=run.ask.template, template_sha256=run.ask.template_sha256)
    return dataclasses.replace(run, ask=ask)
