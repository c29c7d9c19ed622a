"""Weights that mean nothing and compute like any others: random blocks, with scales that differ as trained ones do.

Speed depends on more of them than it should. The engine looks scales up in a table: where they are few, Q4_1 is a
quarter faster than any real model of that type. Zeros are worse: MXFP4 takes twice as long over them (its scales are
then denormal numbers), IQ3 an eighth less (one line of its grid serves all).
"""

from __future__ import annotations

import functools
import random
import struct
from collections.abc import Sequence

from garden.gguf.tensor_type import TYPES_BY_NAME

#: Blocks that are drawn; weights repeat after them, which no cache between memory and processor notices.
_BLOCKS = 8_192

_SEED = 0

#: The upper byte of a half: 2^-11 up to 2^-9; the lower one is random. Weights are then some thousandths to hundredths.
_HALF = range(0x10, 0x18)

#: The same with either sign, as types have it whose weights lie on both sides of their zero.
_SIGNED = (*range(0x10, 0x18), *range(0x90, 0x98))

#: Smaller ones, of a type that multiplies them by a byte.
_FINE = (*range(0x04, 0x0C), *range(0x84, 0x8C))

#: The same of what is added to all weights of a block, or taken off them: larger by some powers of two.
_ADDED, _TAKEN_OFF = range(0x98, 0xA0), range(0x18, 0x20)

#: Which bytes of a block are drawn from less than all values, since they are (part of) a scale (``ggml-common.h``).
_SCALES: dict[str, dict[int, Sequence[int]]] = {
    "Q4_0": {1: _SIGNED},
    "Q4_1": {1: _HALF, 3: _ADDED},
    "Q5_0": {1: _SIGNED},
    "Q5_1": {1: _HALF, 3: _ADDED},
    "Q8_0": {1: _HALF},
    "Q1_0": {1: _HALF},
    "Q2_K": {81: _HALF, 83: _TAKEN_OFF},
    "Q3_K": {109: _SIGNED},
    "Q4_K": {1: _HALF, 3: _TAKEN_OFF},
    "Q5_K": {1: _HALF, 3: _TAKEN_OFF},
    "Q6_K": {209: _FINE},
    "IQ1_S": {1: _HALF},
    # Four pieces of a half, in the upper bits of four numbers.
    "IQ1_M": {55: range(0x10, 0x20)},
    "IQ2_XXS": {1: _HALF},
    "IQ2_XS": {1: _HALF},
    "IQ2_S": {1: _HALF},
    "IQ3_XXS": {1: _HALF},
    "IQ3_S": {1: _HALF},
    "IQ4_NL": {1: _SIGNED},
    "IQ4_XS": {1: _SIGNED},
    "TQ1_0": {53: _HALF},
    "TQ2_0": {65: _HALF},
    # Powers of two by themselves, and numbers of one byte.
    "MXFP4": {0: range(0x74, 0x78)},
    "NVFP4": dict.fromkeys(range(4), range(0x08, 0x20)),
}

#: Numbers by themselves: the format of one, and how large they are.
_PLAIN = {"F32": "<f", "F16": "<e"}
_LARGEST = 1 / 32

#: Not a divisor of any width: rows that repeat would tie experts, and the same ones would always be used.
_NUMBERS = 8_191


@functools.cache
def random_weights(ggml_type: str) -> bytes:
    """Some thousand blocks of a type; the same at every call.

    Raises:
        KeyError: Weights of this type cannot be made.
    """
    kind = TYPES_BY_NAME[ggml_type]
    source = random.Random(_SEED)
    if ggml_type in _PLAIN:
        return struct.pack(
            f"<{_NUMBERS}{_PLAIN[ggml_type][1]}", *(source.uniform(-_LARGEST, _LARGEST) for _ in range(_NUMBERS))
        )
    if ggml_type == "BF16":
        # The upper half of a 32-bit float.
        whole = random_weights("F32")
        return b"".join(whole[at + 2 : at + 4] for at in range(0, len(whole), 4))
    blocks = bytearray(source.randbytes(_BLOCKS * kind.block_bytes))
    for place, values in _SCALES[ggml_type].items():
        blocks[place :: kind.block_bytes] = bytes(source.choices(values, k=_BLOCKS))
    return bytes(blocks)


def can_be_made(ggml_type: str) -> bool:
    """Whether there are random weights of this type."""
    return ggml_type in _SCALES or ggml_type in _PLAIN or ggml_type == "BF16"
