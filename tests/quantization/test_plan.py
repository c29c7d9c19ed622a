from __future__ import annotations

import struct
from pathlib import Path

import pytest

from garden.core.errors import RefusedError
from garden.core.model_ref import ModelRef
from garden.gguf.header import GgufHeader, TensorInfo
from garden.quantization.plan import check_source, check_target, destination_name, is_quantized


def header(*types: str, file_type: int = 3) -> GgufHeader:
    tensors = tuple(
        TensorInfo(name=f"t{n}", shape=(32,), ggml_type=kind, offset=0, size_bytes=1) for n, kind in enumerate(types)
    )
    metadata: dict[str, int | str] = {"general.architecture": "llama", "general.file_type": file_type}
    return GgufHeader(
        version=3, alignment=32, metadata=metadata, tensors=tensors, header_bytes=0, data_bytes=len(types)
    )


def gguf_with(key: str) -> bytes:
    """The smallest file that the reader takes, with one key of Garden's or of another."""
    pairs = b""
    for name, text in (("general.architecture", "llama"), (key, "x")):
        pairs += struct.pack("<Q", len(name)) + name.encode() + struct.pack("<IQ", 8, len(text)) + text.encode()
    return b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + pairs


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16"])
def test_full_precision_needs_no_consent(kind: str) -> None:
    check_source(header(kind, "F32"), allow_requantize=False)


def test_a_quantized_source_is_refused_with_its_type_and_the_way_on() -> None:
    with pytest.raises(RefusedError) as refusal:
        check_source(header("F32", "Q4_1"), allow_requantize=False)

    assert refusal.value.sentence == (
        "This model is already quantized (Q4_1): quantizing it again adds a second loss to the one it has."
    )
    assert "--allow-requantize" in refusal.value.action
    assert "relative to the Q4_1 file" in refusal.value.action


def test_consent_lets_a_quantized_source_through() -> None:
    check_source(header("Q4_1"), allow_requantize=True)


@pytest.mark.parametrize("consent", [False, True])
def test_a_file_without_weights_is_refused_even_with_consent(consent: bool) -> None:
    with pytest.raises(RefusedError, match="vocabulary only"):
        check_source(header(), allow_requantize=consent)


def test_a_type_the_reader_has_no_name_for_counts_as_quantized() -> None:
    assert is_quantized(header("IQ9_NEW"))


@pytest.mark.parametrize(
    ("filename", "quant_type", "expected"),
    [
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "Q4_1", "SmolLM2-135M-Instruct.Q3_K_M.gguf"),
        ("Qwen3-8B-BF16.gguf", "BF16", "Qwen3-8B-Q3_K_M.gguf"),
        ("model_Q8_0.gguf", "Q8_0", "model_Q3_K_M.gguf"),
        ("model-fp16.gguf", "F16", "model-Q3_K_M.gguf"),
        ("Qwen3-8B-UD-Q4_K_XL.gguf", None, "Qwen3-8B-UD-Q3_K_M.gguf"),
        ("BF16/Big-BF16-00001-of-00003.gguf", "BF16", "Big-Q3_K_M.gguf"),
        ("plain.gguf", None, "plain-Q3_K_M.gguf"),
        ("plain.GGUF", "F16", "plain-Q3_K_M.gguf"),
        ("Q4_0.gguf", "Q4_0", "Q4_0-Q3_K_M.gguf"),
        ("../../etc/passwd", None, "passwd-Q3_K_M.gguf"),
        ("..\\..\\evil.gguf", None, "evil-Q3_K_M.gguf"),
        ("con.gguf", None, "_con-Q3_K_M.gguf"),
        ('a<b>:"|?*\x00.gguf', None, "a_b_______-Q3_K_M.gguf"),
        ("....gguf", None, "model-Q3_K_M.gguf"),
    ],
)
def test_the_result_is_named_after_the_source(filename: str, quant_type: str | None, expected: str) -> None:
    source = ModelRef(name="x", filenames=(filename,), quant_type=quant_type)

    assert destination_name(source, "Q3_K_M") == expected


def test_what_was_made_here_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    made, foreign, text = (tmp_path / name for name in ("made.gguf", "foreign.gguf", "text.gguf"))
    made.write_bytes(gguf_with("garden.lineage"))
    foreign.write_bytes(gguf_with("general.name"))
    text.write_text("notes")

    check_target((), made)
    check_target((), tmp_path / "new.gguf")
    for path in (foreign, text):
        with pytest.raises(RefusedError, match="exists already and was not made here"):
            check_target((), path)
