"""Real headers with one thing wrong: counts, lengths, types, places, names, dimensions, arrays, values, ends."""

from __future__ import annotations

import functools
import json
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from garden.core.paths import resource_path
from garden.gguf.header_cursor import HeaderCursor
from garden.gguf.metadata_value import ARRAY, SCALARS, STRING
from garden.gguf.tensor_info import read_tensor
from tests.gguf.gguf_bytes import BytesSource, text
from tests.hubserver.gguf_header import header
from tests.hubserver.mixture import MIXTURES, stored_tensors
from tests.hubserver.shapes import Model

#: Words of the vocabularies: enough for the search behind them, little enough to make a thousand files of.
WORDS = 12_000

#: One of each way to attend, to route and to remember.
MODELS = ("Qwen3 0.6B", "Gemma 3 1B", "Qwen3 30B-A3B", "DeepSeek V2 Lite", "Mamba 130M", "Granite 4.0 H Tiny")

_NUMBERS = (0, 1, 3, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1)

_NOISE = random.Random(7).randbytes(2**18)


@dataclass
class Anatomy:
    """A header in pieces that can be changed.

    Attributes:
        version: GGUF version.
        n_tensors: What the file says; the true number when None.
        n_keys: What the file says; the true number when None.
        pairs: Keys with their values.
        records: Tensors.
        data_bytes: Of the weights.
        missing_bytes: Cut from the end of the file.
        is_cut: Whether the file ends too early.
    """

    version: int
    pairs: list[bytes]
    records: list[bytes]
    data_bytes: int
    n_tensors: int | None = None
    n_keys: int | None = None
    missing_bytes: int = 0
    is_cut: bool = False
    magic: bytes = b"GGUF"
    _whole: bytes = field(default=b"", repr=False)

    def head(self) -> bytes:
        """The bytes before the weights."""
        n_tensors = len(self.records) if self.n_tensors is None else self.n_tensors
        n_keys = len(self.pairs) if self.n_keys is None else self.n_keys
        body = self.magic + struct.pack("<IQQ", self.version, n_tensors % 2**64, n_keys % 2**64)
        body += b"".join(self.pairs) + b"".join(self.records)
        return body + bytes(-len(body) % 32)


@functools.cache
def _anatomy(name: str) -> tuple[tuple[bytes, ...], tuple[bytes, ...], int]:
    items = json.loads(resource_path("catalogue/models.json").read_bytes())["items"]
    item = next(item for item in items if item["name"] == name)
    model = Model({**item, "vocab_size": WORDS})
    mixture = MIXTURES["Q4_K_M"]
    stored = list(stored_tensors(model, mixture))
    data = header(model, mixture, stored, 0, 1, len(stored))
    cursor = HeaderCursor(BytesSource(data))
    cursor.take(8)
    n_tensors, n_keys = cursor.uint64s(2)
    pairs = [_piece(cursor, data, HeaderCursor.pair) for _ in range(n_keys)]
    records = [_piece(cursor, data, read_tensor) for _ in range(n_tensors)]
    return tuple(pairs), tuple(records), stored[-1].offset + stored[-1].size_bytes


def _piece(cursor: HeaderCursor, data: bytes, read: Callable[[HeaderCursor], object]) -> bytes:
    start = cursor.offset
    read(cursor)
    return data[start : cursor.offset]


class MalformedFile:
    """One file; as a source its weights are made where they are read.

    Args:
        seed: Which one. All that is wrong with it follows from the seed.
    """

    def __init__(self, seed: int) -> None:
        dice = random.Random(seed)
        pairs, records, data_bytes = _anatomy(dice.choice(MODELS))
        anatomy = Anatomy(version=3, pairs=list(pairs), records=list(records), data_bytes=data_bytes)
        mutation = MUTATIONS[seed % len(MUTATIONS)]
        mutation(anatomy, dice)
        head = anatomy.head()
        self.mutation = mutation.__name__.lstrip("_")
        self.is_cut = anatomy.is_cut
        self.size_bytes: int = max(0, len(head) + data_bytes - anatomy.missing_bytes)
        self.head = head[: self.size_bytes]

    def read(self, offset: int, length: int) -> bytes:
        """A piece of the header, then noise."""
        length = max(0, min(length, self.size_bytes - offset))
        head = self.head[offset : offset + length]
        start, wanted = (offset + len(head)) % len(_NOISE), length - len(head)
        return head + (_NOISE * (-(-(start + wanted) // len(_NOISE))))[start : start + wanted]


def _name_bytes(piece: bytes) -> int:
    return 8 + int.from_bytes(piece[:8], "little")


def _put(piece: bytes, place: int, form: str, number: int) -> bytes:
    size = struct.calcsize(form)
    return piece[:place] + (number % (1 << 8 * size)).to_bytes(size, "little") + piece[place + size :]


def _any(pieces: list[bytes], dice: random.Random) -> int:
    return dice.randrange(len(pieces))


def _tensor_count(file: Anatomy, dice: random.Random) -> None:
    file.n_tensors = dice.choice([len(file.records) + dice.choice([-1, 1, 10]), *_NUMBERS])


def _key_count(file: Anatomy, dice: random.Random) -> None:
    file.n_keys = dice.choice([len(file.pairs) + dice.choice([-1, 1, 10]), *_NUMBERS])


def _length_of_a_key(file: Anatomy, dice: random.Random) -> None:
    index = _any(file.pairs, dice)
    file.pairs[index] = _put(file.pairs[index], 0, "<Q", dice.choice(_NUMBERS))


def _length_of_a_name(file: Anatomy, dice: random.Random) -> None:
    index = _any(file.records, dice)
    file.records[index] = _put(file.records[index], 0, "<Q", dice.choice(_NUMBERS))


def _type_of_a_value(file: Anatomy, dice: random.Random) -> None:
    index = _any(file.pairs, dice)
    kind = dice.choice([*range(14), 99, 2**31, 2**32 - 1])
    file.pairs[index] = _put(file.pairs[index], _name_bytes(file.pairs[index]), "<I", kind)


def _arrays(file: Anatomy) -> list[int]:
    kinds = [int.from_bytes(pair[(at := _name_bytes(pair)) : at + 4], "little") for pair in file.pairs]
    return [index for index, kind in enumerate(kinds) if kind == ARRAY]


def _length_of_an_array(file: Anatomy, dice: random.Random) -> None:
    index = dice.choice(_arrays(file))
    place = _name_bytes(file.pairs[index]) + 8
    count = int.from_bytes(file.pairs[index][place : place + 8], "little")
    number = dice.choice([count - 1, count + 1, count * 3, *_NUMBERS])
    file.pairs[index] = _put(file.pairs[index], place, "<Q", number)


def _type_of_an_array(file: Anatomy, dice: random.Random) -> None:
    index = dice.choice(_arrays(file))
    kind = dice.choice([*SCALARS, STRING, ARRAY, 13, 2**31])
    file.pairs[index] = _put(file.pairs[index], _name_bytes(file.pairs[index]) + 4, "<I", kind)


def _array_in_an_array(file: Anatomy, dice: random.Random) -> None:
    depth = dice.choice([1, 2, 100, 20_000])
    nested = text("deep") + struct.pack("<I", ARRAY) + struct.pack("<IQ", ARRAY, 1) * depth + struct.pack("<IQ", 0, 0)
    file.pairs.insert(_any(file.pairs, dice), nested)


def _length_of_a_word(file: Anatomy, dice: random.Random) -> None:
    index = max(range(len(file.pairs)), key=lambda number: len(file.pairs[number]))
    pair = file.pairs[index]
    place = _name_bytes(pair) + 16
    for _ in range(dice.randrange(2_000)):
        place += 8 + int.from_bytes(pair[place : place + 8], "little")
    file.pairs[index] = _put(pair, place, "<Q", dice.choice(_NUMBERS))


def _type_of_a_tensor(file: Anatomy, dice: random.Random) -> None:
    index = _any(file.records, dice)
    record = file.records[index]
    file.records[index] = _put(record, len(record) - 12, "<I", dice.choice([*range(45), 2**31, 2**32 - 1]))


def _place_of_a_tensor(file: Anatomy, dice: random.Random) -> None:
    index = _any(file.records, dice)
    record = file.records[index]
    number = dice.choice([*_NUMBERS, int.from_bytes(record[-8:], "little") + dice.choice([-32, -1, 1, 32])])
    file.records[index] = _put(record, len(record) - 8, "<Q", number)


def _overlapping_tensors(file: Anatomy, dice: random.Random) -> None:
    index = dice.randrange(1, len(file.records))
    place = 0 if dice.random() < 0.5 else int.from_bytes(file.records[index - 1][-8:], "little")
    for later in range(index, len(file.records) if dice.random() < 0.5 else index + 1):
        file.records[later] = _put(file.records[later], len(file.records[later]) - 8, "<Q", place)


def _dimension(file: Anatomy, dice: random.Random) -> None:
    index = _any(file.records, dice)
    record = file.records[index]
    start = _name_bytes(record) + 4
    count = (len(record) - start - 12) // 8
    for number in range(count):
        if number == 0 or dice.random() < 0.5:
            record = _put(record, start + 8 * number, "<Q", dice.choice([*_NUMBERS, 32 * 2**50]))
    file.records[index] = record


def _number_of_dimensions(file: Anatomy, dice: random.Random) -> None:
    index = _any(file.records, dice)
    record = file.records[index]
    file.records[index] = _put(record, _name_bytes(record), "<I", dice.choice([0, 1, 2, 3, 4, 5, 64, 2**31, 2**32 - 1]))


def _name_twice(file: Anatomy, dice: random.Random) -> None:
    one, other = dice.sample(range(len(file.records)), 2)
    named = file.records[one][: _name_bytes(file.records[one])]
    file.records[other] = named + file.records[other][_name_bytes(file.records[other]) :]


def _key_twice(file: Anatomy, dice: random.Random) -> None:
    file.pairs.insert(_any(file.pairs, dice), file.pairs[_any(file.pairs, dice)])


def _value(file: Anatomy, dice: random.Random) -> None:
    """Numbers that no model has, in keys that forecasts read."""
    for _ in range(dice.randint(1, 4)):
        index = _any(file.pairs, dice)
        pair = file.pairs[index]
        place = _name_bytes(pair)
        scalar = SCALARS.get(int.from_bytes(pair[place : place + 4], "little"))
        if scalar is not None:
            file.pairs[index] = _put(pair, place + 4, f"<{scalar.size}s", dice.choice(_NUMBERS))


def _alignment(file: Anatomy, dice: random.Random) -> None:
    number = dice.choice([0, 1, 3, 8, 64, 4_096, 2**17, 2**31])
    file.pairs.insert(3, text("general.alignment") + struct.pack("<II", 4, number))


def _flipped_bits(file: Anatomy, dice: random.Random) -> None:
    pieces = file.pairs if dice.random() < 0.5 else file.records
    for _ in range(dice.randint(1, 8)):
        index = _any(pieces, dice)
        piece = bytearray(pieces[index])
        piece[dice.randrange(min(len(piece), 200))] ^= 1 << dice.randrange(8)
        pieces[index] = bytes(piece)


def _piece_left_out(file: Anatomy, dice: random.Random) -> None:
    pieces, counted = (file.pairs, "n_keys") if dice.random() < 0.5 else (file.records, "n_tensors")
    setattr(file, counted, len(pieces))
    del pieces[_any(pieces, dice)]


def _start(file: Anatomy, dice: random.Random) -> None:
    if dice.random() < 0.5:
        file.magic = dice.choice([b"GGUG", b"FUGG", b"\0\0\0\0", b"GGML"])
    else:
        file.version = dice.choice([0, 1, 4, 2**24 * 3, 2**32 - 1])


def _cut_in_the_header(file: Anatomy, dice: random.Random) -> None:
    file.missing_bytes = file.data_bytes + dice.randrange(32, len(file.head()))
    file.is_cut = True


def _cut_in_the_weights(file: Anatomy, dice: random.Random) -> None:
    file.missing_bytes = dice.choice([1, 64, dice.randrange(1, file.data_bytes), file.data_bytes])
    file.is_cut = True


MUTATIONS: tuple[Callable[[Anatomy, random.Random], None], ...] = (
    _tensor_count,
    _key_count,
    _length_of_a_key,
    _length_of_a_name,
    _type_of_a_value,
    _length_of_an_array,
    _type_of_an_array,
    _array_in_an_array,
    _length_of_a_word,
    _type_of_a_tensor,
    _place_of_a_tensor,
    _overlapping_tensors,
    _dimension,
    _number_of_dimensions,
    _name_twice,
    _key_twice,
    _value,
    _alignment,
    _flipped_bits,
    _piece_left_out,
    _start,
    _cut_in_the_header,
    _cut_in_the_weights,
)
