"""Files made to hurt: wrong in one place, wrong everywhere, promising more than there is."""

from __future__ import annotations

import random
import struct
import time
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from garden.core.errors import InvalidFileError
from garden.gguf.header import GgufHeader, read_header
from garden.gguf.header_cursor import MAX_ARRAY, MAX_ELEMENTS, MAX_WORDS
from tests.gguf.gguf_bytes import ARRAY, F32, STRING, UINT8, UINT32, BytesSource, header_bytes, llama_file, text

WHOLE = llama_file()
#: Where the interesting part ends: what follows are zeros.
HEADER = read_header(BytesSource(WHOLE)).header_bytes

START = b"GGUF" + struct.pack("<I", 3)


def attempt(data: bytes) -> GgufHeader | None:
    """Read; None for a refusal. Anything but a refusal fails the test by itself."""
    try:
        return read_header(BytesSource(data))
    except InvalidFileError as error:
        assert error.sentence.endswith(".")
        return None


def flip_bits(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 8)):
        data[chance.randrange(HEADER)] ^= 1 << chance.randrange(8)


def overwrite_length(data: bytearray, chance: random.Random) -> None:
    value = chance.choice([0, 1, 2**31 - 1, 2**32, 2**40, 2**63 - 1, 2**64 - 1])
    place = chance.randrange(4, HEADER - 8)
    data[place : place + 8] = struct.pack("<Q", value)


def cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


def remove_a_piece(data: bytearray, chance: random.Random) -> None:
    place = chance.randrange(HEADER)
    del data[place : place + chance.randint(1, 64)]


def repeat_a_piece(data: bytearray, chance: random.Random) -> None:
    place = chance.randrange(HEADER)
    data[place:place] = data[place : place + chance.randint(1, 4_096)]


def scramble(data: bytearray, chance: random.Random) -> None:
    place = chance.randrange(24, HEADER)
    for index in range(place, min(place + chance.randint(1, 400), HEADER)):
        data[index] = chance.randrange(256)


MUTATIONS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    flip_bits,
    overwrite_length,
    cut,
    remove_a_piece,
    repeat_a_piece,
    scramble,
)


@pytest.mark.parametrize("mutate", MUTATIONS)
def test_mutated_headers_are_read_or_refused_within_bounds(mutate: Callable[[bytearray, random.Random], None]) -> None:
    slowest = 0.0
    tracemalloc.start()
    try:
        for seed in range(100):
            data = bytearray(WHOLE)
            mutate(data, random.Random(seed))
            began = time.process_time()
            attempt(bytes(data))
            slowest = max(slowest, time.process_time() - began)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert slowest < 0.5  # 20 ms without the tracing
    assert peak < 8 * len(WHOLE)


@given(st.binary(max_size=4_096))
@settings(max_examples=300)
def test_any_bytes_behind_the_magic_are_read_or_refused(tail: bytes) -> None:
    attempt(START + tail)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
@settings(max_examples=100)
def test_any_counts_are_read_or_refused(tensors: int, keys: int) -> None:
    attempt(START + struct.pack("<QQ", tensors, keys) + bytes(256))


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=4), st.integers(0, 50), st.integers(0, 2**64 - 1))
@settings(max_examples=200)
def test_any_shape_is_read_or_refused(shape: list[int], kind: int, offset: int) -> None:
    data = START + struct.pack("<QQ", 1, 1) + text("general.architecture") + struct.pack("<I", STRING) + text("llama")
    data += text("a") + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
    header = attempt(data + struct.pack("<IQ", kind, offset) + bytes(4_096))

    if header is not None:
        assert 0 < header.tensors[0].size_bytes <= 4_096


def test_a_string_longer_than_the_file_takes_no_memory() -> None:
    data = START + struct.pack("<QQ", 0, 1) + struct.pack("<Q", 2**40) + bytes(100)
    tracemalloc.start()
    try:
        assert attempt(data) is None
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def refusal_of(data: bytes) -> str:
    """Why it was refused, as the log says it."""
    with pytest.raises(InvalidFileError) as caught:
        read_header(BytesSource(data))
    return caught.value.detail


def arrays(*counts: int, kind: int = UINT8, element: bytes = b"\0") -> bytes:
    """A file of arrays of zeros."""
    pairs = b"".join(
        text(f"k{index}") + struct.pack("<IIQ", ARRAY, kind, count) + element * count
        for index, count in enumerate(counts)
    )
    return START + struct.pack("<QQ", 0, len(counts)) + pairs


def test_an_array_of_more_elements_than_the_file_has_bytes_is_refused() -> None:
    for kind in (UINT32, STRING):
        data = START + struct.pack("<QQ", 0, 1) + text("a") + struct.pack("<IIQ", ARRAY, kind, 1_000_000) + bytes(64)
        assert "too small for it" in refusal_of(data)


def test_an_array_longer_than_any_vocabulary_is_refused() -> None:
    assert refusal_of(arrays(MAX_ARRAY + 1)) == f"an array of {MAX_ARRAY + 1} elements of type {UINT8}"


def test_more_elements_in_all_than_any_file_has_are_refused() -> None:
    assert refusal_of(arrays(MAX_ARRAY, MAX_ARRAY, 1)) == f"arrays of {MAX_ELEMENTS + 1} elements in all"


def test_arrays_within_arrays_are_refused() -> None:
    nested = struct.pack("<IIQ", ARRAY, ARRAY, 1) * 5_000
    assert attempt(START + struct.pack("<QQ", 0, 1) + text("a") + nested) is None


def test_text_that_is_no_utf8_is_replaced() -> None:
    key = struct.pack("<Q", 20) + b"general.architecture" + struct.pack("<I", STRING) + text(b"lla\xff\xfe")
    header = attempt(START + struct.pack("<QQ", 0, 1) + key + bytes(64))

    assert header is not None
    assert header.architecture == "lla\ufffd\ufffd"


def test_a_block_number_of_many_digits_is_no_block() -> None:
    data = header_bytes({"general.architecture": "llama"}, [(f"blk.{'9' * 200}.a", (1,), F32)]) + bytes(32)
    header = attempt(data)

    assert header is not None
    assert header.tensors_by_block == {}


def test_a_tensor_that_overlaps_another_is_refused() -> None:
    data = bytearray(header_bytes({"general.architecture": "llama"}, [("a", (8,), F32), ("b", (8,), F32)]) + bytes(64))
    place = data.index(text("b")) + len(text("b")) + 4 + 8 + 4
    data[place : place + 8] = bytes(8)

    assert "'b' at 0, expected another at 32" in refusal_of(bytes(data))


def test_a_name_that_comes_twice_is_refused() -> None:
    twice = header_bytes({"general.architecture": "llama"}, [("a", (8,), F32), ("a", (8,), F32)]) + bytes(64)
    assert "'a' at 32" in refusal_of(twice)

    pair = text("general.architecture") + struct.pack("<I", STRING) + text("llama")
    assert "comes twice" in refusal_of(START + struct.pack("<QQ", 0, 2) + pair + pair)


def test_what_is_kept_is_bounded_in_all() -> None:
    long = b"".join(text(f"k{i}") + struct.pack("<I", STRING) + text(b"x" * 3_000_000) for i in range(3))
    assert refusal_of(START + struct.pack("<QQ", 0, 3) + long) == "a string of 3000000 bytes"
    assert refusal_of(arrays(*[1_024] * 65)) == "short arrays of 66560 elements in all"


def test_more_words_than_any_vocabulary_has_are_refused() -> None:
    words = arrays(MAX_WORDS // 2, MAX_WORDS // 2, 2_000, kind=STRING, element=bytes(8))
    assert refusal_of(words) == f"arrays of {MAX_WORDS + 2_000} elements in all"
