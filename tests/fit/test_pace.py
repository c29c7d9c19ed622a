from __future__ import annotations

import dataclasses

import pytest

from garden.core.run_configuration import LoadParameters
from garden.fit.pace import reads_alike, same_pace

LOAD = LoadParameters()


@pytest.mark.parametrize("change", [{"context_length": 4_096}, {"flash_attention": "on"}, {"n_batch": 4_096}])
def test_what_the_pace_does_not_hang_on(change: dict[str, object]) -> None:
    assert same_pace(LOAD, dataclasses.replace(LOAD, **change))  # type: ignore[arg-type]  # any field


@pytest.mark.parametrize(
    "change", [{"type_k": "q8_0"}, {"threads": 3}, {"flash_attention": "off"}, {"repack": False}, {"n_ubatch": 64}]
)
def test_what_it_hangs_on(change: dict[str, object]) -> None:
    assert not same_pace(LOAD, dataclasses.replace(LOAD, **change))  # type: ignore[arg-type]  # any field


def test_prompts_are_read_in_batches() -> None:
    assert reads_alike(LOAD, dataclasses.replace(LOAD, type_k="q8_0"))
    assert not reads_alike(LOAD, dataclasses.replace(LOAD, n_ubatch=64))
