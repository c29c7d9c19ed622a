"""A model made in milliseconds for trying a backend where no real one is at hand: random weights, no text."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
from gguf.quants import quantize
from numpy.typing import NDArray

#: Multiples of 256, as many kernels want them.
_WIDTH, _FEED_FORWARD, _HEADS, _BLOCKS, _VOCABULARY = 256, 512, 4, 2, 512

#: Ordinary models spread their logits over several units; so does this one, and its next token is seldom a near tie.
_SPREAD = 3.0

#: Of sixty tried, the one whose sixteen next tokens lead by most: 0.27 logits at least, where backends differ by 0.1.
_SEED = 52

_ROW = np.dtype(np.float32)


def write_probe_model(path: Path) -> list[int]:
    """Write the model, a llama of 2.6 million parameters, the same each time.

    Its matrices are F16, Q8_0 and Q4_0, so that the kernels of several types are tried.

    Args:
        path: Where to.

    Returns:
        Tokens of a prompt for it; it has no vocabulary to make tokens of a text.
    """
    random = np.random.default_rng(_SEED)
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("Probe")
    writer.add_context_length(512)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(_BLOCKS)
    writer.add_feed_forward_length(_FEED_FORWARD)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS // 2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_vocab_size(_VOCABULARY)
    writer.add_tokenizer_model("no_vocab")

    def add(name: str, rows: int, columns: int, kind: gguf.GGMLQuantizationType, scale: float = 1.0) -> None:
        weights: NDArray[np.float32] = (random.standard_normal((rows, columns)) * scale / np.sqrt(columns)).astype(_ROW)
        writer.add_tensor(f"{name}.weight", quantize(weights, kind), raw_dtype=kind)

    half, eight, four = (gguf.GGMLQuantizationType[name] for name in ("F16", "Q8_0", "Q4_0"))
    ones = np.ones(_WIDTH, np.float32)
    add("token_embd", _VOCABULARY, _WIDTH, half)
    writer.add_tensor("output_norm.weight", ones)
    add("output", _VOCABULARY, _WIDTH, eight, _SPREAD)
    for block in range(_BLOCKS):
        part = f"blk.{block}"
        for name, rows in (("q", _WIDTH), ("k", _WIDTH // 2), ("v", _WIDTH // 2), ("output", _WIDTH)):
            add(f"{part}.attn_{name}", rows, _WIDTH, half)
        add(f"{part}.ffn_gate", _FEED_FORWARD, _WIDTH, four)
        add(f"{part}.ffn_up", _FEED_FORWARD, _WIDTH, eight)
        add(f"{part}.ffn_down", _WIDTH, _FEED_FORWARD, four)
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"{part}.{name}.weight", ones)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return [int(token) for token in random.integers(0, _VOCABULARY, 40)]
