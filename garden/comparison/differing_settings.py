"""What sets panes apart besides the model: the few words a pane's header shows."""

from __future__ import annotations

from collections.abc import Sequence

from garden.core.quantity import format_tokens
from garden.core.run_configuration import RunConfiguration


def differing_settings(configurations: Sequence[RunConfiguration]) -> tuple[tuple[str, ...], ...]:
    """Per configuration, the settings in which not all are alike, e.g. ``temp 0.2`` or ``KV q8_0``."""
    settings = [_settings(configuration) for configuration in configurations]
    differing = [name for name in (settings[0] if settings else {}) if len({words[name] for words in settings}) > 1]
    return tuple(tuple(words[name] for name in differing) for words in settings)


def _settings(configuration: RunConfiguration) -> dict[str, str]:
    load, ask = configuration.load, configuration.ask
    sampling = ask.sampling
    kv = load.type_k if load.type_k == load.type_v else f"{load.type_k}/{load.type_v}"
    return {
        "temperature": "greedy" if sampling.greedy else f"temp {sampling.temperature:g}",
        "top_k": f"top-k {sampling.top_k}",
        "top_p": f"top-p {sampling.top_p:g}",
        "min_p": f"min-p {sampling.min_p:g}",
        "repeat_penalty": f"repeat {sampling.repeat_penalty:g}",
        "seed": "" if sampling.greedy else f"seed {ask.seed}",
        "max_tokens": f"max {ask.max_tokens:,}",
        "system": "no system prompt" if ask.system_prompt is None else f"system “{_short(ask.system_prompt)}”",
        "template": {"file": "", "none": "plain completion"}.get(ask.template, "own template"),
        "context": f"{format_tokens(load.context_length)} context",
        "kv": f"KV {kv}",
        "gpu": f"{load.n_gpu_layers} GPU layers",
        "flash": f"flash {load.flash_attention}",
        "threads": f"{load.threads} threads",
        "adapters": "" if not load.adapters else f"{len(load.adapters)} LoRA",
    }


def _short(text: str, length: int = 24) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"
