from __future__ import annotations

import pytest

from garden.quantization.fallback_text import fallback_sentence


@pytest.mark.parametrize(
    ("count", "sentence"),
    [
        (0, ""),
        (1, "1 tensor takes a larger type, because the type's blocks do not divide its rows."),
        (1_200, "1,200 tensors take a larger type, because the type's blocks do not divide their rows."),
    ],
)
def test_what_falls_back_is_told_in_one_sentence(count: int, sentence: str) -> None:
    assert fallback_sentence(count) == sentence
