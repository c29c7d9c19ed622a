"""Small GGUF files written by hand, whole or wrong in one place."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

UINT8, UINT32, FLOAT32, BOOL, STRING, ARRAY = 0, 4, 6, 7, 8, 9

Value = int | float | bool | str | Sequence[int] | Sequence[str] | Sequence[float] | Sequence[bool]
Tensor = tuple[str, tuple[int, ...], int]

F32, F16, Q4_0, Q8_0 = 0, 1, 2, 8


def text(value: str | bytes) -> bytes:
    """A string as GGUF writes it."""
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def pair(key: str, value: Value) -> bytes:
    """A key and its value."""
    kind, data = _typed(value)
    return text(key) + struct.pack("<I", kind) + data


def _typed(value: Value) -> tuple[int, bytes]:
    if isinstance(value, bool):
        return BOOL, struct.pack("<?", value)
    if isinstance(value, int):
        return UINT32, struct.pack("<I", value)
    if isinstance(value, float):
        return FLOAT32, struct.pack("<f", value)
    if isinstance(value, str):
        return STRING, text(value)
    kind = _typed(value[0])[0] if value else UINT32
    body = b"".join(_typed(item)[1] for item in value)
    return ARRAY, struct.pack("<IQ", kind, len(value)) + body


def header_bytes(
    metadata: Mapping[str, Value], tensors: Sequence[Tensor] = (), *, version: int = 3, alignment: int = 32
) -> bytes:
    """Everything before the data, padded to it."""
    records, offset = [], 0
    for name, shape, kind in tensors:
        records.append(
            text(name)
            + struct.pack("<I", len(shape))
            + struct.pack(f"<{len(shape)}Q", *shape)
            + struct.pack("<IQ", kind, offset)
        )
        offset += -(-data_size(shape, kind) // alignment) * alignment
    body = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    body += b"".join(pair(key, value) for key, value in metadata.items()) + b"".join(records)
    return body + bytes(-len(body) % alignment)


def file_bytes(metadata: Mapping[str, Value], tensors: Sequence[Tensor] = (), *, alignment: int = 32) -> bytes:
    """A whole file; the weights are zeros."""
    size = sum(-(-data_size(shape, kind) // alignment) * alignment for _name, shape, kind in tensors)
    return header_bytes(metadata, tensors, alignment=alignment) + bytes(size)


def data_size(shape: Sequence[int], kind: int) -> int:
    """Bytes of a tensor's data."""
    elements = 1
    for dimension in shape:
        elements *= dimension
    block, size = {F32: (1, 4), F16: (1, 2), Q4_0: (32, 18), Q8_0: (32, 34)}[kind]
    return elements // block * size


def llama_file(blocks: int = 2) -> bytes:
    """A small llama: enough of one for readers."""
    metadata: dict[str, Value] = {
        "general.architecture": "llama",
        "general.name": "Small",
        "general.license": "mit",
        "general.file_type": 7,
        "llama.block_count": blocks,
        "llama.context_length": 2048,
        "llama.embedding_length": 64,
        "llama.feed_forward_length": 128,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": [f"t{index}" for index in range(2_000)],
        "tokenizer.ggml.scores": [0.5] * 2_000,
        "tokenizer.chat_template": "{{ messages }}",
    }
    tensors: list[Tensor] = [("token_embd.weight", (64, 2_000), Q8_0)]
    for block in range(blocks):
        tensors.append((f"blk.{block}.attn_norm.weight", (64,), F32))
        tensors.append((f"blk.{block}.attn_q.weight", (64, 64), Q8_0))
        tensors.append((f"blk.{block}.ffn_down.weight", (128, 64), Q4_0))
    tensors.append(("output_norm.weight", (64,), F32))
    return file_bytes(metadata, tensors)


class BytesSource:
    """Bytes in memory as a source; counts what was asked for."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.reads: list[tuple[int, int]] = []

    @property
    def size_bytes(self) -> int:
        """Length of the bytes."""
        return len(self._data)

    def read(self, offset: int, length: int) -> bytes:
        """A slice."""
        self.reads.append((offset, length))
        return self._data[offset : offset + length]
