from __future__ import annotations

import pytest

from garden.core.errors import RefusedError
from garden.export.modelfile_reader import Instruction, quoted, read_modelfile
from tests.export.values import HOSTILE


def test_instructions_are_read_in_order() -> None:
    text = '# note\nfrom /m/a b.gguf\nPARAMETER num_ctx 4096\n\nSYSTEM """You are\nMario."""\nPARAMETER stop "x y"'

    assert read_modelfile(text) == (
        Instruction(name="FROM", value="/m/a b.gguf"),
        Instruction(name="PARAMETER", key="num_ctx", value="4096"),
        Instruction(name="SYSTEM", value="You are\nMario."),
        Instruction(name="PARAMETER", key="stop", value="x y"),
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("FROM x\nPARAMETER num_ctxx 4096", "'num_ctxx' is not a parameter"),
        ("FROM x\nPARAMETER mirostat 1", "'mirostat' is not a parameter"),
        ("FROM x\nPARAMETER num_gpu 9", "'num_gpu' is not a parameter"),
        ("FROM x\nPARAMETER Temperature 1", "'Temperature' is not a parameter"),
        ("FROM x\nSYSTEMS y", "'SYSTEMS' is not an instruction"),
        ("PARAMETER seed 1", "names no model"),
        ('FROM x\nSYSTEM """open', "is not closed"),
    ],
)
def test_what_ollama_does_not_document_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(RefusedError, match=sentence):
        read_modelfile(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_quoted_value_is_read_back_exactly_or_not_written_at_all(text: str) -> None:
    written = quoted(text)

    if written is not None:
        assert read_modelfile(f"FROM x\nSYSTEM {written}\nPARAMETER seed 1")[1:] == (
            Instruction(name="SYSTEM", value=text),
            Instruction(name="PARAMETER", key="seed", value="1"),
        )


@pytest.mark.parametrize("text", ['x"""\ny', '"""\n', 'a """ \nb', "zero \u200b width", "bell \x07", 'x\n"""\t\ny'])
def test_what_has_no_way_to_be_written_is_known(text: str) -> None:
    assert quoted(text) is None


@pytest.mark.parametrize("text", ['x"""y\nz', '"', '""', '"quoted"', 'ends in "', "\n\nfirst", "line\r\nend", '"""x'])
def test_what_looks_hard_but_can_be_written_is(text: str) -> None:
    assert quoted(text) is not None
