from __future__ import annotations

import pytest

from garden.core.fit_forecast import Verdict
from garden.core.run_configuration import LoadParameters
from garden.fit.estimator import forecast
from garden.fit.known_error import error_bytes
from tests.fit.drawn_models import FAMILIES, drawn_model
from tests.fit.headers import GIB, MIB, header, machine, published_items, tensor
from tests.fit.slices import SLICES


@pytest.mark.parametrize(
    ("architecture", "required", "compute", "error"),
    [
        ("llama", 10 * GIB, 500 * MIB, round(0.005 * 10 * GIB)),
        ("llama", 100 * MIB, 50 * MIB, 2 * MIB),
        # Not every result of its indexer is followed.
        ("deepseek32", GIB, 500 * MIB, round(0.3 * 500 * MIB)),
        # Nobody compared its graph with the engine's.
        ("plamo3", GIB, 500 * MIB, 250 * MIB),
    ],
)
def test_the_error_is_what_was_seen(architecture: str, required: int, compute: int, error: int) -> None:
    assert error_bytes(architecture, required, compute) == error


def test_architectures_with_slices_were_compared() -> None:
    unknown = {name for name in SLICES if error_bytes(name, 0, GIB) >= GIB // 2}

    assert not unknown
    assert error_bytes("hunyuan-dense", 0, GIB) == 2 * MIB


def test_models_that_are_published_or_drawn_were_compared() -> None:
    architectures = {item["architecture"] for item in published_items().values()}
    architectures |= {drawn_model(family, 0).architecture or "" for family in FAMILIES}

    inexact = {name for name in architectures if error_bytes(name, 0, GIB) > 2 * MIB}

    assert inexact == {"deepseek2", "granitehybrid"}


@pytest.mark.parametrize(("architecture", "verdict"), [("llama", Verdict.FITS), ("plamo3", Verdict.UNKNOWN)])
def test_where_the_error_decides_it_does_not_know(architecture: str, verdict: Verdict) -> None:
    metadata = {
        "block_count": 1,
        "embedding_length": 2_048,
        "feed_forward_length": 8_192,
        "attention.head_count": 16,
        "attention.head_count_kv": 16,
    }
    of_one_block = [
        tensor("token_embd.weight", 2_048, 32_000),
        tensor("output.weight", 2_048, 32_000),
        tensor("blk.0.attn_norm.weight", 2_048),
        tensor("blk.0.attn_q.weight", 2_048, 2_048),
        tensor("blk.0.attn_k.weight", 2_048, 2_048),
        tensor("blk.0.attn_v.weight", 2_048, 2_048),
        tensor("blk.0.attn_output.weight", 2_048, 2_048),
        tensor("blk.0.ffn_norm.weight", 2_048),
        tensor("blk.0.ffn_gate.weight", 2_048, 8_192),
        tensor("blk.0.ffn_up.weight", 2_048, 8_192),
        tensor("blk.0.ffn_down.weight", 8_192, 2_048),
    ]
    model, load = header(architecture, metadata, of_one_block), LoadParameters(context_length=4_096)
    total = forecast(model, load, machine(64)).total_bytes
    assert total is not None

    result = forecast(model, load, machine((total + 5 * MIB) / GIB), as_is={"ram"})

    assert result.verdict is verdict
