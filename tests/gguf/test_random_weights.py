from __future__ import annotations

import struct

import gguf
import numpy as np
import pytest
from gguf.quants import dequantize

from garden.fit.trial_models import TYPES
from garden.gguf.random_weights import can_be_made, random_weights
from garden.gguf.tensor_type import TENSOR_TYPES, TYPES_BY_NAME

MADE = [kind.name for kind in TENSOR_TYPES.values() if can_be_made(kind.name)]


@pytest.mark.parametrize("name", MADE)
def test_they_are_whole_blocks_and_the_same_each_time(name: str) -> None:
    blocks = random_weights(name)

    assert len(blocks) % TYPES_BY_NAME[name].block_bytes == 0
    random_weights.cache_clear()
    assert random_weights(name) == blocks


def test_every_type_that_machines_are_measured_with_can_be_made() -> None:
    assert set(TYPES) <= set(MADE)
    assert not can_be_made("I32")


@pytest.mark.parametrize("name", sorted(set(MADE) - {"NVFP4", "Q1_0"}))
def test_they_are_numbers_of_a_usual_size(name: str) -> None:
    kind = gguf.GGMLQuantizationType[name]
    raw = np.frombuffer(random_weights(name), np.uint8)[: TYPES_BY_NAME[name].block_bytes * 256].reshape(1, -1)
    plain = {"F32": np.float32, "F16": np.float16}
    weights = raw.view(plain[name]) if name in plain else dequantize(raw, kind)

    assert np.isfinite(weights).all()
    assert 1e-4 < np.abs(weights).mean() < 1


@pytest.mark.parametrize("name", ["Q4_0", "Q4_1", "Q5_0", "Q8_0"])
def test_scales_differ_as_trained_ones_do(name: str) -> None:
    size = TYPES_BY_NAME[name].block_bytes
    blocks = random_weights(name)
    scales = {struct.unpack_from("<e", blocks, at)[0] for at in range(0, len(blocks), size)}

    # The table that the engine looks them up in has to be read in many places, as a real model reads it.
    assert len(scales) > 1_500
    assert (min(scales) < 0) == (name in ("Q4_0", "Q5_0"))


def test_what_is_added_to_a_block_lies_elsewhere_in_that_table() -> None:
    blocks = random_weights("Q4_1")
    scales, added = set(), set()
    for at in range(0, len(blocks), 20):
        scale, add = struct.unpack_from("<HH", blocks, at)
        scales.add(scale)
        added.add(add)

    assert scales.isdisjoint(added)
