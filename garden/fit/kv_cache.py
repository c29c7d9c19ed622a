"""Bytes of the KV cache and of recurrent state, per layer, as llama.cpp allocates them."""

from __future__ import annotations

from garden.core.run_configuration import KV_TYPES, LoadParameters
from garden.fit.architectures import SLIDING_PATTERNS
from garden.gguf.header import GgufHeader


def padded(value: int, multiple: int = 256) -> int:
    """The next multiple."""
    return -(-value // multiple) * multiple


def cached_layers(header: GgufHeader) -> int:
    """Blocks that the engine keeps: multi-token-prediction layers at the end are left out."""
    return max(0, (header.block_count or 0) - (header.integer("nextn_predict_layers") or 0))


def cache_bytes_per_layer(header: GgufHeader, load: LoadParameters) -> tuple[int, ...]:
    """KV cache of each block; 0 for recurrent blocks and those that share another block's cache.

    Source: llama.cpp's llama-kv-cache.cpp; equal to the engine's buffers to the byte on the architectures measured.
    """
    layers = cached_layers(header)
    heads = header.per_layer("attention.head_count") or (0,) * layers
    heads_kv = header.per_layer("attention.head_count_kv") or heads
    width = header.integer("embedding_length") or 0
    first_heads = next((count for count in heads if count), 0)
    key = header.integer("attention.key_length") or (width // first_heads if first_heads else 0)
    value = header.integer("attention.value_length") or key
    key_sliding = header.integer("attention.key_length_swa") or key
    value_sliding = header.integer("attention.value_length_swa") or value
    slides = sliding_layers(header)
    full_cells, sliding_cells = cells(header, load)
    streams = 1 if load.kv_unified else load.n_sequences
    size_k, size_v = KV_TYPES[load.type_k], KV_TYPES[load.type_v]
    latent = header.integer("attention.kv_lora_rank")
    if latent and header.integer("attention.key_length_mla"):
        # Multi-head latent attention: one compressed row per cell, and no V.
        row = latent + (header.integer("rope.dimension_count") or 0)
        return tuple(round(streams * full_cells * row * size_k) for _ in range(layers))
    own = layers - (header.integer("attention.shared_kv_layers") or 0)
    found = []
    for layer in range(layers):
        count = heads_kv[layer] if layer < len(heads_kv) else 0
        if layer >= own or is_recurrent(header, layer):
            found.append(0)
            continue
        sliding = layer < len(slides) and slides[layer]
        rows = sliding_cells if sliding else full_cells
        per_cell = count * ((key_sliding if sliding else key) * size_k + (value_sliding if sliding else value) * size_v)
        found.append(round(streams * rows * per_cell))
    return tuple(found)


def cells(header: GgufHeader, load: LoadParameters) -> tuple[int, int]:
    """Cells of a full layer and of a sliding-window one, per stream."""
    context = padded(load.context_length)
    base = context if load.kv_unified else padded(context // load.n_sequences)
    window = header.integer("attention.sliding_window") or 0
    if not window or load.swa_full:
        return base, base
    reach = window * (load.n_sequences if load.kv_unified else 1) + load.n_ubatch
    return base, padded(min(base, reach))


def sliding_layers(header: GgufHeader) -> tuple[bool, ...]:
    """Which blocks attend within a window only."""
    layers = header.block_count or 0
    if not header.integer("attention.sliding_window"):
        return (False,) * layers
    pattern = header.value("attention.sliding_window_pattern")
    if isinstance(pattern, tuple):
        return tuple(bool(item) for item in pattern)
    period = pattern if isinstance(pattern, int) and pattern > 0 else SLIDING_PATTERNS.get(header.architecture or "")
    if not period:
        # A window without a known pattern: counting full layers may say too much, never too little.
        return (False,) * layers
    return tuple(layer % period < period - 1 for layer in range(layers))


def is_recurrent(header: GgufHeader, layer: int) -> bool:
    """Whether a block keeps a state instead of a cache."""
    if header.integer("ssm.state_size") is None:
        return False
    heads_kv = header.per_layer("attention.head_count_kv")
    return not heads_kv or layer >= len(heads_kv) or heads_kv[layer] == 0


def state_bytes_per_layer(header: GgufHeader, load: LoadParameters) -> tuple[int, ...]:
    """Recurrent state of each block (f32), 0 for attention blocks.

    n_seq · 4 · [(d_conv − 1)(d_inner + 2 · n_group · d_state) + d_state · d_inner], llama.cpp's n_embd_r + n_embd_s.
    """
    state, inner = header.integer("ssm.state_size"), header.integer("ssm.inner_size")
    layers = cached_layers(header)
    if state is None or inner is None:
        return (0,) * layers
    kernel = header.integer("ssm.conv_kernel") or 1
    groups = header.integer("ssm.group_count") or 0
    size = load.n_sequences * 4 * ((kernel - 1) * (inner + 2 * groups * state) + state * inner)
    return tuple(size if is_recurrent(header, layer) else 0 for layer in range(layers))
