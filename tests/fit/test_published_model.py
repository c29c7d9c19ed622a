from __future__ import annotations

import json

import pytest

from garden.core.errors import InvalidFileError
from garden.core.paths import resource_path
from garden.fit.published_model import PublishedModel, published_models


def _named(name: str) -> PublishedModel:
    models = published_models(resource_path("catalogue/models.json").read_bytes())
    return next(model for model in models if model.name == name)


def test_the_header_counts_the_models_parameters() -> None:
    for name in ("Qwen3 8B", "Llama 3.3 70B", "Qwen3 30B-A3B", "Granite 4.0 H Tiny"):
        model = _named(name)
        assert model.header("Q4_K_M").parameters == pytest.approx(model.parameters, rel=1e-6)


def test_the_size_follows_the_type() -> None:
    model = _named("Qwen3 8B")

    # The published Q4_K_M of this model is 5.03e9 bytes, the Q8_0 8.71e9.
    assert model.header("Q4_K_M").data_bytes == pytest.approx(5.03e9, rel=0.02)
    assert model.header("Q8_0").data_bytes == pytest.approx(8.71e9, rel=0.02)


def test_the_shape_stands_under_the_keys_of_gguf() -> None:
    header = _named("Qwen3 8B").header("Q8_0")

    assert (header.architecture, header.block_count, header.context_length) == ("qwen3", 36, 40_960)
    assert header.value("attention.head_count_kv") == 8


def test_a_type_that_does_not_exist_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="Q9_X"):
        _named("Qwen3 8B").header("Q9_X")


@pytest.mark.parametrize("document", [b"", b"{}", b'{"items": [{"name": "x"}]}', b"\xff"])
def test_a_damaged_catalogue_is_one_sentence(document: bytes) -> None:
    with pytest.raises(InvalidFileError, match="catalogue"):
        published_models(document)


def test_a_model_without_a_count_is_refused() -> None:
    items = json.loads(resource_path("catalogue/models.json").read_bytes())["items"][:1]
    items[0]["computed_parameters"] = {"value": None}

    with pytest.raises(InvalidFileError):
        published_models(json.dumps({"items": items}).encode())
