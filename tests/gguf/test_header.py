from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest

from garden.core.errors import InvalidFileError
from garden.gguf.byte_source import FileSource
from garden.gguf.header import ArraySkipped, GgufHeader, read_header
from tests.gguf.gguf_bytes import F16, F32, Q8_0, BytesSource, Value, file_bytes, header_bytes, llama_file, text

LLAMA: dict[str, Value] = {"general.architecture": "llama", "llama.block_count": 2}


def read(data: bytes) -> GgufHeader:
    return read_header(BytesSource(data))


def test_what_a_file_says_about_itself() -> None:
    header = read(llama_file())

    assert (header.version, header.architecture, header.name, header.license) == (3, "llama", "Small", "mit")
    assert (header.file_type, header.context_length, header.block_count) == ("Q8_0", 2048, 2)
    assert (header.vocab_size, header.chat_template) == (2_000, "{{ messages }}")


def test_tensors_come_with_shape_type_place_and_size() -> None:
    header = read(llama_file())

    query = next(tensor for tensor in header.tensors if tensor.name == "blk.0.attn_q.weight")
    assert (query.shape, query.ggml_type, query.elements) == ((64, 64), "Q8_0", 4_096)
    assert query.size_bytes == 4_096 // 32 * 34
    assert header.parameters == 2_000 * 64 + 2 * (64 + 4_096 + 8_192) + 64


def test_the_data_begins_behind_the_header_and_fills_the_file() -> None:
    data = llama_file()
    header = read(data)

    assert header.header_bytes + header.data_bytes == len(data)


def test_the_vocabulary_is_stepped_over() -> None:
    header = read(llama_file())

    assert header.metadata["tokenizer.ggml.tokens"] == ArraySkipped(count=2_000)
    assert header.metadata["tokenizer.ggml.scores"] == ArraySkipped(count=2_000)


@pytest.mark.parametrize("value", [7, 0.5, True, "text", (1, 2, 3), ("a", "b"), (0.5, 0.25), (True, False)])
def test_values_come_back_as_they_are(value: Value) -> None:
    assert read(file_bytes({**LLAMA, "key": value})).metadata["key"] == value


def test_a_key_of_another_type_counts_as_absent() -> None:
    header = read(file_bytes({**LLAMA, "llama.context_length": "many", "general.name": 5}))

    assert (header.context_length, header.name) == (None, None)


def test_tensors_are_found_by_their_block() -> None:
    header = read(llama_file())

    assert sorted(header.tensors_by_block) == [0, 1]
    assert sorted(header.tensors_by_block[1]) == ["attn_norm.weight", "attn_q.weight", "ffn_down.weight"]


def test_what_looks_like_a_block_and_is_none_stands_outside() -> None:
    names = ["blk.5", "blk.5.attn_q.weight", "blk..x", "blk.-1.x", "blk.99999.x", "blk", "xblk.1.y", "blk.٣.x", "a.b.c"]
    header = read(file_bytes(LLAMA, [(name, (32,), F32) for name in names]))

    assert {block: sorted(tensors) for block, tensors in header.tensors_by_block.items()} == {5: ["attn_q.weight"]}
    assert [tensor.name for tensor in header.tensors_outside_blocks] == [name for name in names if "attn" not in name]


def test_the_vocabulary_without_a_list_is_counted_at_the_embedding() -> None:
    header = read(file_bytes(LLAMA, [("token_embd.weight", (64, 300), Q8_0)]))

    assert header.vocab_size == 300


def test_another_alignment_is_kept() -> None:
    data = file_bytes({**LLAMA, "general.alignment": 256}, [("a", (2,), F32), ("b", (2,), F32)], alignment=256)
    header = read(data)

    assert (header.alignment, header.tensors[1].offset, header.header_bytes % 256) == (256, 256, 0)


def test_later_shards_need_no_architecture() -> None:
    assert read(file_bytes({"split.no": 1, "split.count": 2}, [("a", (2,), F32)])).architecture is None


def test_a_file_of_another_format_is_not_a_gguf_file() -> None:
    for data in (b"", b"GGU", b"PK\x03\x04" + bytes(100), b"\x00" * 1_000):
        with pytest.raises(InvalidFileError, match="not a GGUF file"):
            read(data)


def test_a_cut_file_names_its_tensors_and_where_it_ends() -> None:
    data = llama_file(blocks=4)

    with pytest.raises(InvalidFileError) as caught:
        read(data[: len(data) - 3_000])

    assert caught.value.sentence == (
        "This is not a complete GGUF file: its header names 14 tensors, the file ends after 12."
    )
    assert caught.value.action == "Fetch it again or remove it."


def test_a_file_cut_within_its_header_says_so() -> None:
    with pytest.raises(InvalidFileError, match="ends within its header"):
        read(llama_file()[:200])


def test_an_old_version_is_named() -> None:
    with pytest.raises(InvalidFileError, match="version 1"):
        read(header_bytes(LLAMA, version=1))


def test_weights_of_an_unknown_type_are_refused() -> None:
    data = bytearray(file_bytes(LLAMA, [("a", (32,), F16)]))
    place = data.index(text("a")) + len(text("a")) + 4 + 8
    data[place : place + 4] = struct.pack("<I", 5)

    with pytest.raises(InvalidFileError, match="number 5"):
        read(bytes(data))


def test_a_header_without_an_architecture_is_refused() -> None:
    with pytest.raises(InvalidFileError, match="architecture"):
        read(file_bytes({"general.name": "x"}))


def test_more_blocks_than_any_model_has_are_refused() -> None:
    with pytest.raises(InvalidFileError, match="513 blocks"):
        read(file_bytes({**LLAMA, "llama.block_count": 513}))


def test_a_header_is_read_in_few_pieces() -> None:
    source = BytesSource(llama_file() + bytes(50_000_000))
    read_header(source)

    assert len(source.reads) <= 3
    assert sum(length for _offset, length in source.reads) < 1_000_000


@pytest.mark.starter
def test_the_starter_is_read_at_once(starter_path: Path) -> None:
    began = time.process_time()
    with FileSource(starter_path) as source:
        header = read_header(source)
    took = time.process_time() - began

    assert (header.architecture, header.file_type, header.parameters) == ("llama", "Q4_1", 134_515_008)
    assert (len(header.tensors), header.vocab_size, header.context_length) == (272, 49_152, 8_192)
    assert header.header_bytes + header.data_bytes == starter_path.stat().st_size
    assert took < 1  # 0.03 s on a quiet machine
