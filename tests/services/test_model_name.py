from __future__ import annotations

import pytest

from garden.services.model_name import display_name


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
