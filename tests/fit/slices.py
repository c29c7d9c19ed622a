"""Slices: the first blocks of models of architectures that few files have, and what the engine planned for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from garden.core.run_configuration import LoadParameters
from garden.gguf.header import GgufHeader, TensorInfo
from garden.gguf.tensor_type import TYPES_BY_NAME
from tests.fit.headers import header

SLICES: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))[
    "slices"
]


class SlicePlan(NamedTuple):
    """What the engine planned for one way of loading a slice; bytes."""

    context_length: int
    n_ubatch: int
    n_sequences: int
    flash_attention: str
    type_k: str
    type_v: str
    weights: int
    cache_and_state: int
    compute: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.cache_and_state + self.compute

    @property
    def load(self) -> LoadParameters:
        """How it was loaded."""
        return LoadParameters(
            context_length=self.context_length,
            n_batch=self.n_ubatch,
            n_ubatch=self.n_ubatch,
            n_sequences=self.n_sequences,
            n_outputs_max=self.n_sequences,
            flash_attention="on" if self.flash_attention == "on" else "off",
            type_k=self.type_k,
            type_v=self.type_v,
        )


def slice_plans(architecture: str) -> list[SlicePlan]:
    """The plans of a slice."""
    return [SlicePlan(*row) for row in SLICES[architecture]["rows"]]


def slice_header(architecture: str) -> GgufHeader:
    """The header of a slice: matrices in F16, all else in full precision."""
    item = SLICES[architecture]
    shapes = dict(item["outside"])
    for group in item["groups"]:
        for block in group["blocks"]:
            shapes |= {f"blk.{block}.{name}": shape for name, shape in group["tensors"].items()}
    tensors: list[TensorInfo] = []
    offset = 0
    for name, shape in shapes.items():
        kind = TYPES_BY_NAME["F32" if len(shape) == 1 or shape[0] % 32 else "F16"]
        elements = 1
        for length in shape:
            elements *= length
        size = kind.size_of(elements)
        tensors.append(TensorInfo(name=name, shape=tuple(shape), ggml_type=kind.name, offset=offset, size_bytes=size))
        offset += -(-size // 32) * 32
    metadata = {key: tuple(value) if isinstance(value, list) else value for key, value in item["metadata"].items()}
    prefix = f"{architecture}."
    own = {key.removeprefix(prefix): value for key, value in metadata.items() if key.startswith(prefix)}
    return header(architecture, own, tensors, **{k: v for k, v in metadata.items() if not k.startswith(prefix)})
