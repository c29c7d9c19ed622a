"""Files with long vocabularies of several kinds, before weights of several types; the weights are made where read."""

from __future__ import annotations

import functools
import random
import struct
from collections.abc import Sequence

import numpy as np
from gguf import GGMLQuantizationType
from gguf.quants import quantize

from garden.gguf.tensor_type import TENSOR_TYPES
from tests.gguf.gguf_bytes import Value, pair, text

_ALPHABET = "etaoinshrdlucmfwypvbgkjqxz"
_SCRIPTS = ((0x4E00, 0x9FFF), (0x0400, 0x04FF), (0x0900, 0x097F), (0xAC00, 0xD7A3), (0x1F300, 0x1F5FF))

#: Number of words in the vocabularies below.
WORDS = 20_000


def _word(dice: random.Random) -> str:
    return "".join(dice.choices(_ALPHABET, k=min(1 + int(dice.expovariate(0.2)), 30)))


def _foreign(dice: random.Random) -> str:
    low, high = dice.choice(_SCRIPTS)
    return "".join(chr(dice.randint(low, high)) for _ in range(dice.randint(1, 6)))


@functools.cache
def vocabulary(kind: str) -> dict[str, Value]:
    """The keys of a vocabulary as converters write them."""
    dice = random.Random(kind)
    numbers = range(WORDS)
    types: list[int] = [3 if number < 5 else 1 for number in numbers]
    keys: dict[str, Value] = {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "default"}
    match kind:
        case "pairs":
            words = [f"Ġ{_word(dice)}" for _ in numbers]
            keys["tokenizer.ggml.tokens"] = words
            keys["tokenizer.ggml.token_type"] = types
            keys["tokenizer.ggml.merges"] = [f"{_word(dice)} {_word(dice)}" for _ in range(2 * WORDS)]
        case "scores":
            keys["tokenizer.ggml.model"] = "llama"
            keys["tokenizer.ggml.tokens"] = [f"▁{_word(dice)}" for _ in numbers]
            keys["tokenizer.ggml.scores"] = [float(-number) for number in numbers]
            keys["tokenizer.ggml.token_type"] = types
        case "probabilities":
            keys["tokenizer.ggml.model"] = "t5"
            keys["tokenizer.ggml.tokens"] = [f"▁{_foreign(dice)}" for _ in numbers]
            keys["tokenizer.ggml.scores"] = sorted((-3 - dice.random() * 14 for _ in numbers), reverse=True)
            keys["tokenizer.ggml.token_type"] = types
        case "scripts":
            keys["tokenizer.ggml.tokens"] = [_foreign(dice) for _ in numbers]
            keys["tokenizer.ggml.merges"] = [f"{_foreign(dice)} {_foreign(dice)}" for _ in range(2 * WORDS)]
        case "code":
            keys["tokenizer.ggml.tokens"] = [dice.choice(" \t\n=-#") * dice.randint(1, 400) for _ in numbers]
            keys["tokenizer.ggml.scores"] = [0.0] * WORDS
        case "unused":
            keys["tokenizer.ggml.tokens"] = [f"<unused{number}>" for number in numbers]
            keys["tokenizer.ggml.scores"] = [-1_000.0] * WORDS
            keys["tokenizer.ggml.token_type"] = [5] * WORDS
        case "one file":
            # Everything in one string, which nobody takes for words.
            keys["tokenizer.ggml.tokens"] = [_word(dice) for _ in numbers]
            keys["tokenizer.huggingface.json"] = '{"words": ["' + '", "'.join(_word(dice) for _ in numbers) + '"]}'
        case _:
            raise ValueError(kind)
    return {**keys, "tokenizer.ggml.eos_token_id": 2, "tokenizer.chat_template": "{{ messages }}\n" * 200}


VOCABULARIES = ("pairs", "scores", "probabilities", "scripts", "code", "unused", "one file")


@functools.cache
def weights(kind: str) -> bytes:
    """Half a megabyte of weights of a type; what they are made from is as normal as real ones."""
    chance = np.random.default_rng(5)
    values = chance.standard_normal((64, 4_096)).astype(np.float32) * 0.02
    match kind:
        case "ternary":
            # Trained to be -1, 0 or 1: the least that two bits can hold.
            values = chance.choice(np.array([-1, 0, 0, 1], dtype=np.float32), (512, 4_096))
            return quantize(values, GGMLQuantizationType.TQ2_0).tobytes()
        case "noise":
            return chance.bytes(2**19)
        case _:
            return quantize(values, GGMLQuantizationType[kind]).tobytes()


WEIGHTS = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "TQ1_0", "TQ2_0", "ternary", "noise")

_TYPE_NUMBERS = {kind.name: number for number, kind in TENSOR_TYPES.items()}


class LongFile:
    """A file of a llama with a vocabulary, as a source that counts what was read.

    Args:
        kind: Of the vocabulary.
        weight_kind: Of the weights; a type that has none of its own stands as Q8_0 in the list.
        blocks: Of the model.
        width: Of the model.
        added: Keys behind the vocabulary, as quantizing adds them.
        cut_bytes: Missing at the end.
    """

    def __init__(
        self,
        kind: str,
        weight_kind: str = "Q8_0",
        *,
        blocks: int = 40,
        width: int = 512,
        added: dict[str, Value] | None = None,
        cut_bytes: int = 0,
    ) -> None:
        metadata: dict[str, Value] = {
            "general.architecture": "llama",
            "general.name": "Long",
            "llama.block_count": blocks,
            "llama.embedding_length": width,
            "llama.context_length": 8_192,
            "llama.attention.head_count": 8,
            **vocabulary(kind),
            **(added if added is not None else {"general.quantization_version": 2, "general.file_type": 7}),
        }
        number = _TYPE_NUMBERS.get(weight_kind, _TYPE_NUMBERS["TQ2_0" if weight_kind == "ternary" else "Q8_0"])
        shapes: list[tuple[str, tuple[int, ...]]] = [("token_embd.weight", (width, WORDS))]
        for block in range(blocks):
            shapes.append((f"blk.{block}.attn_norm.weight", (width,)))
            shapes += [(f"blk.{block}.{name}.weight", (width, width)) for name in ("attn_q", "attn_output")]
            shapes.append((f"blk.{block}.ffn_down.weight", (2_048, width)))
        self.head, data_bytes = _head(metadata, shapes, number)
        self.size_bytes = len(self.head) + data_bytes - cut_bytes
        self._weights = weights(weight_kind)
        self.reads: list[tuple[int, int]] = []

    def read(self, offset: int, length: int) -> bytes:
        """A piece of the header, then weights."""
        length = max(0, min(length, self.size_bytes - offset))
        self.reads.append((offset, length))
        head = self.head[offset : offset + length]
        start = (offset + len(head)) % len(self._weights)
        wanted = length - len(head)
        return head + (self._weights * (-(-(start + wanted) // len(self._weights))))[start : start + wanted]

    @property
    def bytes_read(self) -> int:
        """Sum of all reads."""
        return sum(length for _offset, length in self.reads)


def _head(metadata: dict[str, Value], shapes: Sequence[tuple[str, tuple[int, ...]]], number: int) -> tuple[bytes, int]:
    records, offset = [], 0
    for name, shape in shapes:
        kind = number if len(shape) > 1 else 0
        records.append(
            text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape) + struct.pack("<IQ", kind, offset)
        )
        elements = functools.reduce(int.__mul__, shape)
        offset += -(-TENSOR_TYPES[kind].size_of(elements) // 32) * 32
    pairs = b"".join(pair(key, value) for key, value in metadata.items())
    body = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), len(metadata)) + pairs + b"".join(records)
    return body + bytes(-len(body) % 32), offset
