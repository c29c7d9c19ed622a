"""Files that hold what a header describes: random weights, and a vocabulary."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from garden.gguf.header import GgufHeader
from garden.gguf.random_weights import random_weights
from garden.gguf.tensor_type import TENSOR_TYPES
from tests.tiny_models import add_tokenizer, finished

_NUMBERS = {kind.name: number for number, kind in TENSOR_TYPES.items()}


def write_drawn_model(header: GgufHeader, path: Path, *, name: str = "Drawn", merges: bool = False) -> Path:
    """Write it, with a vocabulary of bytes; or one of merges, which takes as much memory as a real one."""
    writer = gguf.GGUFWriter(str(path), header.architecture or "")
    writer.add_name(name)
    for key, value in header.metadata.items():
        if isinstance(value, float):
            writer.add_float32(key, value)
        elif isinstance(value, bool):
            writer.add_bool(key, value)
        elif isinstance(value, int):
            writer.add_uint32(key, value)
        elif isinstance(value, tuple):
            writer.add_array(key, value)
    embedding = next(tensor for tensor in header.tensors if tensor.name == "token_embd.weight")
    add_tokenizer(writer, None, size=embedding.shape[1], fills_with_merges=merges)
    for tensor in header.tensors:
        _add(writer, tensor.name, tensor.shape, tensor.ggml_type)
    return finished(writer, path)


def _add(writer: gguf.GGUFWriter, name: str, shape: tuple[int, ...], kind: str) -> None:
    if len(shape) == 1:
        writer.add_tensor(name, np.ones(shape, np.float32))
        return
    if name.endswith("ssm_a"):
        # A state that would grow becomes infinite.
        writer.add_tensor(name, -np.ones(shape[::-1], np.float32))
        return
    number = _NUMBERS[kind]
    row_bytes = TENSOR_TYPES[number].size_of(shape[0])
    blocks = np.frombuffer(random_weights(kind), np.uint8)
    rows = [*reversed(shape[1:]), row_bytes]
    data = np.resize(blocks, int(np.prod(rows))).reshape(rows)
    writer.add_tensor(name, data, raw_dtype=gguf.GGMLQuantizationType(number))
