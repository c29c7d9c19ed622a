"""Small random models of other families: a sliding window, a recurrent state; and a LoRA adapter."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from tests.tiny_models import (
    CHAT_TEMPLATE,
    FEED_FORWARD,
    HEADS,
    WIDTH,
    add_tokenizer,
    finished,
    random_matrix,
    write_tiny_model,
)

SLIDING_WINDOW = 64


def write_sliding_model(path: Path, *, blocks: int = 6, context_length: int = 4_096) -> Path:
    """Write a Gemma-3-like model: five of six layers see the last SLIDING_WINDOW tokens only."""
    writer = gguf.GGUFWriter(str(path), "gemma3")
    writer.add_name("Tiny Sliding")
    writer.add_context_length(context_length)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(blocks)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS // 2)
    head = WIDTH // HEADS
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_sliding_window(SLIDING_WINDOW)
    vocab_size = add_tokenizer(writer, CHAT_TEMPLATE)
    random = np.random.default_rng(0)
    # The family multiplies embeddings by 16; small ones let the layers be heard.
    writer.add_tensor("token_embd.weight", random_matrix(random, vocab_size, WIDTH) / np.float16(16))
    writer.add_tensor("output.weight", random_matrix(random, vocab_size, WIDTH))
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    shapes = {
        "attn_q": (WIDTH, WIDTH),
        "attn_k": (WIDTH // 2, WIDTH),
        "attn_v": (WIDTH // 2, WIDTH),
        "attn_output": (WIDTH, WIDTH),
        "ffn_gate": (FEED_FORWARD, WIDTH),
        "ffn_up": (FEED_FORWARD, WIDTH),
        "ffn_down": (WIDTH, FEED_FORWARD),
    }
    norms = {
        "attn_norm": WIDTH,
        "post_attention_norm": WIDTH,
        "ffn_norm": WIDTH,
        "post_ffw_norm": WIDTH,
        "attn_q_norm": head,
        "attn_k_norm": head,
    }
    for block in range(blocks):
        for tensor, shape in shapes.items():
            writer.add_tensor(f"blk.{block}.{tensor}.weight", random_matrix(random, *shape))
        for tensor, width in norms.items():
            writer.add_tensor(f"blk.{block}.{tensor}.weight", np.ones(width, np.float32))
    return finished(writer, path)


def write_recurrent_model(path: Path, *, blocks: int = 2, context_length: int = 4_096) -> Path:
    """Write a Mamba-like model: a state instead of a cache, which cannot go back."""
    inner, state, convolution, rank = 2 * WIDTH, 16, 4, 32
    writer = gguf.GGUFWriter(str(path), "mamba")
    writer.add_name("Tiny Recurrent")
    writer.add_context_length(context_length)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_block_count(blocks)
    writer.add_ssm_conv_kernel(convolution)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(state)
    writer.add_ssm_time_step_rank(rank)
    writer.add_layer_norm_rms_eps(1e-5)
    vocab_size = add_tokenizer(writer, CHAT_TEMPLATE)
    random = np.random.default_rng(0)
    writer.add_tensor("token_embd.weight", random_matrix(random, vocab_size, WIDTH))
    writer.add_tensor("output.weight", random_matrix(random, vocab_size, WIDTH))
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    for block in range(blocks):
        name = f"blk.{block}."
        writer.add_tensor(name + "attn_norm.weight", np.ones(WIDTH, np.float32))
        writer.add_tensor(name + "ssm_in.weight", random_matrix(random, 2 * inner, WIDTH))
        writer.add_tensor(name + "ssm_conv1d.weight", random_matrix(random, inner, convolution, np.float32))
        writer.add_tensor(name + "ssm_conv1d.bias", np.zeros(inner, np.float32))
        writer.add_tensor(name + "ssm_x.weight", random_matrix(random, rank + 2 * state, inner))
        writer.add_tensor(name + "ssm_dt.weight", random_matrix(random, inner, rank))
        writer.add_tensor(name + "ssm_dt.bias", np.zeros(inner, np.float32))
        writer.add_tensor(name + "ssm_a", -np.ones((inner, state), np.float32))
        writer.add_tensor(name + "ssm_d", np.ones(inner, np.float32))
        writer.add_tensor(name + "ssm_out.weight", random_matrix(random, WIDTH, inner))
    return finished(writer, path)


def write_embedding_model(path: Path, *, blocks: int = 2) -> Path:
    """Write a BERT-like model: it reads texts and predicts no tokens."""
    writer = gguf.GGUFWriter(str(path), "bert")
    writer.add_name("Tiny Embedding")
    writer.add_context_length(512)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(blocks)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_token_type_count(2)
    vocab_size = add_tokenizer(writer, None)
    random = np.random.default_rng(0)

    def add(name: str, rows: int, columns: int, bias: int = 0) -> None:
        writer.add_tensor(f"{name}.weight", random_matrix(random, rows, columns, np.float32))
        if bias:
            writer.add_tensor(f"{name}.bias", np.zeros(bias, np.float32))

    def add_norm(name: str) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))
        writer.add_tensor(f"{name}.bias", np.zeros(WIDTH, np.float32))

    add("token_embd", vocab_size, WIDTH)
    add("token_types", 2, WIDTH)
    add("position_embd", 512, WIDTH)
    add_norm("token_embd_norm")
    for block in range(blocks):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            add(f"blk.{block}.{name}", WIDTH, WIDTH, bias=WIDTH)
        add_norm(f"blk.{block}.attn_output_norm")
        add_norm(f"blk.{block}.layer_output_norm")
        add(f"blk.{block}.ffn_up", FEED_FORWARD, WIDTH, bias=FEED_FORWARD)
        add(f"blk.{block}.ffn_down", WIDTH, FEED_FORWARD, bias=WIDTH)
    return finished(writer, path)


def write_split_model(folder: Path) -> list[Path]:
    """Write a model in shards, which are returned in order."""
    write_tiny_model(folder / "Tiny-Split-F16.gguf", tensors_per_file=8)
    return sorted(folder.glob("Tiny-Split-F16-*.gguf"))


def write_adapter(path: Path, *, rank: int = 4) -> Path:
    """Write a LoRA adapter for the query matrices of ``write_tiny_model``."""
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(4 * rank))
    random = np.random.default_rng(2)
    for block in range(2):
        name = f"blk.{block}.attn_q.weight"
        writer.add_tensor(f"{name}.lora_a", random_matrix(random, rank, WIDTH, np.float32))
        writer.add_tensor(f"{name}.lora_b", random_matrix(random, WIDTH, rank, np.float32))
    return finished(writer, path)
