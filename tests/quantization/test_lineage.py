from __future__ import annotations

import pytest

from garden.core.model_ref import ModelRef
from garden.quantization.lineage import LINEAGE_KEY, MAX_BYTES, lineage_after, parse_lineage

STARTER = ModelRef(name="SmolLM2-135M-Instruct", filenames=("s.gguf",), quant_type="Q4_1")


def test_a_first_generation_names_its_source_with_its_type() -> None:
    assert lineage_after(STARTER, {}) == "SmolLM2-135M-Instruct Q4_1"


def test_a_type_in_the_name_is_not_repeated() -> None:
    source = ModelRef(name="Qwen3-8B-BF16", filenames=("q.gguf",), quant_type="BF16")

    assert lineage_after(source, {}) == "Qwen3-8B-BF16"


def test_ancestors_come_first_and_are_read_back_in_order() -> None:
    text = lineage_after(STARTER, {LINEAGE_KEY: "Origin F16"})

    assert parse_lineage(text) == ("Origin F16", "SmolLM2-135M-Instruct Q4_1")


def test_the_oldest_ancestors_go_when_the_text_is_too_long() -> None:
    text = lineage_after(STARTER, {LINEAGE_KEY: " > ".join(f"ancestor number {n}" for n in range(9))})

    assert len(text.encode()) <= MAX_BYTES
    assert parse_lineage(text)[-2:] == ("ancestor number 8", "SmolLM2-135M-Instruct Q4_1")


def test_a_long_name_is_cut_between_characters() -> None:
    text = lineage_after(ModelRef(name="ü" * 200, filenames=("u.gguf",)), {})

    assert text == "ü" * 63


@pytest.mark.parametrize("value", [None, 3, ("a",), "", " > ", "\x00\x1b"])
def test_what_is_no_lineage_reads_as_none(value: object) -> None:
    assert parse_lineage(value) == ()


def test_control_characters_and_separators_of_a_name_do_not_reach_the_file() -> None:
    source = ModelRef(name="evil\x1b[31m > fake", filenames=("e.gguf",))

    assert parse_lineage(lineage_after(source, {})) == ("evil[31m fake",)
