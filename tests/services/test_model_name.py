from __future__ import annotations

import pytest

from garden.services.model_name import display_name, telling_name


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("Qwen3-8B-GGUF", "Qwen3-8B"),
        ("Qwen3-8B-Q4_K_M", "Qwen3-8B"),
        ("SmolLM2-135M-Instruct.Q4_1", "SmolLM2-135M-Instruct"),
        ("Big-Model-Q8_0-00001-of-00003", "Big-Model"),
        ("Q4_0", "Q4_0"),
        ("notes", "notes"),
    ],
)
def test_a_name_leaves_out_how_the_model_is_stored(stem: str, name: str) -> None:
    assert display_name(stem) == name


@pytest.mark.parametrize(
    ("stem", "given", "folders", "name"),
    [
        ("Qwen3-8B-Q4_K_M", "Something else", ("folder",), "Qwen3-8B"),
        ("Q2_K", "Qwen3 8B Instruct", ("folder",), "Qwen3 8B Instruct"),
        ("q2_k", "Qwen3-8B-Q2_K", (), "Qwen3-8B"),
        ("ggml-model-Q4_0", None, ("Qwen3-8B-GGUF",), "Qwen3-8B"),
        ("model", " \n ", ("Q4_0", "Tiny-Chat"), "Tiny-Chat"),
        ("Q2_K", "Q2_K", ("models", "gguf"), "Q2_K"),
        ("Q2_K", "bad\x1b[31m", ("Tiny",), "Tiny"),
        ("Q8_0-00001-of-00003", None, ("Big-Model",), "Big-Model"),
    ],
)
def test_a_file_named_by_its_type_alone_gets_a_telling_name(
    stem: str, given: str | None, folders: tuple[str, ...], name: str
) -> None:
    assert telling_name(stem, given, folders) == name
