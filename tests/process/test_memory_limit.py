"""The limit holds inside its block and is gone after it."""

from __future__ import annotations

import sys

import pytest

from garden.process.memory_limit import growth_limited
from garden.process.peak_memory import peak_memory_bytes

MIB = 1024 * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps the limit")
def test_memory_runs_out_in_the_block_only() -> None:
    with pytest.raises(MemoryError), growth_limited(64 * MIB):
        bytearray(512 * MIB)

    assert len(bytearray(512 * MIB)) == 512 * MIB


def test_the_high_water_mark_counts_what_was_touched() -> None:
    block = bytes(range(256)) * (16 * MIB // 256)

    assert peak_memory_bytes() >= len(block)
