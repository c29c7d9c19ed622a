"""The header of a GGUF file: metadata and the list of tensors, read with bounds that hostile files meet first.

Nothing is allocated before it was checked against the file's size; counts, lengths and nesting have caps; arrays of
the vocabulary are stepped over without making objects of them.
"""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from garden.core.errors import InvalidFileError
from garden.gguf.byte_source import ByteSource
from garden.gguf.quant_name import quant_type_numbered
from garden.gguf.tensor_type import TENSOR_TYPES, TYPES_BY_NAME

MAGIC = b"GGUF"

#: Caps: real files stay far below (the largest seen: 1,086 tensors, 64 keys, a 60 kB template, 514,906 merges, 16 MB).
MAX_KEYS = 4_096
MAX_TENSORS = 65_536
MAX_KEY_BYTES = 1_024
MAX_STRING_BYTES = 4 * 1024 * 1024
MAX_ARRAY_KEPT = 1_024
#: Of one array, and of all arrays of a file together.
MAX_ARRAY = 2 * 1024 * 1024
MAX_ELEMENTS = 4 * 1024 * 1024
MAX_HEADER_BYTES = 64 * 1024 * 1024
MAX_BLOCKS = 512

#: Metadata types that are numbers, by GGUF's number of them.
SCALARS: dict[int, struct.Struct] = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
STRING, ARRAY = 8, 9

_NOT_GGUF = "This is not a GGUF file."
_DAMAGED_ACTION = "Fetch it again or remove it."


@dataclass(frozen=True, slots=True, kw_only=True)
class ArraySkipped:
    """Stands for an array too long to keep, such as the vocabulary.

    Attributes:
        count: Number of its elements.
    """

    count: int


Value = int | float | bool | str | tuple[int | float | bool | str, ...] | ArraySkipped


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """One tensor as the header lists it.

    Attributes:
        name: E.g. ``blk.0.attn_q.weight``.
        shape: GGML's order: the row length first.
        ggml_type: E.g. ``Q4_K``.
        offset: From the start of the data.
        size_bytes: Bytes of its data, without padding.
    """

    name: str
    shape: tuple[int, ...]
    ggml_type: str
    offset: int
    size_bytes: int

    @property
    def elements(self) -> int:
        """Number of weights."""
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True)
class GgufHeader:
    """What a file says about itself.

    Attributes:
        version: GGUF version, 2 or 3.
        alignment: Of the tensor data, in bytes.
        metadata: Keys and values in the file's order; long arrays are ArraySkipped.
        tensors: In the file's order.
        header_bytes: Offset at which the tensor data begins.
        data_bytes: Sum of the tensors' bytes, each padded to the alignment.
        kinds: GGUF's number of each value's type, of an array that of its elements; empty when nobody read it.
    """

    version: int
    alignment: int
    metadata: Mapping[str, Value]
    tensors: tuple[TensorInfo, ...]
    header_bytes: int
    data_bytes: int
    kinds: Mapping[str, int] = field(default_factory=dict)

    @property
    def architecture(self) -> str | None:
        """``general.architecture``."""
        return self.text("general.architecture")

    @property
    def name(self) -> str | None:
        """``general.name``; a publisher's free text."""
        return self.text("general.name")

    @property
    def license(self) -> str | None:
        """``general.license``."""
        return self.text("general.license")

    @property
    def file_type(self) -> str | None:
        """The whole-file type, e.g. ``Q4_K_M``; None when the file does not say."""
        number = self.metadata.get("general.file_type")
        quant = quant_type_numbered(number) if isinstance(number, int) else None
        return quant.name if quant else None

    @property
    def chat_template(self) -> str | None:
        """The Jinja template for chats; None for a base model."""
        return self.text("tokenizer.chat_template")

    @property
    def context_length(self) -> int | None:
        """Tokens it was trained for."""
        return self.integer("context_length")

    @property
    def block_count(self) -> int | None:
        """Transformer blocks."""
        return self.integer("block_count")

    @property
    def parameters(self) -> int:
        """Weights in all tensors."""
        return sum(tensor.elements for tensor in self.tensors)

    @property
    def vocab_size(self) -> int | None:
        """Tokens of the vocabulary: of the list, else the declared number, else the embedding's rows."""
        tokens = self.metadata.get("tokenizer.ggml.tokens")
        if isinstance(tokens, ArraySkipped):
            return tokens.count
        if isinstance(tokens, tuple):
            return len(tokens)
        declared = self.integer("vocab_size")
        if declared is not None:
            return declared
        return next((t.shape[1] for t in self.tensors if t.name == "token_embd.weight" and len(t.shape) > 1), None)

    @functools.cached_property
    def is_own(self) -> bool:
        """Whether it is a file's own: not a published shape, and every tensor as large as its type and shape say.

        Of a header derived from another quantization of the same model this is not so.
        """
        return self.header_bytes > 0 and all(
            tensor.size_bytes == TYPES_BY_NAME[tensor.ggml_type].size_of(tensor.elements)
            for tensor in self.tensors
            if tensor.ggml_type in TYPES_BY_NAME
        )

    @functools.cached_property
    def tensors_by_block(self) -> Mapping[int, Mapping[str, TensorInfo]]:
        """Tensors of each block by the rest of their name, e.g. ``attn_q.weight``; the others are left out."""
        blocks: dict[int, dict[str, TensorInfo]] = {}
        for tensor in self.tensors:
            prefix, _, rest = tensor.name.partition(".")
            number, _, name = rest.partition(".")
            if prefix == "blk" and len(number) <= 4 and number.isascii() and number.isdigit():
                blocks.setdefault(int(number), {})[name] = tensor
        return blocks

    def text(self, key: str) -> str | None:
        """A string under this full key, None when absent or of another type."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    def value(self, key: str) -> Value | None:
        """What stands under ``{architecture}.{key}``."""
        return self.metadata.get(f"{self.architecture}.{key}")

    def integer(self, key: str) -> int | None:
        """A whole number under ``{architecture}.{key}``, None when absent or of another type."""
        value = self.value(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def number(self, key: str) -> float | None:
        """A number under ``{architecture}.{key}``, None when absent or of another type."""
        value = self.value(key)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def read_header(source: ByteSource) -> GgufHeader:
    """Read a header.

    Raises:
        InvalidFileError: Not a GGUF file, a damaged one, or one whose data ends too early.
    """
    cursor = _Cursor(source)
    if source.size_bytes < 24 or cursor.take(4) != MAGIC:
        raise InvalidFileError(_NOT_GGUF, "Choose a file of the GGUF format; its first four letters are GGUF.")
    version = cursor.number("<I")
    if version not in (2, 3):
        raise InvalidFileError(
            f"This GGUF file has version {version}, which Garden does not read.",
            "Fetch a current copy of the model." if version == 1 else _DAMAGED_ACTION,
        )
    n_tensors, n_keys = cursor.number("<Q"), cursor.number("<Q")
    if n_tensors > MAX_TENSORS or n_keys > MAX_KEYS:
        raise cursor.damaged(f"{n_tensors} tensors and {n_keys} keys")
    metadata: dict[str, Value] = {}
    kinds: dict[str, int] = {}
    for _ in range(n_keys):
        key, kind = cursor.string(MAX_KEY_BYTES), cursor.number("<I")
        if kind == ARRAY:
            kinds[key] = cursor.number("<I")
            metadata[key] = cursor.array(kinds[key])
        else:
            kinds[key] = kind
            metadata[key] = cursor.value(kind)
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 1 <= alignment <= 65_536 or alignment & (alignment - 1):
        raise cursor.damaged(f"alignment {alignment!r:.40}")
    tensors = tuple(_read_tensor(cursor, alignment) for _ in range(n_tensors))
    header_bytes = -(-cursor.offset // alignment) * alignment
    header = GgufHeader(
        version=version,
        alignment=alignment,
        metadata=metadata,
        tensors=tensors,
        header_bytes=header_bytes,
        data_bytes=sum(-(-tensor.size_bytes // alignment) * alignment for tensor in tensors),
        kinds=kinds,
    )
    _check(header, source.size_bytes)
    return header


def _read_tensor(cursor: _Cursor, alignment: int) -> TensorInfo:
    name = cursor.string(MAX_KEY_BYTES)
    n_dimensions = cursor.number("<I")
    if not 1 <= n_dimensions <= 4:
        raise cursor.damaged(f"a tensor with {n_dimensions} dimensions")
    shape = tuple(cursor.number("<Q") for _ in range(n_dimensions))
    number, offset = cursor.number("<I"), cursor.number("<Q")
    kind = TENSOR_TYPES.get(number)
    if kind is None:
        raise InvalidFileError(
            f"This file holds weights of a type that the engine does not know (number {number}).",
            "Choose another file of this model.",
        )
    elements = math.prod(shape)
    if not 0 < elements < 2**48 or shape[0] % kind.block_size or offset % alignment:
        raise cursor.damaged(f"tensor {name[:64]!r} of shape {shape} and type {kind.name} at {offset}")
    size_bytes = kind.size_of(elements)
    return TensorInfo(name=name, shape=shape, ggml_type=kind.name, offset=offset, size_bytes=size_bytes)


def _check(header: GgufHeader, size_bytes: int) -> None:
    """Refuse what the engine would stumble over: no architecture, absurd block counts, data that ends too early."""
    # The second and later shards of a set carry tensors alone.
    if header.architecture is None and "split.count" not in header.metadata:
        raise InvalidFileError("This GGUF file does not name an architecture.", _DAMAGED_ACTION)
    blocks = header.block_count
    if blocks is not None and not 0 <= blocks <= MAX_BLOCKS:
        raise InvalidFileError(f"This GGUF file claims {blocks} blocks, which no model has.", _DAMAGED_ACTION)
    available = size_bytes - header.header_bytes
    whole = sum(tensor.offset + tensor.size_bytes <= available for tensor in header.tensors)
    if whole < len(header.tensors):
        raise InvalidFileError(
            "This is not a complete GGUF file: "
            f"its header names {len(header.tensors):,} tensors, the file ends after {whole:,}.",
            _DAMAGED_ACTION,
        )


class _Cursor:
    """Reads forward through a source in growing pieces."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._buffer = b""
        self._start = 0
        self._position = 0
        self._piece = 64 * 1024
        self._elements = 0

    @property
    def offset(self) -> int:
        """Position in the source."""
        return self._start + self._position

    def damaged(self, what: str) -> InvalidFileError:
        """The error for a header that makes no sense."""
        return InvalidFileError("The header of this GGUF file is damaged.", _DAMAGED_ACTION, what)

    def need(self, length: int) -> int:
        """Make sure that ``length`` bytes lie in the buffer; their position there."""
        position = self._position
        if position + length > len(self._buffer):
            offset = self._start + position
            if offset + length > min(self._source.size_bytes, MAX_HEADER_BYTES):
                raise InvalidFileError(
                    "This is not a complete GGUF file: it ends within its header.", _DAMAGED_ACTION, f"at {offset}"
                )
            wanted = max(length, self._piece)
            self._piece = min(self._piece * 4, 4 * 1024 * 1024)
            self._buffer = self._buffer[position:]
            self._start, position, self._position = offset, 0, 0
            self._buffer += self._source.read(offset + len(self._buffer), wanted - len(self._buffer))
            if len(self._buffer) < length:
                raise InvalidFileError("This is not a complete GGUF file: it ends within its header.", _DAMAGED_ACTION)
        return position

    def take(self, length: int) -> bytes:
        """The next bytes."""
        position = self.need(length)
        self._position = position + length
        return self._buffer[position : position + length]

    def number(self, form: str) -> Any:
        """The next number of a struct format."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def string(self, cap: int) -> str:
        """The next string; bytes that are no UTF-8 are replaced."""
        length = self.number("<Q")
        if length > cap:
            raise self.damaged(f"a string of {length} bytes")
        return self.take(length).decode("utf-8", "replace")

    def value(self, kind: int) -> Value:
        """The next value of a metadata type."""
        if kind == STRING:
            return self.string(MAX_STRING_BYTES)
        scalar = SCALARS.get(kind)
        if scalar is None:
            raise self.damaged(f"metadata type {kind}")
        value: Value = scalar.unpack(self.take(scalar.size))[0]
        return value

    def array(self, kind: int) -> Value:
        """The next array, its length first, of elements of a metadata type."""
        count = self.number("<Q")
        scalar = SCALARS.get(kind)
        smallest = scalar.size if scalar else 8
        # llama.cpp reads no nested arrays either.
        if (scalar is None and kind != STRING) or count > MAX_ARRAY:
            raise self.damaged(f"an array of {count} elements of type {kind}")
        self._elements += count
        if self._elements > MAX_ELEMENTS:
            raise self.damaged(f"arrays of {self._elements} elements in all")
        if self.offset + count * smallest > self._source.size_bytes:
            raise self.damaged(f"an array of {count} elements in a file too small for it")
        if count > MAX_ARRAY_KEPT:
            if scalar:
                self._skip(count * scalar.size)
            else:
                self._skip_strings(count)
            return ArraySkipped(count=count)
        if scalar:
            return tuple(item[0] for item in scalar.iter_unpack(self.take(count * scalar.size)))
        return tuple(self.string(MAX_STRING_BYTES) for _ in range(count))

    def _skip(self, length: int) -> None:
        while length > 0:
            step = min(length, 1024 * 1024)
            self.take(step)
            length -= step

    def _skip_strings(self, count: int) -> None:
        # The hot loop: 262,144 tokens in a Gemma header. Lengths are read in place, without a call per string.
        buffer, position, from_bytes = self._buffer, self._position, int.from_bytes
        for _ in range(count):
            end = position + 8
            if end > len(buffer):
                self._position = position
                position = self.need(8)
                buffer, end = self._buffer, position + 8
            length = from_bytes(buffer[position:end], "little")
            if length > MAX_STRING_BYTES:
                raise self.damaged(f"a string of {length} bytes")
            position = end + length
            if position > len(buffer):
                self._position = end
                position = self.need(length) + length
                buffer = self._buffer
        self._position = position
