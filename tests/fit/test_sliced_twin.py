"""Twins with fewer blocks, and what their times say of the whole."""

from __future__ import annotations

import pytest

from garden.core.errors import RefusedError
from garden.core.quantity import GIB
from garden.core.run_configuration import LoadParameters
from garden.fit.calibrated_speed import decode_seconds, prefill_seconds
from garden.fit.sliced_twin import TwinTimes, filled_share, sliced, slices_of, whole_times
from garden.fit.work import work_of
from garden.gguf.header import GgufHeader
from tests.fit.headers import published
from tests.fit.speeds import device

LOAD = LoadParameters(context_length=4_096)


def times_of(header: GgufHeader) -> TwinTimes:
    """What a known machine takes."""
    work = work_of(header)
    blocks = [*work.blocks, work.output]
    speed = device()
    return TwinTimes(
        token=(decode_seconds(blocks, speed, LOAD, 1_000) or 0.0) + speed.token_seconds,
        prompt=prefill_seconds(blocks, speed, LOAD, 512) or 0.0,
    )


@pytest.mark.parametrize(
    "repo_id",
    [
        "Qwen/Qwen3-8B",
        "google/gemma-3-12b-it",
        "Qwen/Qwen3-30B-A3B",
        "state-spaces/mamba-130m-hf",
        "meta-llama/Llama-3.2-1B-Instruct",
    ],
)
def test_two_twins_tell_what_the_whole_takes(repo_id: str) -> None:
    header = published(repo_id)
    slices = slices_of(header, 12 * GIB)
    assert slices.first < slices.second <= (header.block_count or 0)

    whole = whole_times(header, slices, *(times_of(sliced(header, count)) for count in (slices.first, slices.second)))

    true = times_of(header)
    assert whole.token == pytest.approx(true.token, rel=0.06)
    assert whole.prompt == pytest.approx(true.prompt, rel=0.06)


def test_twins_differ_by_whole_patterns() -> None:
    slices = slices_of(published("google/gemma-3-12b-it"), 12 * GIB)

    assert (slices.second - slices.first) % 6 == 0


def test_a_twin_has_the_first_blocks_and_all_else() -> None:
    header = published("google/gemma-3-12b-it")

    twin = sliced(header, 6)

    assert twin.block_count == 6
    assert {tensor.name for tensor in header.tensors} - {tensor.name for tensor in twin.tensors} == {
        tensor.name
        for tensor in header.tensors
        if tensor.name.startswith("blk.") and int(tensor.name.split(".")[1]) >= 6
    }
    assert twin.data_bytes < header.data_bytes / 4


def test_an_embedding_that_is_only_looked_up_is_filled_in_part() -> None:
    untied, tied = published("Qwen/Qwen3-8B"), published("google/gemma-3-1b-it")

    def share(header: GgufHeader) -> float:
        return filled_share(header)(next(one for one in header.tensors if one.name == "token_embd.weight"))

    assert share(untied) < 0.1
    assert share(tied) == 1


def test_twins_that_do_not_fit_are_refused_with_what_they_need() -> None:
    with pytest.raises(RefusedError) as caught:
        slices_of(published("Qwen/Qwen3-30B-A3B"), GIB // 4)

    assert "GB of memory" in caught.value.sentence
    assert caught.value.action
