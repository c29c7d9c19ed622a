"""Models of real shapes with random weights and a vocabulary, to load in a pane and time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

from garden.gguf.dense_model import DenseModel
from garden.gguf.random_weights import random_weights
from garden.gguf.tensor_type import TENSOR_TYPES
from tests.tiny_models import add_tokenizer, finished

_NUMBERS = {kind.name: number for number, kind in TENSOR_TYPES.items()}


@dataclass(frozen=True)
class Experts:
    """What takes the place of the feed-forward of each block."""

    count: int
    used: int
    width: int


@dataclass(frozen=True)
class SpeedModel:
    """A model to time.

    Attributes:
        name: For the table.
        shape: Its matrices.
        experts: None for a dense one.
    """

    name: str
    shape: DenseModel
    experts: Experts | None = None

    def write(self, path: Path) -> Path:
        """Write it; one end token that is never likely, so that answers go on."""
        shape = self.shape
        architecture = "qwen3moe" if self.experts else "llama"
        writer = gguf.GGUFWriter(str(path), architecture)
        writer.add_name(self.name)
        writer.add_context_length(shape.context_length)
        writer.add_embedding_length(shape.width)
        writer.add_block_count(shape.blocks)
        writer.add_feed_forward_length(shape.feed_forward)
        writer.add_head_count(shape.heads)
        writer.add_head_count_kv(shape.kv_heads)
        writer.add_layer_norm_rms_eps(1e-5)
        head = shape.width // shape.heads
        if self.experts:
            writer.add_key_length(head)
            writer.add_value_length(head)
            writer.add_expert_count(self.experts.count)
            writer.add_expert_used_count(self.experts.used)
            writer.add_expert_feed_forward_length(self.experts.width)
        else:
            writer.add_rope_dimension_count(head)
        add_tokenizer(writer, None, size=shape.vocabulary)
        for tensor in self.shape.header().tensors:
            if self.experts and ".ffn_" in tensor.name and "norm" not in tensor.name:
                continue
            _add(writer, tensor.name, tensor.shape, tensor.ggml_type)
        for block in range(shape.blocks if self.experts else 0):
            self._add_experts(writer, block, head)
        return finished(writer, path)

    def _add_experts(self, writer: gguf.GGUFWriter, block: int, head: int) -> None:
        assert self.experts is not None
        shape, experts = self.shape, self.experts
        name = f"blk.{block}."
        for norm in ("attn_q_norm", "attn_k_norm"):
            _add(writer, f"{name}{norm}.weight", (head,), "F32")
        _add(writer, f"{name}ffn_gate_inp.weight", (shape.width, experts.count), "F32")
        for part in ("gate", "up"):
            _add(writer, f"{name}ffn_{part}_exps.weight", (shape.width, experts.width, experts.count), shape.weights)
        down = shape.ffn_down or shape.weights
        _add(writer, f"{name}ffn_down_exps.weight", (experts.width, shape.width, experts.count), down)


def _add(writer: gguf.GGUFWriter, name: str, shape: tuple[int, ...], kind: str) -> None:
    if len(shape) == 1:
        writer.add_tensor(name, np.ones(shape, np.float32))
        return
    if "gate_inp" in name:
        # Drawn whole: rows that repeat would tie experts, and the same ones would always win.
        drawn = np.random.default_rng(len(name)).standard_normal(tuple(reversed(shape))).astype(np.float32)
        writer.add_tensor(name, drawn)
        return
    number = _NUMBERS[kind]
    row_bytes = TENSOR_TYPES[number].size_of(shape[0])
    blocks = np.frombuffer(random_weights(kind), np.uint8)
    rows = [*reversed(shape[1:]), row_bytes]
    data = np.resize(blocks, int(np.prod(rows))).reshape(rows)
    writer.add_tensor(name, data, raw_dtype=gguf.GGMLQuantizationType(number))
