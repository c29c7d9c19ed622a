from __future__ import annotations

import pytest

from garden.gguf.tensor_type import TENSOR_TYPES


def test_sizes_are_those_of_the_gguf_package() -> None:
    gguf = pytest.importorskip("gguf")

    for number, kind in TENSOR_TYPES.items():
        try:
            theirs = gguf.GGMLQuantizationType(number)
        except ValueError:
            continue  # newer in the engine than in the package
        assert (theirs.name, gguf.GGML_QUANT_SIZES[theirs]) == (kind.name, (kind.block_size, kind.block_bytes))
