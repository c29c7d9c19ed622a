"""Tensors of well-known architectures from the shapes in the catalogue, under the names that GGUF gives them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Tensor:
    """A tensor in GGUF's order of dimensions: the row length first."""

    name: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        """Product of the dimensions."""
        count = 1
        for dimension in self.shape:
            count *= dimension
        return count


class Model:
    """A model of the catalogue; its fields as attributes, absent ones None.

    Args:
        item: An entry of ``items`` in the catalogue's file.
    """

    def __init__(self, item: Mapping[str, Any]) -> None:
        self.item = item

    def __getattr__(self, name: str) -> Any:
        return self.item.get(name)

    def kv_heads(self, layer: int) -> int:
        """KV heads of a layer; 0 in a recurrent one."""
        heads = self.item["head_count_kv"]
        return int(heads[layer] if isinstance(heads, list) else heads)


_QKV_BIAS = frozenset({"qwen2", "glm4", "glm4moe"})
_HEAD_NORMS = frozenset({"qwen3", "qwen3moe", "gemma3"})
_POST_NORMS = frozenset({"gemma2", "gemma3", "glm4", "olmo2"})
_FUSED_GATE = frozenset({"phi3", "glm4"})


def tensors(model: Model) -> Iterator[Tensor]:
    """All tensors of the language model, in the order of a converted file."""
    width, vocabulary = model.embedding_length, model.vocab_size
    yield Tensor("token_embd.weight", (width, vocabulary))
    for layer in range(model.block_count):
        for tensor in _layer(model, layer):
            yield Tensor(f"blk.{layer}.{tensor.name}", tensor.shape)
    yield Tensor("output_norm.weight", (width,))
    if not model.tied_embeddings:
        yield Tensor("output.weight", (width, vocabulary))


def _layer(model: Model, layer: int) -> Iterator[Tensor]:
    width, family = model.embedding_length, model.architecture
    if family != "olmo2":
        yield Tensor("attn_norm.weight", (width,))
    if family == "mamba":
        yield from _mamba(model)
        return
    if model.kv_heads(layer) == 0:
        yield from _mamba2(model)
    elif family == "deepseek2":
        yield from _latent_attention(model)
    else:
        yield from _attention(model, layer)
    if family in _POST_NORMS or family in ("gpt-oss", "glm4moe"):
        yield Tensor("post_attention_norm.weight", (width,))
    if family not in ("olmo2", "command-r", "gpt-oss", "glm4moe"):
        yield Tensor("ffn_norm.weight", (width,))
    dense = not model.expert_count or layer < (model.leading_dense_block_count or 0)
    yield from _dense(model) if dense else _experts(model)
    if family in _POST_NORMS:
        yield Tensor("post_ffw_norm.weight", (width,))


def _attention(model: Model, layer: int) -> Iterator[Tensor]:
    width, family = model.embedding_length, model.architecture
    query = model.head_count * model.key_length
    key = model.kv_heads(layer) * model.key_length
    value = model.kv_heads(layer) * model.value_length
    if family == "phi3":
        yield Tensor("attn_qkv.weight", (width, query + key + value))
    else:
        for name, rows in (("q", query), ("k", key), ("v", value)):
            yield Tensor(f"attn_{name}.weight", (width, rows))
            if family in _QKV_BIAS or family == "gpt-oss":
                yield Tensor(f"attn_{name}.bias", (rows,))
    if family in _HEAD_NORMS:
        yield Tensor("attn_q_norm.weight", (model.key_length,))
        yield Tensor("attn_k_norm.weight", (model.key_length,))
    elif family == "olmo2":
        yield Tensor("attn_q_norm.weight", (query,))
        yield Tensor("attn_k_norm.weight", (key,))
    yield Tensor("attn_output.weight", (model.head_count * model.value_length, width))
    if family == "gpt-oss":
        yield Tensor("attn_output.bias", (width,))
        yield Tensor("attn_sinks.weight", (model.head_count,))


def _latent_attention(model: Model) -> Iterator[Tensor]:
    width, heads, rank = model.embedding_length, model.head_count, model.kv_lora_rank
    query = heads * model.key_length_mla
    if model.q_lora_rank:
        yield Tensor("attn_q_a.weight", (width, model.q_lora_rank))
        yield Tensor("attn_q_a_norm.weight", (model.q_lora_rank,))
        yield Tensor("attn_q_b.weight", (model.q_lora_rank, query))
    else:
        yield Tensor("attn_q.weight", (width, query))
    yield Tensor("attn_kv_a_mqa.weight", (width, rank + model.rope_dimension_count))
    yield Tensor("attn_kv_a_norm.weight", (rank,))
    yield Tensor("attn_k_b.weight", (model.key_length_mla - model.rope_dimension_count, rank, heads))
    yield Tensor("attn_v_b.weight", (rank, model.value_length_mla, heads))
    yield Tensor("attn_output.weight", (heads * model.value_length_mla, width))


def _dense(model: Model) -> Iterator[Tensor]:
    width, hidden = model.embedding_length, model.feed_forward_length
    if model.architecture in _FUSED_GATE:
        yield Tensor("ffn_up.weight", (width, 2 * hidden))
    else:
        yield Tensor("ffn_gate.weight", (width, hidden))
        yield Tensor("ffn_up.weight", (width, hidden))
    yield Tensor("ffn_down.weight", (hidden, width))


def _experts(model: Model) -> Iterator[Tensor]:
    width, hidden, count = model.embedding_length, model.expert_feed_forward_length, model.expert_count
    biased = model.architecture == "gpt-oss"
    yield Tensor("ffn_gate_inp.weight", (width, count))
    if biased:
        yield Tensor("ffn_gate_inp.bias", (count,))
    for name, rows, columns in (("gate", width, hidden), ("up", width, hidden), ("down", hidden, width)):
        yield Tensor(f"ffn_{name}_exps.weight", (rows, columns, count))
        if biased:
            yield Tensor(f"ffn_{name}_exps.bias", (columns, count))
    if model.architecture == "glm4moe" or (model.architecture == "deepseek2" and model.q_lora_rank):
        yield Tensor("exp_probs_b.bias", (count,))
    if shared := model.expert_shared_feed_forward_length:
        yield Tensor("ffn_gate_shexp.weight", (width, shared))
        yield Tensor("ffn_up_shexp.weight", (width, shared))
        yield Tensor("ffn_down_shexp.weight", (shared, width))


def _mamba(model: Model) -> Iterator[Tensor]:
    width, inner, state, rank = (
        model.embedding_length, model.ssm_inner_size, model.ssm_state_size, model.ssm_time_step_rank,
    )  # fmt: skip
    yield Tensor("ssm_in.weight", (width, 2 * inner))
    yield Tensor("ssm_conv1d.weight", (model.ssm_conv_kernel, inner))
    yield Tensor("ssm_conv1d.bias", (inner,))
    yield Tensor("ssm_x.weight", (inner, rank + 2 * state))
    yield Tensor("ssm_dt.weight", (rank, inner))
    yield Tensor("ssm_dt.bias", (inner,))
    yield Tensor("ssm_a", (state, inner))
    yield Tensor("ssm_d", (inner,))
    yield Tensor("ssm_out.weight", (inner, width))


def _mamba2(model: Model) -> Iterator[Tensor]:
    width, inner, heads = model.embedding_length, model.ssm_inner_size, model.ssm_time_step_rank
    mixed = inner + 2 * model.ssm_group_count * model.ssm_state_size
    yield Tensor("ssm_in.weight", (width, inner + mixed + heads))
    yield Tensor("ssm_conv1d.weight", (model.ssm_conv_kernel, mixed))
    yield Tensor("ssm_conv1d.bias", (mixed,))
    yield Tensor("ssm_dt.bias", (heads,))
    yield Tensor("ssm_a", (1, heads))
    yield Tensor("ssm_d", (1, heads))
    yield Tensor("ssm_norm.weight", (inner,))
    yield Tensor("ssm_out.weight", (inner, width))
