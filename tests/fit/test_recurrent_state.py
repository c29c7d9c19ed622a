from __future__ import annotations

import pytest

from garden.core.run_configuration import LoadParameters
from garden.fit.model_shape import shape_of
from garden.fit.recurrent_state import recurrent_bytes
from garden.gguf.header import Value
from tests.fit.headers import header, published


def state(architecture: str, metadata: dict[str, Value], sequences: int = 1) -> int:
    base: dict[str, Value] = {"block_count": 4, "embedding_length": 256, "attention.head_count": 4}
    return recurrent_bytes(shape_of(header(architecture, base | metadata)), LoadParameters(n_sequences=sequences))


SSM: dict[str, Value] = {"ssm.conv_kernel": 4, "ssm.inner_size": 512, "ssm.state_size": 16}


def test_a_state_per_layer_and_sequence() -> None:
    one = 4 * ((4 - 1) * 512 + 16 * 512)

    assert state("mamba", SSM) == 4 * one
    assert state("mamba", SSM, sequences=3) == 3 * 4 * one


def test_groups_widen_the_convolution() -> None:
    assert state("mamba2", SSM | {"ssm.group_count": 2}) == 4 * 4 * (3 * (512 + 2 * 2 * 16) + 16 * 512)


def test_it_does_not_grow_with_the_context() -> None:
    shape = shape_of(published("state-spaces/mamba-130m-hf"))

    assert recurrent_bytes(shape, LoadParameters(context_length=512)) == recurrent_bytes(
        shape, LoadParameters(context_length=131_072)
    )


@pytest.mark.parametrize(
    ("architecture", "metadata", "layers"),
    [
        ("jamba", {"attention.head_count_kv": (0, 0, 4, 0)}, 3),
        ("qwen3next", {}, 3),
        ("qwen3next", {"full_attention_interval": 2}, 2),
        ("qwen35", {"attention.recurrent_layers": (True, False, False, False)}, 1),
        ("falcon-h1", {}, 4),
        ("nemotron_h", {"attention.head_count_kv": (0, 0, 4, 0), "feed_forward_length": (0, 64, 0, 0)}, 2),
        ("llama", {}, 0),
    ],
)
def test_which_layers_keep_a_state(architecture: str, metadata: dict[str, Value], layers: int) -> None:
    shape = shape_of(header(architecture, SSM | {"block_count": 4, "embedding_length": 256} | metadata))

    assert shape.recurrent_layers == layers


def test_other_families_have_states_of_their_own() -> None:
    assert state("rwkv7", {"wkv.head_size": 64}) == 4 * 4 * (2 * 256 + 256 * 64)
    assert state("lfm2", {"shortconv.l_cache": 3, "attention.head_count_kv": (0, 0, 4, 0)}) == 3 * 4 * 256 * 2
    assert state(
        "kimi-linear", {"kda.head_dim": 64, "ssm.conv_kernel": 4, "attention.head_count_kv": (0, 4, 4, 4)}
    ) == (4 * (3 * 3 * 4 * 64 + 64 * 64 * 4))
