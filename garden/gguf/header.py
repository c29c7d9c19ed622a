"""The header of a GGUF file: metadata and the list of tensors, read with bounds that hostile files meet first.

Nothing is allocated before it was checked against the file's size; counts, lengths and nesting have caps; arrays of
the vocabulary are stepped over without making objects of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from garden.core.errors import InvalidFileError
from garden.gguf.byte_source import ByteSource
from garden.gguf.header_cursor import DAMAGED_ACTION, FIRST_BYTES, MAX_KEYS, MAX_TENSORS, HeaderCursor
from garden.gguf.metadata_value import ArraySkipped, Value
from garden.gguf.quant_name import quant_type_numbered
from garden.gguf.tensor_info import TensorInfo, padded, read_tensors

__all__ = ["ArraySkipped", "GgufHeader", "TensorInfo", "Value", "read_header"]

MAGIC = b"GGUF"

#: More than any model has.
MAX_BLOCKS = 512


@dataclass(frozen=True, slots=True)
class _Places:
    """The tensors by where they belong; see the properties of GgufHeader."""

    blocks: dict[int, dict[str, TensorInfo]]
    others: tuple[TensorInfo, ...]
    first_alike: dict[int, int]
    elements: int


def _places_of(tensors: Sequence[TensorInfo]) -> _Places:
    blocks: dict[int, dict[str, TensorInfo]] = {}
    # By ``blk.12``, so that a number is read once; names that begin otherwise stand for no block.
    by_prefix: dict[str, dict[str, TensorInfo] | None] = {}
    others = []
    for tensor in tensors:
        name = tensor.name
        end = name.find(".", 4)
        prefix = name[:end] if end > 0 else ""
        if prefix not in by_prefix:
            number = prefix[4:]
            numbered = prefix.startswith("blk.") and 0 < len(number) <= 4 and number.isascii() and number.isdigit()
            by_prefix[prefix] = blocks.setdefault(int(number), {}) if numbered else None
        block = by_prefix[prefix]
        if block is None:
            others.append(tensor)
        else:
            block[name[end + 1 :]] = tensor
    firsts: dict[object, int] = {}
    first_alike = {
        number: firsts.setdefault(
            tuple([(name, one.shape, one.ggml_type, one.size_bytes) for name, one in block.items()]), number
        )
        for number, block in blocks.items()
    }
    return _Places(blocks, tuple(others), first_alike, sum([tensor.elements for tensor in tensors]))


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
    _places: _Places = field(init=False, repr=False, compare=False)
    _prefix: str = field(init=False, repr=False, compare=False)

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
        return self._places.elements

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

    @property
    def tensors_by_block(self) -> Mapping[int, Mapping[str, TensorInfo]]:
        """Tensors of each block by the rest of their name, e.g. ``attn_q.weight``; the others are left out."""
        return self._places.blocks

    @property
    def tensors_outside_blocks(self) -> tuple[TensorInfo, ...]:
        """Embeddings, the output and the like."""
        return self._places.others

    @property
    def first_alike(self) -> Mapping[int, int]:
        """For each block the first one with the same tensors: of the same names, shapes, types and sizes."""
        return self._places.first_alike

    def __post_init__(self) -> None:
        """Sort the tensors once: every forecast asks for them by block."""
        object.__setattr__(self, "_places", _places_of(self.tensors))
        object.__setattr__(self, "_prefix", f"{self.architecture}.")

    def text(self, key: str) -> str | None:
        """A string under this full key, None when absent or of another type."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    def value(self, key: str) -> Value | None:
        """What stands under ``{architecture}.{key}``."""
        return self.metadata.get(self._prefix + key)

    def integer(self, key: str) -> int | None:
        """A whole number under ``{architecture}.{key}``, None when absent or of another type."""
        value = self.value(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def number(self, key: str) -> float | None:
        """A number under ``{architecture}.{key}``, None when absent or of another type."""
        value = self.value(key)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def read_header(source: ByteSource, *, first_bytes: int = FIRST_BYTES) -> GgufHeader:
    """Read a header.

    Args:
        source: The file.
        first_bytes: Read at first; more as it is needed.

    Raises:
        InvalidFileError: Not a GGUF file, a damaged one, or one whose data ends too early.
    """
    cursor = HeaderCursor(source, first_bytes=first_bytes)
    counts = read_counts(cursor)
    metadata: dict[str, Value] = {}
    kinds: dict[str, int] = {}
    for _ in range(counts.keys):
        key, kind, value = cursor.pair()
        if key in metadata:
            raise cursor.damaged(f"the key {key[:64]!r} comes twice")
        metadata[key], kinds[key] = value, kind
    alignment = alignment_of(metadata)
    if alignment is None:
        raise cursor.damaged(f"alignment {metadata['general.alignment']!r:.40}")
    tensors = read_tensors(cursor, counts.tensors, alignment)
    header = GgufHeader(
        version=counts.version,
        alignment=alignment,
        metadata=metadata,
        tensors=tensors,
        header_bytes=padded(cursor.offset, alignment),
        data_bytes=sum(padded(tensor.size_bytes, alignment) for tensor in tensors),
        kinds=kinds,
    )
    check_header(header, source.size_bytes)
    return header


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The first 24 bytes of a file."""

    version: int
    tensors: int
    keys: int


def read_counts(cursor: HeaderCursor) -> Counts:
    """The first 24 bytes.

    Raises:
        InvalidFileError: Not a GGUF file, a version that is not read, or counts that no file has.
    """
    if cursor.size_bytes < 24 or cursor.take(4) != MAGIC:
        raise InvalidFileError(
            "This is not a GGUF file.", "Choose a file of the GGUF format; its first four letters are GGUF."
        )
    version = cursor.uint32()
    if version not in (2, 3):
        raise InvalidFileError(
            f"This GGUF file has version {version}, which Garden does not read.",
            "Fetch a current copy of the model." if version == 1 else DAMAGED_ACTION,
        )
    tensors, keys = cursor.uint64s(2)
    if tensors > MAX_TENSORS or keys > MAX_KEYS:
        raise cursor.damaged(f"{tensors} tensors and {keys} keys")
    return Counts(version=version, tensors=tensors, keys=keys)


def alignment_of(metadata: Mapping[str, Value]) -> int | None:
    """The alignment that a file states, 32 when it states none, None for one that makes no sense."""
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 1 <= alignment <= 65_536 or alignment & (alignment - 1):
        return None
    return alignment


def check_header(header: GgufHeader, size_bytes: int) -> None:
    """Refuse what the engine would stumble over: no architecture, absurd block counts, data that ends too early."""
    # The second and later shards of a set carry tensors alone.
    if header.architecture is None and "split.count" not in header.metadata:
        raise InvalidFileError("This GGUF file does not name an architecture.", DAMAGED_ACTION)
    blocks = header.block_count
    if blocks is not None and not 0 <= blocks <= MAX_BLOCKS:
        raise InvalidFileError(f"This GGUF file claims {blocks} blocks, which no model has.", DAMAGED_ACTION)
    available = size_bytes - header.header_bytes
    whole = sum(tensor.offset + tensor.size_bytes <= available for tensor in header.tensors)
    if whole < len(header.tensors):
        raise InvalidFileError(
            "This is not a complete GGUF file: "
            f"its header names {len(header.tensors):,} tensors, the file ends after {whole:,}.",
            DAMAGED_ACTION,
        )
