"""Headers of models that nobody trained, in any size and type, to measure machines with.

They have the tensors of Llama, of Llama with a last block of its own width (``deci``), or of Qwen3 with experts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from garden.gguf.header import GgufHeader, TensorInfo, Value
from garden.gguf.tensor_type import TYPES_BY_NAME

_ALIGNMENT = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Experts:
    """What takes the place of the feed-forward of each block.

    Attributes:
        count: Of each block.
        used: Of them by each token.
        width: Between the two halves of one.
    """

    count: int
    used: int
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeUpModel:
    """A model without windows or recurrent state.

    Attributes:
        width: Embedding length, a multiple of ``heads``.
        feed_forward: Width between the two halves of a block.
        heads: Query heads.
        kv_heads: Heads of the cache.
        blocks: ≥ 1.
        vocabulary: Tokens.
        weights: Type of the matrices.
        ffn_down: Type of that one; ``weights`` when empty.
        output: Type of the output matrix; ``weights`` when empty.
        last_feed_forward: ``feed_forward`` of the last block; the same as of the others when 0.
        experts: None for a dense model.
        context_length: Tokens it claims to be trained for.
    """

    width: int
    feed_forward: int
    heads: int
    kv_heads: int
    blocks: int
    vocabulary: int
    weights: str
    ffn_down: str = ""
    output: str = ""
    last_feed_forward: int = 0
    experts: Experts | None = None
    context_length: int = 8_192

    @property
    def architecture(self) -> str:
        """GGUF's word for such models."""
        if self.experts:
            return "qwen3moe"
        return "deci" if self.last_feed_forward else "llama"

    def header(self) -> GgufHeader:
        """The header of its file; the embedding is F16 and a matrix of its own.

        Raises:
            KeyError: There is no such type.
        """
        named: list[tuple[str, tuple[int, ...], str]] = [("token_embd.weight", (self.width, self.vocabulary), "F16")]
        for block in range(self.blocks):
            named += [(f"blk.{block}.{name}.weight", shape, kind) for name, shape, kind in self._block(block)]
        named.append(("output_norm.weight", (self.width,), "F32"))
        named.append(("output.weight", (self.width, self.vocabulary), self.output or self.weights))
        tensors: list[TensorInfo] = []
        offset = 0
        for name, shape, kind in named:
            size = TYPES_BY_NAME[kind].size_of(math.prod(shape))
            tensors.append(TensorInfo(name=name, shape=shape, ggml_type=kind, offset=offset, size_bytes=size))
            offset += -(-size // _ALIGNMENT) * _ALIGNMENT
        return GgufHeader(
            version=3,
            alignment=_ALIGNMENT,
            metadata=self._metadata(),
            tensors=tuple(tensors),
            # What is written has no more than this before its weights.
            header_bytes=_ALIGNMENT,
            data_bytes=offset,
        )

    def _block(self, block: int) -> list[tuple[str, tuple[int, ...], str]]:
        width, kind, head = self.width, self.weights, self.width // self.heads
        found: list[tuple[str, tuple[int, ...], str]] = [
            ("attn_norm", (width,), "F32"),
            ("attn_q", (width, self.heads * head), kind),
            ("attn_k", (width, self.kv_heads * head), kind),
            ("attn_v", (width, self.kv_heads * head), kind),
            ("attn_output", (self.heads * head, width), kind),
            ("ffn_norm", (width,), "F32"),
        ]
        down = self.ffn_down or kind
        if self.experts is None:
            feed_forward = self._feed_forward(block)
            return [
                *found,
                ("ffn_gate", (width, feed_forward), kind),
                ("ffn_up", (width, feed_forward), kind),
                ("ffn_down", (feed_forward, width), down),
            ]
        count, hidden = self.experts.count, self.experts.width
        return [
            *found,
            ("attn_q_norm", (head,), "F32"),
            ("attn_k_norm", (head,), "F32"),
            ("ffn_gate_inp", (width, count), "F32"),
            ("ffn_gate_exps", (width, hidden, count), kind),
            ("ffn_up_exps", (width, hidden, count), kind),
            ("ffn_down_exps", (hidden, width, count), down),
        ]

    def _feed_forward(self, block: int) -> int:
        return self.last_feed_forward or self.feed_forward if block == self.blocks - 1 else self.feed_forward

    def _metadata(self) -> dict[str, Value]:
        head = self.width // self.heads
        values: dict[str, Value] = {
            "block_count": self.blocks,
            "context_length": self.context_length,
            "embedding_length": self.width,
            "feed_forward_length": self.feed_forward,
            "attention.head_count": self.heads,
            "attention.head_count_kv": self.kv_heads,
            "attention.layer_norm_rms_epsilon": 1e-5,
            "rope.dimension_count": head,
            "vocab_size": self.vocabulary,
        }
        if self.last_feed_forward:
            values["feed_forward_length"] = tuple(self._feed_forward(block) for block in range(self.blocks))
        if self.experts:
            values |= {
                "attention.key_length": head,
                "attention.value_length": head,
                "expert_count": self.experts.count,
                "expert_used_count": self.experts.used,
                "expert_feed_forward_length": self.experts.width,
            }
        family = self.architecture
        return {"general.architecture": family} | {f"{family}.{key}": value for key, value in values.items()}
