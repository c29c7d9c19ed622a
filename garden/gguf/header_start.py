"""The first keys of a header: enough for a first figure, from one short read."""

from __future__ import annotations

from dataclasses import dataclass

from garden.core.errors import InvalidFileError
from garden.gguf.byte_source import ByteSource, Piece
from garden.gguf.header import Counts, read_counts
from garden.gguf.header_cursor import MAX_ARRAY, MAX_KEY_BYTES, HeaderCursor
from garden.gguf.metadata_value import ARRAY, SCALARS, STRING, ArraySkipped, Value

#: The architecture's keys come within it in every file seen.
START_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderStart:
    """What the first window of a file says.

    Attributes:
        counts: Version, tensors and keys.
        metadata: Keys and values up to the first array that is not in the window as a whole, of that its length.
        kinds: As ``GgufHeader.kinds``.
        end: Where what was not read begins, in bytes.
        is_whole: Whether all keys were read.
    """

    counts: Counts
    metadata: dict[str, Value]
    kinds: dict[str, int]
    end: int
    is_whole: bool


def read_start(source: ByteSource) -> HeaderStart:
    """Read the keys in the first ``START_BYTES``.

    Raises:
        InvalidFileError: Not a GGUF file.
    """
    window = Piece(0, source.read(0, START_BYTES))
    cursor = HeaderCursor(window)
    counts = read_counts(cursor)
    metadata: dict[str, Value] = {}
    kinds: dict[str, int] = {}
    for _ in range(counts.keys):
        begin = cursor.offset
        try:
            key, kind, value = cursor.pair()
        except InvalidFileError:
            # Damaged, or it goes on behind the window: the whole header will tell.
            array = _long_array(HeaderCursor(window, begin))
            if array is not None and array[0] not in metadata:
                key, kind, count, begin = array
                metadata[key], kinds[key] = ArraySkipped(count=count), kind
            return HeaderStart(counts=counts, metadata=metadata, kinds=kinds, end=begin, is_whole=False)
        if key in metadata:
            raise cursor.damaged(f"the key {key[:64]!r} comes twice")
        metadata[key], kinds[key] = value, kind
    return HeaderStart(counts=counts, metadata=metadata, kinds=kinds, end=cursor.offset, is_whole=True)


def _long_array(cursor: HeaderCursor) -> tuple[str, int, int, int] | None:
    """Key, type, length and start of an array's elements; None when it is something else."""
    try:
        key = cursor.string(MAX_KEY_BYTES)
        if cursor.uint32() != ARRAY:
            return None
        kind, count = cursor.uint32(), cursor.uint64()
    except InvalidFileError:
        return None
    if (kind not in SCALARS and kind != STRING) or count > MAX_ARRAY:
        return None
    return key, kind, count, cursor.offset
