"""Reading forward through a header without trusting a count or a length in it."""

from __future__ import annotations

import struct

from garden.core.errors import InvalidFileError
from garden.gguf.byte_source import ByteSource
from garden.gguf.metadata_value import ARRAY, SCALARS, STRING, ArraySkipped, Value

#: Caps, so that no header takes more than 100 ms or 50 MB. Real files stay far below (the largest seen: 1,086 tensors,
#: 64 keys, a 60 kB template, 777,050 words of a vocabulary, 16 MB).
MAX_KEYS = 4_096
MAX_TENSORS = 16_384
MAX_KEY_BYTES = 1_024
MAX_NAME_BYTES = 256
MAX_STRING_BYTES = 4 * 1024 * 1024
MAX_ARRAY_KEPT = 1_024
MAX_HEADER_BYTES = 64 * 1024 * 1024
#: Of one array, of all arrays of a file together, and of all arrays of strings.
MAX_ARRAY = 2 * 1024 * 1024
MAX_ELEMENTS = 4 * 1024 * 1024
MAX_WORDS = 3 * 512 * 1024
#: Of all values that are kept.
MAX_KEPT_BYTES = 8 * 1024 * 1024
MAX_ELEMENTS_KEPT = 65_536

DAMAGED_ACTION = "Fetch it again or remove it."

#: Of the first piece; the next ones grow.
FIRST_BYTES = 64 * 1024
_LARGEST_PIECE = 4 * 1024 * 1024

_UINT32 = struct.Struct("<I")
_UINT64 = struct.Struct("<Q")
_ENDS_EARLY = "This is not a complete GGUF file: it ends within its header."


class HeaderCursor:
    """Reads forward through a source in growing pieces.

    Args:
        source: What to read.
        offset: Where to begin, in bytes from the source's start.
        first_bytes: Of the first piece.
    """

    def __init__(self, source: ByteSource, offset: int = 0, first_bytes: int = FIRST_BYTES) -> None:
        self._source = source
        self._buffer = b""
        self._start = offset
        self._position = 0
        self._piece = first_bytes
        self._elements = self._words = 0
        self._kept_bytes = self._elements_kept = 0

    @property
    def offset(self) -> int:
        """Position in the source."""
        return self._start + self._position

    @property
    def size_bytes(self) -> int:
        """Size of the source."""
        return self._source.size_bytes

    def damaged(self, what: str) -> InvalidFileError:
        """The error for a header that makes no sense."""
        return InvalidFileError("The header of this GGUF file is damaged.", DAMAGED_ACTION, what)

    def need(self, length: int) -> int:
        """Make sure that ``length`` bytes lie in the buffer; their position there."""
        position = self._position
        if position + length > len(self._buffer):
            offset = self._start + position
            if offset + length > min(self._source.size_bytes, MAX_HEADER_BYTES):
                raise InvalidFileError(_ENDS_EARLY, DAMAGED_ACTION, f"at {offset}")
            wanted = max(length, self._piece)
            self._piece = min(self._piece * 4, _LARGEST_PIECE)
            self._buffer = self._buffer[position:]
            self._start, position, self._position = offset, 0, 0
            self._buffer += self._source.read(offset + len(self._buffer), wanted - len(self._buffer))
            if len(self._buffer) < length:
                raise InvalidFileError(_ENDS_EARLY, DAMAGED_ACTION)
        return position

    def take(self, length: int) -> bytes:
        """The next bytes."""
        position = self.need(length)
        self._position = position + length
        return self._buffer[position : position + length]

    def uint32(self) -> int:
        """The next number of four bytes."""
        number: int = _UINT32.unpack(self.take(4))[0]
        return number

    def uint64(self) -> int:
        """The next number of eight bytes."""
        number: int = _UINT64.unpack(self.take(8))[0]
        return number

    def uint64s(self, count: int) -> tuple[int, ...]:
        """The next numbers of eight bytes each."""
        return struct.unpack(f"<{count}Q", self.take(8 * count))

    def string(self, cap: int) -> str:
        """The next string; bytes that are no UTF-8 are replaced."""
        length = self.uint64()
        self._kept_bytes += length
        if length > cap or self._kept_bytes > MAX_KEPT_BYTES:
            raise self.damaged(f"a string of {length} bytes")
        return self.take(length).decode("utf-8", "replace")

    def pair(self) -> tuple[str, int, Value]:
        """The next key, the number of its value's type (of an array that of its elements) and the value."""
        key, kind = self.string(MAX_KEY_BYTES), self.uint32()
        if kind != ARRAY:
            return key, kind, self.value(kind)
        kind = self.uint32()
        return key, kind, self.array(kind)

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
        count = self.uint64()
        scalar = SCALARS.get(kind)
        smallest = scalar.size if scalar else 8
        # llama.cpp reads no nested arrays either.
        if (scalar is None and kind != STRING) or count > MAX_ARRAY:
            raise self.damaged(f"an array of {count} elements of type {kind}")
        self._elements += count
        self._words += 0 if scalar else count
        if self._elements > MAX_ELEMENTS or self._words > MAX_WORDS:
            raise self.damaged(f"arrays of {self._elements} elements in all")
        if self.offset + count * smallest > self._source.size_bytes:
            raise self.damaged(f"an array of {count} elements in a file too small for it")
        if count > MAX_ARRAY_KEPT:
            if scalar:
                self._skip(count * scalar.size)
            else:
                self._skip_strings(count)
            return ArraySkipped(count=count)
        self._elements_kept += count
        if self._elements_kept > MAX_ELEMENTS_KEPT:
            raise self.damaged(f"short arrays of {self._elements_kept} elements in all")
        if scalar:
            return tuple(item[0] for item in scalar.iter_unpack(self.take(count * scalar.size)))
        return tuple(self.string(MAX_STRING_BYTES) for _ in range(count))

    def _skip(self, length: int) -> None:
        while length > 0:
            step = min(length, 1024 * 1024)
            self.take(step)
            length -= step

    def _skip_strings(self, count: int) -> None:
        while count > 0:
            count -= self._step_over(count)
            if count:
                # It does not lie in the buffer as a whole: the careful way, which reads on.
                length = self.uint64()
                if length > MAX_STRING_BYTES:
                    raise self.damaged(f"a string of {length} bytes")
                self._skip(length)
                count -= 1

    def _step_over(self, count: int) -> int:
        """Step over strings that lie in the buffer as a whole, so many at most; how many there were."""
        # The hot loop: 777,050 words in a Gemma header. Lengths are read in place, without a call of ours per word.
        unpack, buffer, position, limit = _UINT64.unpack_from, self._buffer, self._position, len(self._buffer)
        number, stepped = 0, count
        try:
            for number in range(count):
                (length,) = unpack(buffer, position)
                end = position + 8 + length
                if end > limit:
                    stepped = number
                    break
                position = end
        except struct.error:
            stepped = number  # fewer than eight bytes are left in the buffer
        self._position = position
        return stepped
