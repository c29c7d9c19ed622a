from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from garden.core.errors import DiskFullError, InvalidFileError
from garden.gguf.byte_source import FileSource
from garden.gguf.header import GgufHeader, TensorInfo, read_header
from garden.gguf.hollow_file import MAX_HOLLOW_BYTES, hollow_header, is_own, write_hollow_file
from garden.gguf.shard_set import joined_header
from garden.gguf.tensor_type import TENSOR_TYPES
from tests.gguf.gguf_bytes import F32, Q8_0, BytesSource, Tensor, Value, file_bytes, llama_file


def read(path: Path) -> GgufHeader:
    with FileSource(path) as source:
        return read_header(source)


def hollow_copy(header: GgufHeader, folder: Path) -> GgufHeader:
    path = folder / "hollow.gguf"
    size = write_hollow_file(header, path)
    assert path.stat().st_size == size
    return read(path)


def test_a_hollow_file_says_all_but_the_vocabulary(tmp_path: Path) -> None:
    header = read_header(BytesSource(llama_file()))

    copy = hollow_copy(header, tmp_path)

    kept = {key: value for key, value in header.metadata.items() if not key.startswith("tokenizer.")}
    assert copy.metadata == {**kept, "tokenizer.ggml.model": "no_vocab", "llama.vocab_size": 2_000}
    assert copy.tensors == header.tensors
    assert (copy.data_bytes, copy.vocab_size) == (header.data_bytes, header.vocab_size)


def test_it_takes_no_more_disk_than_its_header(tmp_path: Path) -> None:
    tensors: list[Tensor] = [(f"blk.{block}.ffn_down.weight", (2**16, 2**16), Q8_0) for block in range(100)]
    header = read_header(BytesSource(llama_file()))
    huge = dataclasses.replace(header, tensors=_placed(tensors))
    path = tmp_path / "huge.gguf"

    size = write_hollow_file(huge, path)

    assert size > 400 * 1024**3
    assert path.stat().st_blocks * 512 < 1024**2


@pytest.mark.parametrize("alignment", [32, 64, 4_096])
def test_values_keep_their_types_and_tensors_their_alignment(tmp_path: Path, alignment: int) -> None:
    metadata: dict[str, Value] = {
        "general.architecture": "llama",
        "general.alignment": alignment,
        "llama.block_count": 1,
        "llama.flag": True,
        "llama.share": 0.5,
        "llama.pattern": [True, False],
        "llama.counts": [1, 2],
        "llama.words": ["a", "b"],
    }
    tensors: list[Tensor] = [("a.weight", (5,), F32), ("b.weight", (32, 3), Q8_0)]
    header = read_header(BytesSource(file_bytes(metadata, tensors, alignment=alignment)))

    copy = hollow_copy(header, tmp_path)

    assert {key: copy.kinds[key] for key in metadata} == header.kinds
    assert copy.alignment == alignment
    assert all(tensor.offset % alignment == 0 for tensor in copy.tensors)


def test_types_that_nobody_read_are_those_that_converters_write(tmp_path: Path) -> None:
    metadata: dict[str, Value] = {
        "general.architecture": "llama",
        "llama.block_count": 3,
        "llama.share": 0.5,
        "llama.flag": False,
        "llama.pattern": [True, False],
        "llama.words": ["a", "b"],
    }
    header = read_header(BytesSource(file_bytes(metadata, [("a.weight", (4,), F32)])))

    copy = hollow_copy(dataclasses.replace(header, kinds={}), tmp_path)

    assert {key: copy.kinds[key] for key in metadata} == header.kinds
    assert all(copy.metadata[key] == header.metadata[key] for key in metadata)


def test_shards_become_one_whole(tmp_path: Path) -> None:
    first = read_header(
        BytesSource(
            file_bytes(
                {"general.architecture": "llama", "llama.block_count": 1, "split.count": 2, "split.no": 0},
                [("a.weight", (40,), F32)],
            )
        )
    )
    second = read_header(BytesSource(file_bytes({"split.count": 2, "split.no": 1}, [("b.weight", (8,), F32)])))

    copy = hollow_copy(joined_header([first, second]), tmp_path)

    assert [(tensor.name, tensor.offset) for tensor in copy.tensors] == [("a.weight", 0), ("b.weight", 160)]
    assert not any(key.startswith("split.") for key in copy.metadata)


def test_a_header_that_was_estimated_is_refused() -> None:
    header = read_header(BytesSource(llama_file()))
    tensor = header.tensors[0]

    for wrong in (
        dataclasses.replace(tensor, size_bytes=tensor.size_bytes - 1),
        dataclasses.replace(tensor, ggml_type="Q4_K_M"),
    ):
        estimated = dataclasses.replace(header, tensors=(wrong, *header.tensors[1:]))
        assert not is_own(estimated)
        with pytest.raises(InvalidFileError, match=r"cannot be made from its header\. Read the header"):
            hollow_header(estimated)
    assert is_own(header)
    assert not is_own(dataclasses.replace(header, header_bytes=0))


def test_what_no_model_claims_is_refused() -> None:
    header = read_header(BytesSource(llama_file()))
    vast = _placed([(f"blk.0.w{index}", (2**20, 2**20), F32) for index in range(3)])

    with pytest.raises(InvalidFileError, match="which no model has"):
        hollow_header(dataclasses.replace(header, tensors=vast))
    with pytest.raises(InvalidFileError):
        hollow_header(dataclasses.replace(header, tensors=()))
    with pytest.raises(InvalidFileError):
        hollow_header(dataclasses.replace(header, metadata={}))
    assert MAX_HOLLOW_BYTES < 3 * 4 * 2**40


def test_a_value_that_its_type_does_not_hold_is_refused() -> None:
    header = read_header(BytesSource(llama_file()))
    wrong = dataclasses.replace(header, metadata={**header.metadata, "llama.block_count": -1})

    with pytest.raises(InvalidFileError):
        hollow_header(wrong)


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    header = read_header(BytesSource(llama_file()))

    with pytest.raises(DiskFullError, match="could not be written"):
        write_hollow_file(header, tmp_path / "nowhere" / "hollow.gguf")


def _placed(tensors: list[Tensor]) -> tuple[TensorInfo, ...]:

    found = []
    for name, shape, number in tensors:
        kind = TENSOR_TYPES[number]
        elements = shape[0] * (shape[1] if len(shape) > 1 else 1)
        size = elements // kind.block_size * kind.block_bytes
        found.append(TensorInfo(name=name, shape=shape, ggml_type=kind.name, offset=0, size_bytes=size))
    return tuple(found)
