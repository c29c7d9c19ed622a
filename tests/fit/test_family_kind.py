from __future__ import annotations

import pytest

from garden.core.model_traits import ArchitectureKind
from garden.fit.family_kind import active_parameters, guessed_active_parameters, kind_of
from tests.fit.headers import published_items

_D, _M, _R, _H = ArchitectureKind.DENSE, ArchitectureKind.MOE, ArchitectureKind.RECURRENT, ArchitectureKind.HYBRID


@pytest.mark.parametrize(
    ("architecture", "name", "tags", "kind"),
    [
        ("llama", "Llama-3.1-8B-Instruct-GGUF", (), _D),
        ("llama", "Mixtral-8x7B-Instruct-v0.1-GGUF", (), _M),
        ("qwen3", "Qwen3-8B-GGUF", (), _D),
        ("qwen3moe", "Qwen3-30B-A3B-GGUF", (), _M),
        ("gpt-oss", "gpt-oss-20b-GGUF", (), _M),
        ("mamba", "falcon-mamba-7b", (), _R),
        ("rwkv7", "rwkv7-2.9B-world", (), _R),
        ("granitehybrid", "granite-4.0-h-tiny-GGUF", (), _H),
        ("qwen3next", "Qwen3-Next-80B-A3B-GGUF", (), _H),
        ("nemotron_h_moe", "Nemotron-3-Nano-30B-A3B", (), _H),
        ("brand-new", "Some-8B", (), None),
        (None, "Some-Model", (), None),
        (None, "Qwen3-30B-A3B", ("transformers", "qwen3_moe", "en"), _M),
        (None, "Mixtral-8x22B", ("mixtral",), _M),
        (None, "Mistral-7B", ("license:llama2", "mistral"), _D),
        (None, "Bamba", ("mamba2",), _R),
    ],
)
def test_the_kind_is_told_from_family_and_name(
    architecture: str | None, name: str, tags: tuple[str, ...], kind: ArchitectureKind | None
) -> None:
    assert kind_of(architecture, name, tags) is kind


def test_every_model_of_the_catalogue_is_told_right() -> None:
    for repo_id, item in published_items().items():
        kind = kind_of(item["architecture"], repo_id.rpartition("/")[2])
        if item["ssm_state_size"]:
            assert kind in (_R, _H), repo_id
        else:
            assert kind is (_M if item["expert_count"] else _D), repo_id


def test_active_parameters_are_those_of_the_catalogue() -> None:
    errors = []
    for repo_id, item in published_items().items():
        total, active = item["computed_parameters"]["value"], item["computed_active_parameters"]
        found = active_parameters(item["architecture"], repo_id.rpartition("/")[2], total)
        if not item["expert_count"]:
            assert found is None, repo_id
            continue
        assert found is not None, repo_id
        errors.append(abs(found - active) / active)

    assert len(errors) >= 10
    # A name says A3B and A22B for what is 3.04 and 21.6.
    assert max(errors) < 0.03


@pytest.mark.parametrize("name", ["model-A0B", "model-30B-A900B", "A" * 500, "1x1B"])
def test_names_that_make_no_sense_tell_nothing(name: str) -> None:
    assert active_parameters("qwen3moe", name, 5 * 10**9) is None


def test_a_mixture_of_unknown_size_is_guessed_between_known_ones() -> None:
    between = guessed_active_parameters("qwen3moe", "Custom", 100 * 10**9, _M)
    assert 3.04e9 < between < 21.6e9
    assert guessed_active_parameters("dbrx", "Custom", 100 * 10**9, _M) == 10 * 10**9
    assert guessed_active_parameters("llama", "Custom", 8 * 10**9, _D) == 8 * 10**9
