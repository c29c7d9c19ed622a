from __future__ import annotations

import re

import pytest

from garden.core.expert_placement import EXPERTS_ON_CPU, experts_on_cpu
from garden.fit.weights import bytes_read_per_token, weights_of
from garden.gguf.header import GgufHeader, TensorInfo, Value
from tests.fit.headers import GIB, header, published, tensor

BLOCKS: dict[str, Value] = {"block_count": 2, "embedding_length": 64}


def model(*more: TensorInfo, **metadata: Value) -> GgufHeader:
    tensors = (
        tensor("token_embd.weight", 64, 1_000),
        tensor("output_norm.weight", 64, ggml_type="F32"),
        tensor("blk.0.attn_q.weight", 64, 64),
        tensor("blk.1.attn_q.weight", 64, 64),
        *more,
    )
    return header("llama", BLOCKS | {key.replace("__", "."): value for key, value in metadata.items()}, tensors)


OUTPUT = tensor("output.weight", 64, 1_000)


def test_tensors_are_sorted_by_where_they_go() -> None:
    weights = weights_of(model(OUTPUT))

    assert weights.input_bytes == 128_000
    assert weights.output_bytes == 128_000 + 256
    assert weights.blocks == (8_192, 8_192)
    assert weights.tied_bytes == 0


def test_odd_sizes_are_padded() -> None:
    assert weights_of(model(tensor("rope_freqs.weight", 3, ggml_type="F32"))).input_bytes == 128_000 + 32


def test_an_embedding_without_an_output_matrix_is_tied() -> None:
    weights = weights_of(model())

    assert (weights.tied_bytes, weights.output_bytes) == (128_000, 256)


def test_a_tied_embedding_is_copied_where_the_processor_rearranges_its_type() -> None:
    weights = weights_of(header("llama", BLOCKS, [tensor("token_embd.weight", 64, 1_024, ggml_type="Q4_0")]))

    assert weights.copies_tied_in_ram(["avx2"], repack=True)
    assert not weights.copies_tied_in_ram(["avx2"], repack=False)
    assert not weights.copies_tied_in_ram(["sse2"], repack=True)


def test_some_families_always_hold_it_twice() -> None:
    weights = weights_of(header("gemma4", BLOCKS, [tensor("token_embd.weight", 64, 1_000)]))

    assert weights.copies_tied_in_ram([], repack=False)


def test_blocks_for_several_tokens_at_once_are_left_out() -> None:
    assert weights_of(model(OUTPUT, nextn_predict_layers=1)).blocks == (8_192, 0)


def test_experts_are_counted_apart() -> None:
    experts = tensor("blk.1.ffn_up_exps.weight", 64, 32, 8)
    weights = weights_of(model(OUTPUT, experts, expert_count=8, expert_used_count=2))

    assert (weights.blocks, weights.experts) == ((8_192, 40_960), (0, 32_768))
    assert weights.used_share == 0.25
    assert bytes_read_per_token(weights) == 2 * 8_192 + 128_256 + 32_768 // 4


def test_a_placement_moves_what_it_names() -> None:
    experts = tensor("blk.1.ffn_up_exps.weight", 64, 32, 8)
    placement = ((r"\.ffn_(up|down|gate|gate_up)_(ch|)exps", "CPU"), ("attn_q", "CUDA1"))
    weights = weights_of(model(OUTPUT, experts), placement)

    assert dict(weights.placed) == {"CPU": 32_768, "CUDA1": 16_384}
    assert weights.blocks == (0, 0)


@pytest.mark.parametrize(
    "pattern",
    [
        EXPERTS_ON_CPU[0],
        experts_on_cpu(9, 48)[0][0],
        experts_on_cpu(1, 48)[0][0],
        r"blk\.(1|2)\.attn_q|blk\.3\.ffn",
        r"blk\.(1|12)\.(attn|ffn)_",
        r"blk\.[0-9]\.",
        r"\d\d\.ffn_.*exps",
        "attn_(q|k)",
        r"1\.attn_q\.weight$",
        "",
    ],
)
def test_blocks_that_are_alike_are_told_apart_by_any_pattern(pattern: str) -> None:
    """As if every name were looked at."""
    model = published("Qwen/Qwen3-30B-A3B")
    moved = [tensor for tensor in model.tensors if re.search(pattern, tensor.name)]
    weights = weights_of(model, ((pattern, "CPU"),))

    assert dict(weights.placed).get("CPU", 0) == sum(-(-tensor.size_bytes // 32) * 32 for tensor in moved)
    for number, tensors in model.tensors_by_block.items():
        stays = [tensor for tensor in tensors.values() if tensor not in moved]
        assert weights.blocks[number] == sum(-(-tensor.size_bytes // 32) * 32 for tensor in stays)


def test_a_placement_that_is_no_pattern_moves_nothing() -> None:
    assert weights_of(model(OUTPUT), (("(", "CPU"),)).placed == ()


def test_a_mixture_reads_a_part_of_itself_per_token() -> None:
    weights = weights_of(published("Qwen/Qwen3-30B-A3B"))
    everything = weights.input_bytes + sum(weights.blocks) + weights.output_bytes

    assert everything > 16 * GIB
    assert 1.6 * GIB < bytes_read_per_token(weights) < 2.2 * GIB


@pytest.mark.parametrize("pattern", [r"ffn_(up|down|gate)_exps", r"blk\.\d+\.attn", r"output\.weight", r".*"])
def test_a_token_reads_as_much_wherever_tensors_are_placed(pattern: str) -> None:
    model = published("Qwen/Qwen3-30B-A3B")
    placed = weights_of(model, ((pattern, "CPU"),))

    assert placed.placed
    assert bytes_read_per_token(placed) == pytest.approx(bytes_read_per_token(weights_of(model)), abs=64)
