"""Models that only the quantizer reads: other alignments, shards, damaged weights, or enough work to interrupt."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np


def write_odd_model(
    path: Path,
    *,
    width: int = 256,
    blocks: int = 1,
    vocab_size: int = 320,
    alignment: int = 32,
    tensors_per_shard: int = 0,
    value: float | None = None,
) -> Path:
    """Write a llama without a tokenizer.

    Args:
        path: Where to; shards get their numbers appended.
        width: Row length of most matrices.
        blocks: Transformer blocks.
        vocab_size: Rows of the embedding.
        alignment: Of the tensor data.
        tensors_per_shard: 0 writes one file.
        value: Fills every matrix; None takes random weights.

    Returns:
        The file, or the first shard.
    """
    writer = gguf.GGUFWriter(str(path), "llama", split_max_tensors=tensors_per_shard)
    if alignment != 32:
        writer.add_custom_alignment(alignment)
    writer.add_name("Odd")
    writer.add_context_length(512)
    writer.add_embedding_length(width)
    writer.add_block_count(blocks)
    writer.add_feed_forward_length(2 * width)
    writer.add_head_count(4)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(1)
    writer.add_vocab_size(vocab_size)
    noise = np.random.default_rng(0).standard_normal(4 * width * width).astype(np.float16) / np.float16(width**0.5)

    def matrix(rows: int, columns: int) -> np.ndarray:
        source = noise if value is None else np.full_like(noise, value)
        return np.resize(source, (rows, columns))

    shapes = {"attn_q": (1, 1), "attn_k": (1, 1), "attn_v": (1, 1), "attn_output": (1, 1)}
    shapes |= {"ffn_gate": (2, 1), "ffn_up": (2, 1), "ffn_down": (1, 2)}
    writer.add_tensor("token_embd.weight", matrix(vocab_size, width))
    writer.add_tensor("output_norm.weight", np.ones(width, np.float32))
    for block in range(blocks):
        for name, (rows, columns) in shapes.items():
            writer.add_tensor(f"blk.{block}.{name}.weight", matrix(rows * width, columns * width))
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{block}.{name}.weight", np.ones(width, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path if path.exists() else next(iter(sorted(path.parent.glob(f"{path.stem}-00001-of-*.gguf"))))
