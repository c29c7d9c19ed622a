from __future__ import annotations

import dataclasses

import pytest

from garden.core.run_configuration import LoadParameters
from garden.fit.kv_cache import cache_cells, kv_cache_bytes, layers_cache_bytes, padded
from garden.fit.model_shape import shape_of
from garden.gguf.header import GgufHeader, Value
from tests.fit.headers import GIB, MIB, header, published

LLAMA_8B = "meta-llama/Llama-3.1-8B-Instruct"
GEMMA_12B = "google/gemma-3-12b-it"
DEEPSEEK = "deepseek-ai/DeepSeek-R1"


def cache(model: GgufHeader, context_length: int = 8_192, **changes: object) -> int:
    load = LoadParameters(context_length=context_length)
    return kv_cache_bytes(shape_of(model), dataclasses.replace(load, **changes))  # type: ignore[arg-type]  # its fields


def test_a_llama_takes_so_much_per_token() -> None:
    # 32 layers · 8 heads · 128 · (K + V) · 2 bytes · 8,192 tokens
    assert cache(published(LLAMA_8B)) == GIB


@pytest.mark.parametrize(
    ("kv_type", "share"), [("f32", 2), ("bf16", 1), ("q8_0", 34 / 64), ("q5_1", 24 / 64), ("q4_0", 18 / 64)]
)
def test_types_of_the_cache(kv_type: str, share: float) -> None:
    assert cache(published(LLAMA_8B), type_k=kv_type, type_v=kv_type) == GIB * share


def test_k_and_v_are_counted_apart() -> None:
    assert cache(published(LLAMA_8B), type_k="q8_0") == GIB / 2 * (1 + 34 / 64)


def test_contexts_are_rounded_up() -> None:
    assert (padded(1), padded(256), padded(257)) == (256, 256, 512)
    assert cache(published(LLAMA_8B), 8_000) == cache(published(LLAMA_8B), 8_192)


def test_sequences_share_the_context_out() -> None:
    assert cache(published(LLAMA_8B), n_sequences=4) == GIB
    # 8,192 / 3 is rounded up in each.
    assert cache(published(LLAMA_8B), n_sequences=3) == GIB * 3 * 2_816 // 8_192


def test_one_cache_for_all_sequences_is_not_shared_out() -> None:
    cells = cache_cells(
        shape_of(published(LLAMA_8B)), LoadParameters(context_length=8_192, n_sequences=3, kv_unified=True)
    )

    assert (cells.full, cells.streams) == (8_192, 1)


def test_sliding_layers_keep_a_window() -> None:
    # 8 of 48 layers are full; a window of 1,024 and a micro-batch of 512 for the others.
    assert cache(published(GEMMA_12B), 32_768) == 48 * 8 * 256 * 2 * 2 * (8 * 32_768 + 40 * 1_536) // 48
    assert cache(published(GEMMA_12B), 32_768, swa_full=True) == 48 * 8 * 256 * 2 * 2 * 32_768


def test_a_context_within_the_window_is_the_same_for_all_layers() -> None:
    assert len(set(layers_cache_bytes(shape_of(published(GEMMA_12B)), LoadParameters(context_length=512)))) == 1


def test_a_pattern_in_the_file_counts_before_the_usual_one() -> None:
    metadata = {
        "block_count": 4,
        "embedding_length": 256,
        "attention.head_count": 4,
        "attention.head_count_kv": 4,
        "attention.sliding_window": 256,
    }
    usual = shape_of(header("gpt-oss", metadata))
    stated = shape_of(header("gpt-oss", metadata | {"attention.sliding_window_pattern": (True, True, True, False)}))

    assert [layer.slides for layer in usual.layers] == [True, False, True, False]
    assert [layer.slides for layer in stated.layers] == [True, True, True, False]


def test_sliding_layers_may_have_heads_of_their_own_size() -> None:
    metadata: dict[str, Value] = {
        "block_count": 2,
        "embedding_length": 512,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
        "attention.key_length": 512,
        "attention.value_length": 512,
        "attention.key_length_swa": 256,
        "attention.value_length_swa": 256,
        "attention.sliding_window": 512,
        "attention.sliding_window_pattern": (True, False),
    }

    sliding, full = layers_cache_bytes(shape_of(header("gemma4", metadata)), LoadParameters(context_length=8_192))

    assert (sliding, full) == (1_024 * 2 * 256 * 2 * 2, 8_192 * 2 * 512 * 2 * 2)


def test_layers_that_share_a_cache_have_none_of_their_own() -> None:
    metadata = {
        "block_count": 6,
        "embedding_length": 512,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
        "attention.shared_kv_layers": 4,
    }
    sizes = layers_cache_bytes(shape_of(header("gemma4", metadata)), LoadParameters())

    assert [size > 0 for size in sizes] == [True, True, False, False, False, False]


def test_latent_attention_keeps_one_row_and_no_v() -> None:
    # 61 layers · (512 + 64) · 2 bytes
    assert cache(published(DEEPSEEK)) == 61 * 576 * 2 * 8_192


def test_an_indexer_keeps_keys_of_its_own() -> None:
    metadata = {
        "block_count": 2,
        "embedding_length": 512,
        "attention.head_count": 8,
        "attention.head_count_kv": 1,
        "attention.key_length": 576,
        "attention.value_length": 512,
        "attention.key_length_mla": 192,
        "attention.value_length_mla": 128,
        "attention.indexer.key_length": 128,
    }

    assert cache(header("deepseek32", metadata)) == 2 * (576 + 128) * 2 * 8_192
    assert cache(header("deepseek2", metadata)) == 2 * 576 * 2 * 8_192


def test_layers_for_several_tokens_at_once_are_left_out() -> None:
    metadata = {
        "block_count": 3,
        "embedding_length": 256,
        "attention.head_count": 4,
        "attention.head_count_kv": 4,
        "nextn_predict_layers": 1,
    }

    assert len(shape_of(header("glm4moe", metadata)).layers) == 2


def test_without_flash_attention_v_is_padded_to_the_widest_layer() -> None:
    metadata: dict[str, Value] = {
        "block_count": 2,
        "embedding_length": 1_024,
        "attention.head_count": (8, 8),
        "attention.head_count_kv": (8, 2),
    }
    model = header("llama", metadata)

    assert cache(model, 256) == 256 * 2 * 2 * (8 + 2) * 128
    assert cache(model, 256, flash_attention="off") == 256 * 2 * (10 + 2 * 8) * 128


def test_hybrids_cache_in_their_attention_layers_only() -> None:
    sizes = layers_cache_bytes(
        shape_of(published("ibm-granite/granite-4.0-h-tiny")), LoadParameters(context_length=4_096)
    )

    assert sum(size > 0 for size in sizes) == 4
    assert sum(sizes) == 4 * 4 * 128 * 2 * 2 * 4_096
    assert sum(sizes) == 32 * MIB
