from __future__ import annotations

import pytest

from garden.gguf.quant_name import QUANT_TYPES, quant_type_named, quant_type_numbered, quant_type_of


@pytest.mark.parametrize(
    ("filename", "quant_type"),
    [
        ("Qwen3-8B-Q4_K_M.gguf", "Q4_K_M"),
        ("model.q5_k_s.gguf", "Q5_K_S"),
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "Q4_1"),
        ("gemma-3-12b-it-qat-q4_0.gguf", "Q4_0"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4_MOE"),
        ("Qwen3-8B-UD-Q4_K_XL.gguf", "Q4_K_XL"),
        ("x/BF16/model-BF16-00001-of-00002.gguf", "BF16"),
        ("model-f16.gguf", "F16"),
        ("model-IQ4_XS.gguf", "IQ4_XS"),
        ("Q4-model.gguf", None),
        ("model.gguf", None),
        ("", None),
        ("mmproj-model-f16.gguf", "F16"),
    ],
)
def test_file_names_say_their_type(filename: str, quant_type: str | None) -> None:
    assert quant_type_of(filename) == quant_type


def test_a_name_is_known_in_any_spelling() -> None:
    for spelling in ("Q4_K_M", "q4_k_m", " q4-k-m ", "Q4_K", "Q4_K_XL"):
        quant = quant_type_named(spelling)
        assert quant is not None
        assert quant.name == "Q4_K_M"
    assert quant_type_named("Q9_Z") is None


def test_numbers_are_those_of_the_gguf_package() -> None:
    gguf = pytest.importorskip("gguf")
    theirs = {kind.value: kind.name.removeprefix("MOSTLY_").removeprefix("ALL_") for kind in gguf.LlamaFileType}

    for quant in QUANT_TYPES:
        if quant.ftype in theirs:
            assert theirs[quant.ftype] == quant.name
    assert quant_type_numbered(1_024) is None


def test_each_number_and_name_stands_for_one_type() -> None:
    assert len({quant.ftype for quant in QUANT_TYPES}) == len({quant.name for quant in QUANT_TYPES}) == len(QUANT_TYPES)
