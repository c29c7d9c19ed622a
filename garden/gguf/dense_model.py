"""Headers of models that nobody trained: Llama's tensors in any size and type, to measure machines with."""

from __future__ import annotations

from dataclasses import dataclass

from garden.gguf.header import GgufHeader, TensorInfo, Value
from garden.gguf.tensor_type import TYPES_BY_NAME

_ALIGNMENT = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseModel:
    """A model without experts, windows or recurrent state.

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
        last_feed_forward: The same width of the last block; ``feed_forward`` when 0.
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
    context_length: int = 8_192

    def header(self) -> GgufHeader:
        """The header of its file; the embedding is F16 and a matrix of its own.

        Raises:
            KeyError: There is no such type.
        """
        head = self.width // self.heads
        named: list[tuple[str, tuple[int, ...], str]] = [("token_embd.weight", (self.width, self.vocabulary), "F16")]
        for block in range(self.blocks):
            named += [(f"blk.{block}.{norm}.weight", (self.width,), "F32") for norm in ("attn_norm", "ffn_norm")]
            named += [
                (f"blk.{block}.{name}.weight", (row, rows), kind)
                for name, (row, rows, kind) in self._matrices(head, self._feed_forward(block)).items()
            ]
        named.append(("output_norm.weight", (self.width,), "F32"))
        named.append(("output.weight", (self.width, self.vocabulary), self.output or self.weights))
        tensors: list[TensorInfo] = []
        offset = 0
        for name, shape, kind in named:
            elements = shape[0] * (shape[1] if len(shape) > 1 else 1)
            size = TYPES_BY_NAME[kind].size_of(elements)
            tensors.append(TensorInfo(name=name, shape=shape, ggml_type=kind, offset=offset, size_bytes=size))
            offset += -(-size // _ALIGNMENT) * _ALIGNMENT
        return GgufHeader(
            version=3,
            alignment=_ALIGNMENT,
            metadata=self._metadata(head),
            tensors=tuple(tensors),
            # What is written has no more than this before its weights.
            header_bytes=_ALIGNMENT,
            data_bytes=offset,
        )

    def _feed_forward(self, block: int) -> int:
        return self.last_feed_forward or self.feed_forward if block == self.blocks - 1 else self.feed_forward

    def _matrices(self, head: int, feed_forward: int) -> dict[str, tuple[int, int, str]]:
        width, kind = self.width, self.weights
        return {
            "attn_q": (width, self.heads * head, kind),
            "attn_k": (width, self.kv_heads * head, kind),
            "attn_v": (width, self.kv_heads * head, kind),
            "attn_output": (self.heads * head, width, kind),
            "ffn_gate": (width, feed_forward, kind),
            "ffn_up": (width, feed_forward, kind),
            "ffn_down": (feed_forward, width, self.ffn_down or kind),
        }

    def _metadata(self, head: int) -> dict[str, Value]:
        numbers: dict[str, Value] = {
            "block_count": self.blocks,
            "context_length": self.context_length,
            "embedding_length": self.width,
            "feed_forward_length": (
                tuple(self._feed_forward(block) for block in range(self.blocks))
                if self.last_feed_forward
                else self.feed_forward
            ),
            "attention.head_count": self.heads,
            "attention.head_count_kv": self.kv_heads,
            "attention.layer_norm_rms_epsilon": 1e-5,
            "rope.dimension_count": head,
            "vocab_size": self.vocabulary,
        }
        # Llama with blocks of different widths has a name of its own.
        family = "deci" if self.last_feed_forward else "llama"
        return {"general.architecture": family} | {f"{family}.{key}": value for key, value in numbers.items()}
