"""Headers of models that nobody trained, in any size and type, to measure machines with.

They have the tensors of Llama, of Llama with a last block of its own width (``deci``), of Qwen3 with experts, or of
Mamba, whose blocks have a state instead of a cache.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from garden.gguf.header import GgufHeader, TensorInfo, Value
from garden.gguf.tensor_type import TYPES_BY_NAME

_ALIGNMENT = 32

#: Tokens that a block with a state sees at once.
_CONVOLUTION = 4


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
    """A model without windows.

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
        state: Values of the state of each channel, of which there are twice ``width``; 0 for a model with attention,
            whose heads and feed-forward count for nothing otherwise.
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
    state: int = 0

    @property
    def architecture(self) -> str:
        """GGUF's word for such models."""
        if self.experts:
            return "qwen3moe"
        if self.state:
            return "mamba"
        return "deci" if self.last_feed_forward else "llama"

    def header(self) -> GgufHeader:
        """The header of its file; the embedding is F16 and a matrix of its own.

        Raises:
            KeyError: There is no such type.
        """
        named: list[tuple[str, tuple[int, ...], str]] = [("token_embd.weight", (self.width, self.vocabulary), "F16")]
        for block in range(self.blocks):
            named += [(f"blk.{block}.{name}", shape, kind) for name, shape, kind in self._block(block)]
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
        if self.state:
            return self._recurrent_block()
        width, kind, head = self.width, self.weights, self.width // self.heads
        found: list[tuple[str, tuple[int, ...], str]] = [
            ("attn_norm.weight", (width,), "F32"),
            ("attn_q.weight", (width, self.heads * head), kind),
            ("attn_k.weight", (width, self.kv_heads * head), kind),
            ("attn_v.weight", (width, self.kv_heads * head), kind),
            ("attn_output.weight", (self.heads * head, width), kind),
            ("ffn_norm.weight", (width,), "F32"),
        ]
        down = self.ffn_down or kind
        if self.experts is None:
            feed_forward = self._feed_forward(block)
            return [
                *found,
                ("ffn_gate.weight", (width, feed_forward), kind),
                ("ffn_up.weight", (width, feed_forward), kind),
                ("ffn_down.weight", (feed_forward, width), down),
            ]
        count, hidden = self.experts.count, self.experts.width
        return [
            *found,
            ("attn_q_norm.weight", (head,), "F32"),
            ("attn_k_norm.weight", (head,), "F32"),
            ("ffn_gate_inp.weight", (width, count), "F32"),
            ("ffn_gate_exps.weight", (width, hidden, count), kind),
            ("ffn_up_exps.weight", (width, hidden, count), kind),
            ("ffn_down_exps.weight", (hidden, width, count), down),
        ]

    def _recurrent_block(self) -> list[tuple[str, tuple[int, ...], str]]:
        width, kind, inner, rank = self.width, self.weights, 2 * self.width, self._rank
        return [
            ("attn_norm.weight", (width,), "F32"),
            ("ssm_in.weight", (width, 2 * inner), kind),
            ("ssm_conv1d.weight", (_CONVOLUTION, inner), "F32"),
            ("ssm_conv1d.bias", (inner,), "F32"),
            ("ssm_x.weight", (inner, rank + 2 * self.state), kind),
            ("ssm_dt.weight", (rank, inner), kind),
            ("ssm_dt.bias", (inner,), "F32"),
            ("ssm_a", (self.state, inner), "F32"),
            ("ssm_d", (inner,), "F32"),
            ("ssm_out.weight", (inner, width), kind),
        ]

    @property
    def _rank(self) -> int:
        """Of the step's matrices: a multiple of 32 near a sixteenth of the width."""
        return max(32, self.width // 16 // 32 * 32)

    def _feed_forward(self, block: int) -> int:
        return self.last_feed_forward or self.feed_forward if block == self.blocks - 1 else self.feed_forward

    def _metadata(self) -> dict[str, Value]:
        if self.state:
            return self._recurrent_metadata()
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

    def _recurrent_metadata(self) -> dict[str, Value]:
        values: dict[str, Value] = {
            "block_count": self.blocks,
            "context_length": self.context_length,
            "embedding_length": self.width,
            "feed_forward_length": 0,
            "attention.head_count": 0,
            "attention.layer_norm_rms_epsilon": 1e-5,
            "ssm.conv_kernel": _CONVOLUTION,
            "ssm.inner_size": 2 * self.width,
            "ssm.state_size": self.state,
            "ssm.time_step_rank": self._rank,
            "vocab_size": self.vocabulary,
        }
        return {"general.architecture": "mamba"} | {f"mamba.{key}": value for key, value in values.items()}
