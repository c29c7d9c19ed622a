"""How a model is asked unless the user chooses otherwise: what its file recommends, else llama.cpp's defaults."""

from __future__ import annotations

import dataclasses
import math
import secrets
from collections.abc import Mapping

from garden.core.run_configuration import AskParameters, Sampling

# Keys that publishers write and llama.cpp reads (``general.sampling.*``), and our fields; with the range believed.
_KEYS: dict[str, tuple[str, float, float]] = {
    "general.sampling.temp": ("temperature", 0, 5),
    "general.sampling.top_k": ("top_k", 0, 1_000_000),
    "general.sampling.top_p": ("top_p", 0, 1),
    "general.sampling.min_p": ("min_p", 0, 1),
    "general.sampling.xtc_probability": ("xtc_probability", 0, 1),
    "general.sampling.xtc_threshold": ("xtc_threshold", 0, 1),
    "general.sampling.penalty_last_n": ("repeat_last_n", -1, 1_000_000),
    "general.sampling.penalty_repeat": ("repeat_penalty", 0.1, 10),
}


def default_ask(metadata: Mapping[str, object], *, seed: int | None = None) -> AskParameters:
    """The parameters to start from.

    Args:
        metadata: The file's own metadata; only sensible numbers are taken from it.
        seed: One concrete seed; drawn when None, and stored, so that the answer can be had again.
    """
    changes: dict[str, float | int] = {}
    for key, (field, lowest, highest) in _KEYS.items():
        value = metadata.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            whole = field in ("top_k", "repeat_last_n")
            if lowest <= value <= highest:
                changes[field] = int(value) if whole else float(value)
    sampling = dataclasses.replace(Sampling(), **changes)  # type: ignore[arg-type]  # field names are checked above
    template = "file" if isinstance(metadata.get("tokenizer.chat_template"), str) else "none"
    return AskParameters(template=template, sampling=sampling, seed=secrets.randbelow(2**31) if seed is None else seed)
