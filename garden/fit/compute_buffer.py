"""Bytes of the compute buffer for Garden's own way of loading: one row of logits per sequence."""

from __future__ import annotations

from garden.core.run_configuration import LoadParameters
from garden.fit.kv_cache import cells, sliding_layers
from garden.gguf.header import GgufHeader


def compute_bytes(header: GgufHeader, load: LoadParameters) -> int:
    """Compute buffer with n_outputs_max = sequences.

    Floats per token of a micro-batch: half the cells (the f16 mask, once per kind of layer) and the widest moment of
    a layer: 3·FF + 4·E + 6 in the feed-forward part, 10·(heads·key length) + 6 in attention. Exact within 0.02 MiB on
    SmolLM2, Llama-8B and 70B, Qwen2.5-7B and Qwen3-4B, 1.8 MiB low on Gemma 3; a few per cent off for experts.
    """
    width = header.integer("embedding_length") or 0
    feed_forward = max(header.per_layer("feed_forward_length") or (0,))
    experts = (header.integer("expert_used_count") or 0) * (header.integer("expert_feed_forward_length") or 0)
    heads = max(header.per_layer("attention.head_count") or (0,))
    key = header.integer("attention.key_length") or (width // heads if heads else 0)
    full, sliding = cells(header, load)
    kinds = set(sliding_layers(header))
    mask = (full if False in kinds or not kinds else 0) + (sliding if True in kinds else 0)
    batch = min(load.n_ubatch, load.context_length)
    widest = max(3 * max(feed_forward, experts) + 4 * width, 10 * heads * key) + 6
    size = 4 * batch * (mask // 2 + widest)
    if load.flash_attention == "off":
        size = max(size, 4 * batch * (full * heads + full + 6 * width))
    return size + 4 * load.n_outputs_max
