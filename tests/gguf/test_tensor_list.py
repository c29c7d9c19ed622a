"""The list behind a vocabulary: found in a few reads, or not at all, and never a wrong one."""

from __future__ import annotations

import dataclasses
import random
import struct

import pytest

from garden.core.errors import InvalidFileError
from garden.gguf.header import GgufHeader, read_header
from garden.gguf.header_start import START_BYTES, read_start
from garden.gguf.hollow_file import is_own
from garden.gguf.metadata_value import ArraySkipped
from garden.gguf.tensor_list import read_like, read_sparingly
from garden.gguf.window_kind import WINDOW_BYTES, WindowKind, kind_of
from tests.gguf.gguf_bytes import BytesSource, Value, llama_file, text
from tests.gguf.long_headers import VOCABULARIES, WEIGHTS, WORDS, LongFile, weights


def whole(file: LongFile) -> GgufHeader:
    """The header by the reader that reads everything."""
    return read_header(file)


@pytest.mark.parametrize("kind", VOCABULARIES)
@pytest.mark.parametrize("weight_kind", WEIGHTS)
def test_the_list_is_found_without_the_vocabulary(kind: str, weight_kind: str) -> None:
    file = LongFile(kind, weight_kind)
    header = read_sparingly(file)
    moved, reads = file.bytes_read, len(file.reads)

    true = whole(file)
    assert (header.tensors, header.header_bytes, header.data_bytes) == (
        true.tensors,
        true.header_bytes,
        true.data_bytes,
    )
    assert (header.architecture, header.block_count, header.vocab_size) == ("llama", 40, WORDS)
    assert header.file_type == "Q8_0"
    assert all(true.metadata[key] == value for key, value in header.metadata.items())
    assert is_own(header)
    assert moved < 200_000
    assert reads <= 15


@pytest.mark.parametrize("weight_kind", WEIGHTS)
def test_weights_are_not_taken_for_a_header(weight_kind: str) -> None:
    data = weights(weight_kind)
    starts = range(0, len(data) - WINDOW_BYTES, 8_191)

    assert {kind_of(data[start : start + WINDOW_BYTES]) for start in starts} == {WindowKind.WEIGHTS}


@pytest.mark.parametrize("kind", VOCABULARIES)
def test_a_vocabulary_is_not_taken_for_weights(kind: str) -> None:
    file = LongFile(kind)
    end = file.head.index(text("token_embd.weight"))
    starts = range(4_096, end - WINDOW_BYTES - 10_000, 4_093)

    kinds = [kind_of(file.head[start : start + WINDOW_BYTES]) for start in starts]
    assert set(kinds) == {WindowKind.METADATA}


def test_keys_that_were_added_behind_the_vocabulary_are_read() -> None:
    added: dict[str, Value] = {
        "general.file_type": 15,
        "llama.context_length_train": 4_096,
        "quantize.imatrix.file": "calibration.dat",
        "llama.rope.sections": [1, 2, 3, 4],
    }
    header = read_sparingly(LongFile("pairs", added=added))

    assert header.file_type == "Q4_K_M"
    assert header.value("rope.sections") == (1, 2, 3, 4)
    assert header.text("quantize.imatrix.file") == "calibration.dat"
    assert header.chat_template is not None


def test_a_file_without_a_long_vocabulary_is_read_as_a_whole() -> None:
    source = BytesSource(llama_file())

    assert read_sparingly(source) == read_header(BytesSource(llama_file()))


def test_zeros_in_place_of_weights_end_in_the_full_header() -> None:
    file = LongFile("pairs")
    zeros = BytesSource(file.head + bytes(file.size_bytes - len(file.head)))

    header = read_sparingly(zeros)

    assert header.chat_template is not None
    assert header == whole(file)


def test_a_file_that_was_cut_is_refused() -> None:
    with pytest.raises(InvalidFileError, match="not a complete GGUF file"):
        read_sparingly(LongFile("pairs", cut_bytes=2_000_000))


def test_a_file_that_goes_on_behind_its_weights_is_read_as_a_whole() -> None:
    file = LongFile("pairs", cut_bytes=-4_096)

    assert read_sparingly(file).metadata.keys() == whole(file).metadata.keys()


def test_a_list_within_the_list_is_not_taken() -> None:
    """Bytes in the vocabulary that read like a list of tensors do not add up to the file."""
    record = text("fake.weight") + struct.pack("<IQQIQ", 2, 512, 512, 8, 0)
    fake = (record * 12).decode("latin-1")
    file = LongFile("pairs", added={"general.note": fake, "general.file_type": 7})

    assert read_sparingly(file).tensors == whole(file).tensors


@pytest.mark.parametrize("seed", range(40))
def test_a_list_with_a_flaw_is_never_taken(seed: int) -> None:
    """One wrong byte in the list: the answer of the full reader, whatever it is."""
    file = LongFile("pairs")
    dice = random.Random(seed)
    start = file.head.index(text("token_embd.weight"))
    place = dice.randrange(start, len(file.head) - 32)
    head = bytearray(file.head)
    head[place] ^= 1 << dice.randrange(8)
    file.head = bytes(head)

    try:
        true = whole(file)
    except InvalidFileError:
        with pytest.raises(InvalidFileError):
            read_sparingly(file)
    else:
        assert read_sparingly(file).tensors == true.tensors


def test_a_sibling_costs_one_short_read() -> None:
    first = read_sparingly(LongFile("pairs", "Q8_0"))
    added: dict[str, Value] = {
        "general.quantization_version": 2,
        "general.file_type": 2,
        "quantize.imatrix.file": "a.dat",
    }
    file = LongFile("pairs", "Q4_0", added=added)

    header = read_like(file, first)

    assert header is not None
    true = whole(LongFile("pairs", "Q4_0", added=added))
    assert (header.tensors, header.header_bytes, header.data_bytes) == (
        true.tensors,
        true.header_bytes,
        true.data_bytes,
    )
    assert (header.file_type, header.vocab_size, header.block_count) == ("Q4_0", WORDS, 40)
    assert is_own(header)
    assert len(file.reads) == 1
    assert file.bytes_read < 32_000


def test_a_sibling_does_not_inherit_what_is_of_one_file() -> None:
    added: dict[str, Value] = {"general.file_type": 7, "quantize.imatrix.file": "a.dat"}
    header = read_like(LongFile("pairs", "Q4_0", added={}), read_sparingly(LongFile("pairs", added=added)))

    assert header is not None
    assert header.file_type is None
    assert header.text("quantize.imatrix.file") is None


@pytest.mark.parametrize(
    "other",
    [
        LongFile("pairs", blocks=39),
        LongFile("pairs", width=256),
        LongFile("scores"),
        LongFile("pairs", "F16", cut_bytes=64),
    ],
)
def test_another_model_is_no_sibling(other: LongFile) -> None:
    assert read_like(other, read_sparingly(LongFile("pairs"))) is None


def test_a_sibling_of_which_the_start_is_known_keeps_its_own_keys() -> None:
    first = read_sparingly(LongFile("pairs"))
    first = dataclasses.replace(first, metadata={**first.metadata, "llama.context_length": 1})
    file = LongFile("pairs", "Q4_0")

    header = read_like(file, first, read_start(file))

    assert header is not None
    assert header.context_length == 8_192


def test_the_start_is_one_short_read() -> None:
    file = LongFile("pairs")
    start = read_start(file)

    assert file.reads == [(0, START_BYTES)]
    assert not start.is_whole
    assert start.metadata["llama.block_count"] == 40
    assert start.metadata["tokenizer.ggml.tokens"] == ArraySkipped(count=WORDS)
    assert start.counts.tensors == 161


def test_the_start_of_something_else_is_refused() -> None:
    for data in (b"", b"GG", bytes(100_000)):
        with pytest.raises(InvalidFileError, match="not a GGUF file"):
            read_start(BytesSource(data))
