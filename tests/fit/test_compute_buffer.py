"""What blocks packed for one context are worth in another one."""

from __future__ import annotations

import pytest

from garden.core.run_configuration import LoadParameters
from garden.fit.needs import Needs
from tests.fit.headers import published_items
from tests.fit.hollow import published_for_engine

CONTEXTS = (16_384, 256, 4_096, 131_072, 512, 16_640)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("n_sequences", [1, 4])
def test_a_context_is_packed_as_if_it_were_the_first(fused: bool, n_sequences: int) -> None:
    load = LoadParameters(flash_attention="on" if fused else "off", n_sequences=n_sequences, n_outputs_max=n_sequences)
    for repo_id in published_items():
        header = published_for_engine(repo_id)
        needs = Needs(header, load)
        for context in CONTEXTS:
            assert needs.at(context) == Needs(header, load).at(context), (repo_id, context)
