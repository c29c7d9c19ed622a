"""Hollow files: a model's header without its vocabulary before a hole as large as its weights.

llama.cpp plans a load of such a file to the byte without a single weight, when it is told to allocate nothing. The
vocabulary is left out, since no buffer depends on its words: ``tokenizer.ggml.model`` is ``no_vocab`` and its size
stands under ``{architecture}.vocab_size`` (``llama-vocab.cpp``). Shards become one file.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from garden.core.errors import DiskFullError, InvalidFileError
from garden.gguf.header import MAGIC, MAX_BLOCKS, GgufHeader
from garden.gguf.header_cursor import MAX_TENSORS
from garden.gguf.metadata_value import ARRAY, SCALARS, STRING, ArraySkipped, Value
from garden.gguf.tensor_type import TENSOR_TYPES, TYPES_BY_NAME

_VERSION = 3

#: Type numbers of values whose type nobody read: what converters write, and the engine expects.
_UINT32, _INT32, _FLOAT32, _BOOL, _UINT64, _INT64 = 4, 5, 6, 7, 10, 11

#: More than any model takes, less than what a file system refuses.
MAX_HOLLOW_BYTES = 2**43

#: Pieces of a whole that is split into files, and words.
_LEFT_OUT = ("tokenizer.", "split.")

_TYPE_NUMBERS = {kind.name: number for number, kind in TENSOR_TYPES.items()}

_NO_COPY = "The plan of this model cannot be made from its header."


def write_hollow_file(header: GgufHeader, path: Path) -> int:
    """Write a hollow file over whatever is at ``path``; it takes the header's bytes on disk.

    Args:
        header: Of a file, or of all shards joined, with the true type and shape of every tensor.
        path: Where to.

    Returns:
        The size that the file claims to have.

    Raises:
        InvalidFileError: The header was estimated from another file's, or claims what no model has.
        DiskFullError: It cannot be written there.
    """
    head, size_bytes = hollow_header(header)
    try:
        with path.open("wb") as file:
            make_sparse(file)
            file.write(head)
            file.truncate(size_bytes)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise DiskFullError(
            f"A file of {len(head):,} bytes with a hole of {size_bytes - len(head):,} could not be written.",
            "Free some space in the folder for temporary files, or choose another one with TMPDIR.",
            str(error),
        ) from error
    return size_bytes


def is_own(header: GgufHeader) -> bool:
    """Whether a hollow file can be made of it: not a published shape, tensors as large as their type and shape say.

    In a header derived from another quantization of the same model all are scaled, so that a few tell.
    """
    return header.header_bytes > 0 and all(
        tensor.ggml_type in TYPES_BY_NAME
        and TYPES_BY_NAME[tensor.ggml_type].size_of(tensor.elements) == tensor.size_bytes
        for tensor in header.tensors[:4]
    )


def hollow_header(header: GgufHeader) -> tuple[bytes, int]:
    """The bytes before the hole, and the size of the whole.

    Raises:
        InvalidFileError: See ``write_hollow_file``.
    """
    if not header.architecture or not 0 < len(header.tensors) <= MAX_TENSORS or (header.block_count or 0) > MAX_BLOCKS:
        raise InvalidFileError(_NO_COPY, "Choose another file of this model.", "no architecture, tensors or blocks")
    pairs = [_pair(key, value, header.kinds.get(key)) for key, value in _kept(header)]
    records, data_bytes = _tensor_records(header)
    body = MAGIC + struct.pack("<IQQ", _VERSION, len(records), len(pairs)) + b"".join(pairs) + b"".join(records)
    head = body + bytes(-len(body) % header.alignment)
    if len(head) + data_bytes > MAX_HOLLOW_BYTES:
        raise InvalidFileError(
            f"This file claims {data_bytes:,} bytes of weights, which no model has.", "Fetch it again or remove it."
        )
    return head, len(head) + data_bytes


def _kept(header: GgufHeader) -> Iterable[tuple[str, Value]]:
    size_key = f"{header.architecture}.vocab_size"
    for key, value in header.metadata.items():
        if not key.startswith(_LEFT_OUT) and key != size_key and not isinstance(value, ArraySkipped):
            yield key, value
    yield "tokenizer.ggml.model", "no_vocab"
    if header.vocab_size is not None:
        yield size_key, header.vocab_size


def _tensor_records(header: GgufHeader) -> tuple[list[bytes], int]:
    """Records with offsets counted anew, and the bytes of all data."""
    records, offset = [], 0
    for tensor in header.tensors:
        number = _TYPE_NUMBERS.get(tensor.ggml_type)
        if number is None or TENSOR_TYPES[number].size_of(tensor.elements) != tensor.size_bytes:
            # A sibling's, scaled to this file's size, or a published shape: the engine would plan another model.
            raise InvalidFileError(_NO_COPY, "Read the header of this very file.", f"{tensor.name[:64]} is estimated")
        records.append(
            _text(tensor.name)
            + struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
            + struct.pack("<IQ", number, offset)
        )
        offset += -(-tensor.size_bytes // header.alignment) * header.alignment
    return records, offset


def _pair(key: str, value: Value, kind: int | None) -> bytes:
    items = value if isinstance(value, tuple) else (value,)
    numbers = [item for item in items if not isinstance(item, str)]
    if kind is None or (kind not in SCALARS and kind != STRING):
        kind = _usual_kind(items)
    try:
        if kind == STRING:
            data = b"".join(_text(str(item)) for item in items)
        else:
            data = b"".join(SCALARS[kind].pack(item) for item in numbers)
    except struct.error as error:
        raise InvalidFileError(_NO_COPY, "Choose another file of this model.", f"{key[:64]}: {error}") from error
    prefix = struct.pack("<IIQ", ARRAY, kind, len(items)) if isinstance(value, tuple) else struct.pack("<I", kind)
    return _text(key) + prefix + data


def _usual_kind(items: tuple[object, ...]) -> int:
    """The type that converters give such values."""
    if any(isinstance(item, str) for item in items):
        return STRING
    if any(isinstance(item, float) for item in items):
        return _FLOAT32
    if items and all(isinstance(item, bool) for item in items):
        return _BOOL
    whole = [item for item in items if isinstance(item, int)]
    low, high = min(whole, default=0), max(whole, default=0)
    if low < 0 or len(items) > 1:
        return _INT32 if low >= -(2**31) and high < 2**31 else _INT64
    return _UINT32 if high < 2**32 else _UINT64


def _text(text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    return struct.pack("<Q", len(data)) + data


def make_sparse(file: IO[bytes]) -> None:
    """Tell Windows that the file may have holes; elsewhere every file may."""
    if sys.platform == "win32":
        import ctypes
        import msvcrt

        fsctl_set_sparse = 0x000900C4
        written = ctypes.c_ulong()
        ctypes.windll.kernel32.DeviceIoControl(
            ctypes.c_void_p(msvcrt.get_osfhandle(file.fileno())),
            fsctl_set_sparse,
            None,
            0,
            None,
            0,
            ctypes.byref(written),
            None,
        )
