"""Headers of models that nobody has made: families of architectures with shapes drawn at random.

No table can be fitted to them. Small ones can be loaded for real, as files of zeros; large ones are as large as
published models.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from garden.gguf.header import GgufHeader, TensorInfo, Value
from garden.gguf.tensor_type import TENSOR_TYPES, TYPES_BY_NAME
from tests.fit.headers import _metadata as published_metadata
from tests.fit.headers import header
from tests.fit.hollow import complete
from tests.hubserver.mixture import MIXTURES, stored_tensors
from tests.hubserver.shapes import Model, Tensor


class Draw(random.Random):
    """Draws for one model.

    Attributes:
        large: Whether the model is to be as large as published ones.
    """

    large = False

    def width(self, step: int, low: int, high: int) -> int:
        """A multiple of a step, between two bounds for a small model."""
        scale = 8 if self.large else 1
        return step * self.randint(scale * low // step, scale * high // step)

    def blocks(self, low: int, high: int) -> int:
        """A number of blocks, between two bounds for a small model."""
        return self.randint(low, high) * (6 if self.large else 1)

    def hidden(self, width: int) -> int:
        """Width of a feed-forward part beside a model this wide."""
        return 64 * round(width * self.uniform(1.4, 4.5) / 64)

    def heads(self) -> int:
        """A number of KV heads."""
        return self.choice([4, 8, 16] if self.large else [1, 2, 4])


def drawn_model(family: str, seed: int, *, large: bool = False) -> GgufHeader:
    """A header of this family; the same for the same seed."""
    draw = Draw(f"{family} {seed}")
    draw.large = large
    return complete(FAMILIES[family](draw))


def _common(draw: Draw) -> dict[str, Any]:
    kv_heads = draw.heads()
    head = draw.choice([64, 96, 128])
    width = draw.width(64, 256, 1_024)
    return {
        "block_count": draw.blocks(2, 6),
        "embedding_length": width,
        "feed_forward_length": draw.hidden(width),
        "head_count": kv_heads * draw.choice([1, 2, 4]),
        "head_count_kv": kv_heads,
        "key_length": head,
        "value_length": head,
        "context_length": draw.choice([2_048, 8_192, 131_072]),
        "vocab_size": draw.width(32, 512, 40_000),
        "tied_embeddings": draw.random() < 0.4,
        "rope_dimension_count": head,
    }


def _heads_as_wide(draw: Draw) -> dict[str, Any]:
    """All heads together are as wide as the model, as these families want it."""
    kv_heads, head = draw.heads(), draw.choice([64, 128])
    heads = kv_heads * draw.choice([2, 4])
    return {
        "feed_forward_length": draw.hidden(heads * head),
        "head_count": heads,
        "head_count_kv": kv_heads,
        "key_length": head,
        "value_length": head,
        "rope_dimension_count": head,
        "embedding_length": heads * head,
    }


def _heads_alike(draw: Draw) -> dict[str, Any]:
    wide = _heads_as_wide(draw)
    return {**wide, "head_count_kv": wide["head_count"]}


def _experts(draw: Draw, *, shared: int = 0) -> dict[str, Any]:
    count = draw.choice([4, 8, 16, 32])
    hidden = draw.width(64, 64, 768)
    return {
        "expert_count": count,
        "expert_used_count": draw.randint(1, min(8, count)),
        "feed_forward_length": hidden,
        "expert_feed_forward_length": hidden,
        "expert_shared_count": shared,
        "expert_shared_feed_forward_length": shared * hidden or None,
        "leading_dense_block_count": 0,
    }


def _shared_experts(draw: Draw) -> dict[str, Any]:
    return _experts(draw, shared=draw.choice([1, 2]))


def _of_shapes(architecture: str, *, mixture: str | None = None, **fixed: Any) -> Callable[[Draw], GgufHeader]:
    """A family whose tensors the Hub's server knows."""

    def make(draw: Draw) -> GgufHeader:
        item = {"architecture": architecture, **_common(draw)}
        for key, value in fixed.items():
            item |= value(draw) if key.startswith("more") else {key: value(draw, item) if callable(value) else value}
        model = Model(item)
        chosen = MIXTURES[mixture or draw.choice(["Q4_K_M", "Q8_0", "F16", "Q4_0", "Q5_K_S", "BF16"])]
        tensors = tuple(
            TensorInfo(
                name=stored.tensor.name,
                shape=stored.tensor.shape,
                ggml_type=TENSOR_TYPES[stored.ggml_type].name,
                offset=stored.offset,
                size_bytes=stored.size_bytes,
            )
            for stored in stored_tensors(model, chosen)
        )
        return header(architecture, published_metadata(model), tensors)

    return make


def _latent(draw: Draw) -> dict[str, Any]:
    rank, rope = draw.choice([64, 128, 256]), draw.choice([32, 64])
    return {
        "head_count": 4 * draw.heads(),
        "head_count_kv": 1,
        "kv_lora_rank": rank,
        "rope_dimension_count": rope,
        "key_length": rank + rope,
        "value_length": rank,
        "key_length_mla": rope + draw.choice([32, 64, 128]),
        "value_length_mla": draw.choice([64, 128]),
        "q_lora_rank": draw.choice([64, 192]),
        "tied_embeddings": False,
    }


def _recurrent(draw: Draw) -> dict[str, Any]:
    width = draw.width(64, 128, 768)
    return {
        "embedding_length": width,
        "head_count": 0,
        "head_count_kv": 0,
        "feed_forward_length": 0,
        "key_length": None,
        "value_length": None,
        "rope_dimension_count": None,
        "ssm_conv_kernel": 4,
        "ssm_inner_size": 2 * width,
        "ssm_state_size": draw.choice([8, 16, 32]),
        "ssm_time_step_rank": draw.width(16, 16, 64),
        "ssm_group_count": 0,
    }


def _hybrid(draw: Draw) -> dict[str, Any]:
    blocks = draw.blocks(3, 8)
    kv_heads = draw.heads()
    attends = draw.randrange(blocks)
    heads = draw.width(8, 8, 32)
    return {
        "block_count": blocks,
        "head_count": kv_heads * 2,
        "head_count_kv": [kv_heads if block == attends or draw.random() < 0.3 else 0 for block in range(blocks)],
        "ssm_conv_kernel": 4,
        "embedding_length": heads * 32,
        "ssm_inner_size": 2 * heads * 32,
        "ssm_state_size": draw.choice([32, 64, 128]),
        "ssm_time_step_rank": heads,
        "ssm_group_count": 1,
    }


def _per_layer_heads(draw: Draw) -> GgufHeader:
    """Gemma 4: heads of two sizes, sliding and full, later layers without a cache of their own."""
    blocks = draw.blocks(4, 8)
    width = draw.width(64, 256, 1_024)
    hidden = draw.hidden(width)
    kv_heads = draw.heads()
    heads = kv_heads * draw.choice([2, 4])
    full, sliding = draw.choice([128, 256]), draw.choice([64, 128])
    side, vocabulary = draw.choice([32, 64]), draw.width(32, 512, 20_000)
    pattern = [draw.random() < 0.7 for _ in range(blocks)]
    shared = draw.randint(0, blocks - 2)
    # Layers without a cache read one of the last two that have one: the sliding one, or the full one after it.
    pattern[blocks - shared - 2 : blocks - shared] = [True, False]
    metadata: dict[str, Value] = {
        "block_count": blocks,
        "embedding_length": width,
        "context_length": 8_192,
        "feed_forward_length": hidden,
        "vocab_size": vocabulary,
        "attention.head_count": heads,
        "attention.head_count_kv": kv_heads,
        "attention.key_length": full,
        "attention.value_length": full,
        "attention.key_length_swa": sliding,
        "attention.value_length_swa": sliding,
        "attention.sliding_window": draw.choice([128, 512]),
        "attention.sliding_window_pattern": tuple(pattern),
        "attention.shared_kv_layers": shared,
        "embedding_length_per_layer_input": side,
        "rope.dimension_count": full,
        "rope.dimension_count_swa": sliding,
    }

    def tensors() -> Iterator[Tensor]:
        yield Tensor("token_embd.weight", (width, vocabulary))
        yield Tensor("per_layer_token_embd.weight", (side * blocks, vocabulary))
        yield Tensor("per_layer_model_proj.weight", (width, side * blocks))
        yield Tensor("per_layer_proj_norm.weight", (side,))
        yield Tensor("output_norm.weight", (width,))
        yield Tensor("rope_freqs.weight", (full // 2,))
        for block, slides in enumerate(pattern):
            head = sliding if slides else full
            yield from (
                Tensor(f"blk.{block}.{name}", shape)
                for name, shape in (
                    ("attn_norm.weight", (width,)),
                    ("attn_q.weight", (width, heads * head)),
                    ("attn_k.weight", (width, kv_heads * head)),
                    ("attn_output.weight", (heads * head, width)),
                    ("attn_q_norm.weight", (head,)),
                    ("attn_k_norm.weight", (head,)),
                    ("post_attention_norm.weight", (width,)),
                    ("ffn_norm.weight", (width,)),
                    ("ffn_gate.weight", (width, hidden)),
                    ("ffn_up.weight", (width, hidden)),
                    ("ffn_down.weight", (hidden, width)),
                    ("post_ffw_norm.weight", (width,)),
                    ("inp_gate.weight", (width, side)),
                    ("proj.weight", (side, width)),
                    ("post_norm.weight", (width,)),
                )
                if not (block >= blocks - shared and name.startswith("attn_k"))
            )

    return header("gemma4", metadata, _typed(tensors(), draw.choice(["F16", "Q8_0"])))


def _short_convolutions(draw: Draw) -> GgufHeader:
    """LFM2: most layers keep the last tokens of a convolution instead of a cache."""
    blocks, kv_heads, head = draw.blocks(3, 8), draw.heads(), 64
    heads = kv_heads * draw.choice([1, 2, 4])
    width = heads * head
    hidden = draw.hidden(width)
    vocabulary = draw.width(32, 512, 20_000)
    attends = [draw.random() < 0.4 for _ in range(blocks)]
    attends[draw.randrange(blocks)] = True
    metadata: dict[str, Value] = {
        "block_count": blocks,
        "embedding_length": width,
        "context_length": 8_192,
        "feed_forward_length": hidden,
        "vocab_size": vocabulary,
        "attention.head_count": heads,
        "attention.head_count_kv": tuple(kv_heads if attention else 0 for attention in attends),
        "shortconv.l_cache": draw.choice([3, 4]),
    }

    def tensors() -> Iterator[Tensor]:
        yield Tensor("token_embd.weight", (width, vocabulary))
        yield Tensor("token_embd_norm.weight", (width,))
        for block, attention in enumerate(attends):
            named: list[tuple[str, tuple[int, ...]]] = [
                ("attn_norm.weight", (width,)),
                ("ffn_norm.weight", (width,)),
                ("ffn_gate.weight", (width, hidden)),
                ("ffn_up.weight", (width, hidden)),
                ("ffn_down.weight", (hidden, width)),
            ]
            if attention:
                named += [
                    ("attn_q_norm.weight", (head,)),
                    ("attn_k_norm.weight", (head,)),
                    ("attn_q.weight", (width, width)),
                    ("attn_k.weight", (width, kv_heads * head)),
                    ("attn_v.weight", (width, kv_heads * head)),
                    ("attn_output.weight", (width, width)),
                ]
            else:
                cache = metadata["shortconv.l_cache"]
                assert isinstance(cache, int)
                named += [
                    ("shortconv.conv.weight", (cache, width)),
                    ("shortconv.in_proj.weight", (width, 3 * width)),
                    ("shortconv.out_proj.weight", (width, width)),
                ]
            yield from (Tensor(f"blk.{block}.{name}", shape) for name, shape in named)

    return header("lfm2", metadata, _typed(tensors(), draw.choice(["F16", "Q8_0"])))


def _typed(tensors: Iterator[Tensor], matrix_type: str) -> list[TensorInfo]:
    """Tensors with types as converters give them: matrices in one, all else in full precision."""
    found: list[TensorInfo] = []
    offset = 0
    for tensor in tensors:
        kept = len(tensor.shape) == 1 or tensor.shape[0] % 32 or "conv.conv" in tensor.name
        kind = TYPES_BY_NAME["F32" if kept else matrix_type]
        size = kind.size_of(tensor.elements)
        found.append(
            TensorInfo(name=tensor.name, shape=tensor.shape, ggml_type=kind.name, offset=offset, size_bytes=size)
        )
        offset += -(-size // 32) * 32
    return found


FAMILIES: dict[str, Callable[[Draw], GgufHeader]] = {
    "dense": _of_shapes("llama", tied_embeddings=False),
    "tied": _of_shapes("llama", tied_embeddings=True),
    "biased": _of_shapes("qwen2", more=_heads_as_wide),
    "normed heads": _of_shapes("qwen3"),
    "post norms": _of_shapes("olmo2", more=_heads_alike, tied_embeddings=False),
    "parallel": _of_shapes("command-r", more=_heads_as_wide, tied_embeddings=True, mixture="Q8_0"),
    "fused": _of_shapes("phi3", more=_heads_as_wide),
    "fused gate": _of_shapes("glm4", tied_embeddings=False),
    "sliding by two": _of_shapes(
        "gemma2", tied_embeddings=True, sliding_window=lambda draw, _item: draw.choice([128, 512, 4_096])
    ),
    "sliding by six": _of_shapes(
        "gemma3",
        tied_embeddings=True,
        block_count=lambda draw, _item: draw.blocks(5, 8),
        sliding_window=lambda draw, _item: draw.choice([128, 512, 1_024]),
    ),
    "experts": _of_shapes("qwen3moe", more=_experts, tied_embeddings=False),
    "experts of llama": _of_shapes("llama", more=_experts, tied_embeddings=False),
    "experts with sinks": _of_shapes(
        "gpt-oss",
        more=_experts,
        tied_embeddings=False,
        mixture="Q8_0",
        sliding_window=128,
        key_length=64,
        value_length=64,
        rope_dimension_count=64,
    ),
    "latent attention": _of_shapes("deepseek2", more_experts=_shared_experts, more_latent=_latent, mixture="Q8_0"),
    "drafting layers": _of_shapes(
        "glm4moe",
        more=_shared_experts,
        tied_embeddings=False,
        nextn_predict_layers=1,
        leading_dense_block_count=1,
    ),
    "hybrid": _of_shapes(
        "granitehybrid", more_experts=_shared_experts, more_hybrid=_hybrid, rope_dimension_count=None, mixture="Q8_0"
    ),
    "recurrent": _of_shapes("mamba", more=_recurrent, mixture="F16"),
    "per-layer heads": _per_layer_heads,
    "short convolutions": _short_convolutions,
}
