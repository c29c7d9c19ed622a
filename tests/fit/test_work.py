from __future__ import annotations

import dataclasses

import pytest

from garden.core.run_configuration import LoadParameters
from garden.fit.calibrated_speed import total
from garden.fit.needs import Needs
from garden.fit.sketch import sibling_header
from garden.fit.weights import bytes_read_per_token
from garden.fit.work import type_of, work_of
from garden.gguf.header import GgufHeader, TensorInfo
from tests.fit.headers import published, published_items, tensor

SLIDING = "google/gemma-3-12b-it"
EXPERTS = "Qwen/Qwen3-30B-A3B"
LATENT = "deepseek-ai/DeepSeek-V3-0324"


def read_bytes(header: GgufHeader) -> float:
    work = work_of(header)
    blocks = [*work.blocks, work.output]
    return sum(one.bytes for part in (False, True) for one in total(blocks, experts=part).values())


@pytest.mark.parametrize("repo_id", sorted(published_items()))
def test_a_token_reads_what_the_weights_say(repo_id: str) -> None:
    header = published(repo_id)
    weights = Needs(header, LoadParameters()).weights

    # The vectors that are left out are next to nothing.
    assert read_bytes(header) == pytest.approx(bytes_read_per_token(weights), rel=0.007)


def test_a_token_takes_two_operations_per_weight_it_meets() -> None:
    header = published("Qwen/Qwen3-8B")
    work = work_of(header)
    operations = sum(one.operations for one in total([*work.blocks, work.output]).values())
    matrices = sum(t.elements for t in header.tensors if len(t.shape) > 1 and t.name != "token_embd.weight")

    assert operations == 2 * matrices


def test_a_prompt_leaves_out_what_only_its_last_token_needs() -> None:
    header = published("Qwen/Qwen3-8B")
    work = work_of(header)
    last, output = work.blocks[-1], work.output

    assert sum(one.prompt_operations for one in total([output]).values()) == 0
    attention = sum(t.elements for t in header.tensors_by_block[35].values() if len(t.shape) > 1 and t.shape)
    feed_forward = sum(t.elements for name, t in header.tensors_by_block[35].items() if name.startswith("ffn_"))
    kept = 2 * (attention - feed_forward)
    assert sum(one.prompt_operations for one in total([last]).values()) == pytest.approx(kept, rel=0.01)
    assert sum(one.prompt_operations for one in total([work.blocks[0]]).values()) == sum(
        one.operations for one in total([work.blocks[0]]).values()
    )


def test_types_are_kept_apart() -> None:
    work = work_of(published("Qwen/Qwen3-8B"))

    assert set(total([*work.blocks, work.output])) == {"Q4_K", "Q6_K"}
    assert set(work.output.matrices) == {"Q6_K"}


def test_of_experts_those_used_are_counted() -> None:
    work = work_of(published(EXPERTS))
    block = work.blocks[0]
    item = published_items()[EXPERTS]
    used, width, hidden = item["expert_used_count"], item["embedding_length"], item["expert_feed_forward_length"]

    assert sum(one.operations for one in block.experts.values()) == 2 * 3 * used * width * hidden
    assert set(block.matrices) >= {"Q4_K"}


def test_experts_that_a_placement_moves_are_counted_apart() -> None:
    header = published(EXPERTS)
    here = work_of(header)
    moved = work_of(header, ((r"\.ffn_(up|down|gate|gate_up)_(ch|)exps", "CPU"),))

    assert moved.blocks[0].experts == {}
    assert moved.blocks[0].placed is not None
    assert moved.blocks[0].placed.experts == here.blocks[0].experts
    assert moved.blocks[0].matrices == here.blocks[0].matrices
    # What the engine itself refuses moves nothing.
    assert work_of(header, (("(", "CPU"),)).blocks[0].placed is None


def test_sliding_layers_see_a_window() -> None:
    work = work_of(published(SLIDING))

    windows = [block.window for block in work.blocks[:6]]
    assert windows[5] == 0
    assert len(set(windows[:5])) == 1 and windows[0] > 0


def test_attention_counts_heads_and_their_values() -> None:
    block = work_of(published("Qwen/Qwen3-8B")).blocks[0]

    assert (block.heads, block.head_values, block.k_values, block.v_values) == (32, 32 * 256, 1_024, 1_024)


def test_latent_attention_works_on_one_shared_vector() -> None:
    block = work_of(published(LATENT)).blocks[0]

    assert (block.k_values, block.v_values) == (576, 0)
    assert block.heads == 128
    assert block.head_values == 128 * (576 + 512)


def test_recurrent_layers_have_a_state_and_no_attention() -> None:
    hybrid = next(repo for repo, item in published_items().items() if item["architecture"] == "granitehybrid")
    blocks = work_of(published(hybrid)).blocks
    recurrent = [block for block in blocks if block.state_values]

    assert recurrent and len(recurrent) < len(blocks)
    assert all(block.heads == 0 for block in recurrent)


def test_a_tied_embedding_is_the_output_matrix() -> None:
    header = published("google/gemma-3-12b-it")
    embedding = next(t for t in header.tensors if t.name == "token_embd.weight")

    assert total([work_of(header).output])[embedding.ggml_type].bytes == embedding.size_bytes


def test_a_type_that_was_scaled_is_found_by_its_bits() -> None:
    known = tensor("blk.0.ffn_up.weight", 4_096, 4_096, ggml_type="Q4_K")

    assert type_of(known) == "Q4_K"
    for kind, bits in (("Q8_0", 8.5), ("Q6_K", 6.56), ("Q2_K", 2.9)):
        assert type_of(dataclasses.replace(known, size_bytes=round(4_096 * 4_096 * bits / 8))) == kind
    # A published shape names the mixture.
    mixture = TensorInfo(name="x", shape=(256, 256), ggml_type="Q4_K_M", offset=0, size_bytes=256 * 256 * 9 // 16)
    assert type_of(mixture) == "Q4_K"


def test_a_siblings_header_counts_for_its_own_bits() -> None:
    header = published("Qwen/Qwen3-8B", "Q4_K_M")
    scaled = sibling_header(header, round(header.header_bytes + header.data_bytes * 8.5 / 4.85))

    assert set(total(list(work_of(scaled).blocks))) <= {"Q8_0", "BF16"}
