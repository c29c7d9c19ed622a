"""The list of tensors behind a vocabulary, found without reading the vocabulary.

A header is 0.1 to 16 MB, nearly all of it words. What a forecast needs lies at its two ends: the architecture's keys at
the start, the tensors at the end. That end is found by halving: windows before it are words, numbers or text, windows
behind it are weights (``window_kind``). A list counts only when it parses to the last record, each tensor begins where
the one before ends, and all of them end where the file ends; else the header is read as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from garden.core.errors import InvalidFileError
from garden.gguf.byte_source import ByteSource, Piece
from garden.gguf.header import GgufHeader, alignment_of, check_header, read_header
from garden.gguf.header_cursor import MAX_HEADER_BYTES, HeaderCursor
from garden.gguf.header_start import HeaderStart, read_start
from garden.gguf.metadata_value import ArraySkipped, Value
from garden.gguf.tensor_info import TensorInfo, padded, read_tensor, read_tensors
from garden.gguf.window_kind import WINDOW_BYTES, WindowKind, kind_of, record_starts

#: A header that ends so soon is read as a whole: the search would cost as much.
_SHORT_BYTES = 256 * 1024

#: Halving stops at so much, or at the length of the list; the rest is read in one piece.
_LAST_BYTES = 48 * 1024

#: Read in front of the list as well: keys that were added to a file stand there.
_KEYS_BYTES = 8 * 1024

#: The lists of siblings begin so near to each other.
_NEAR_BYTES = 8 * 1024

#: Halving ``MAX_HEADER_BYTES`` down to ``_LAST_BYTES`` takes eleven.
_MOST_WINDOWS = 16

#: Places where a list may begin that are tried; a file made to have more is not worth the time.
_MOST_LISTS = 4

#: Of a record: lengths, dimensions, type, place, and a name.
_RECORD_BYTES = 72

#: No record and no small key is longer; what goes on behind a piece is read in such pieces.
_RECORD_AT_MOST, _PIECE_BYTES = 1_024, 16 * 1024

#: Of a word with its merge, score and type: the list is looked for behind so much first.
_WORD_BYTES = 44

#: Where a key may begin: a length below 1,024, words with points between.
_KEY = re.compile(rb"(?=[\x01-\xff][\0-\x03]\0{6}[A-Za-z0-9_-]+\.[A-Za-z0-9_.-]+)", re.DOTALL)

#: Without them no shape is known: they may have been added behind the vocabulary.
_NEEDED = ("block_count", "embedding_length")

#: Keys by which the quantizations of a model differ.
_OF_ONE_FILE = ("general.file_type", "quantize.")

#: GGUF's largest number of a type.
_LARGEST_KIND = 12


def read_sparingly(source: ByteSource) -> GgufHeader:
    """Read a header, of a long one its two ends when the second is found; keys between them are left out.

    Raises:
        InvalidFileError: See ``read_header``.
    """
    start = read_start(source)
    return (None if start.is_whole else _search(source, start)) or read_header(source)


def read_like(source: ByteSource, sibling: GgufHeader, start: HeaderStart | None = None) -> GgufHeader | None:
    """Read the header of another quantization of a model in one short piece: from where the sibling's list is.

    Args:
        source: The other file, or the same part of it.
        sibling: The header of a file of the same model.
        start: The other file's own first keys; when None the sibling's are taken to be the same, and so must be the
            tensors' names and shapes.

    Returns:
        The header; None when there is no such list near that place.
    """
    length = sum(_record_bytes(tensor) for tensor in sibling.tensors)
    begin = max(0, sibling.header_bytes - length - _NEAR_BYTES)
    if start is None:
        metadata = {key: value for key, value in sibling.metadata.items() if not key.startswith(_OF_ONE_FILE)}
        known = _Known(
            version=sibling.version, tensors=len(sibling.tensors), keys=None, metadata=metadata, kinds=sibling.kinds
        )
    else:
        known = _known(start)
        length = known.tensors * _RECORD_BYTES
    header = _list_in(_Read(begin, source.read(begin, length + 2 * _NEAR_BYTES), source), known)
    if header is None or (start is None and _shapes(header) != _shapes(sibling)):
        return None
    return header


def _shapes(header: GgufHeader) -> list[tuple[str, tuple[int, ...]]]:
    return [(tensor.name, tensor.shape) for tensor in header.tensors]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What is known before the list is found; ``keys`` is None where nobody counted them."""

    version: int
    tensors: int
    keys: int | None
    metadata: Mapping[str, Value]
    kinds: Mapping[str, int]


def _known(start: HeaderStart) -> _Known:
    return _Known(
        version=start.counts.version,
        tensors=start.counts.tensors,
        keys=start.counts.keys,
        metadata=start.metadata,
        kinds=start.kinds,
    )


class _Read:
    """A piece that was read, and the source behind it for what goes on beyond.

    Args:
        offset: Where the piece lies.
        data: Its bytes.
        source: What it is of.
    """

    def __init__(self, offset: int, data: bytes, source: ByteSource) -> None:
        self.offset = offset
        self.data = data
        self.size_bytes = source.size_bytes
        self._source = source

    def read(self, offset: int, length: int) -> bytes:
        """Bytes from the piece while it has enough for a record, then from the source."""
        start = offset - self.offset
        held = self.data[start : start + min(length, _PIECE_BYTES)] if start >= 0 else b""
        if len(held) >= min(length, _RECORD_AT_MOST):
            return held
        return held + self._source.read(offset + len(held), min(length, _PIECE_BYTES) - len(held))


def _search(source: ByteSource, start: HeaderStart) -> GgufHeader | None:
    """The header of a file whose first window ends within its vocabulary; None when the list is not found."""
    last, value = next(reversed(start.metadata.items()), ("", None))
    if not last.startswith("tokenizer.") or source.size_bytes - start.end < _SHORT_BYTES:
        return None
    known = _known(start)
    if not known.tensors:
        return None
    words = value.count if isinstance(value, ArraySkipped) else 0
    bounds = _halved(source, start.end, start.end + words * _WORD_BYTES, known.tensors * _RECORD_BYTES)
    if bounds is None:
        return None
    begin, end = max(start.end, bounds[0] - _KEYS_BYTES), bounds[1]
    return _list_in(_Read(begin, source.read(begin, end - begin), source), known)


def _halved(source: ByteSource, low: int, guess: int, length: int) -> tuple[int, int] | None:
    """Bounds that the list lies between; None when nothing but metadata is found.

    Args:
        source: The file.
        low: In front of the list.
        guess: Behind it, or not far in front of it.
        length: Of the list, about.
    """
    high = limit = min(source.size_bytes, MAX_HEADER_BYTES) - WINDOW_BYTES
    beyond = 0
    place, stride = guess, guess - low
    for _ in range(_MOST_WINDOWS):
        place = min(place, limit)
        kind = kind_of(source.read(place, WINDOW_BYTES))
        if kind is WindowKind.METADATA:
            if place == limit:
                return None
            low = place
        else:
            # The list may begin in a window that holds some of it, and goes on behind that.
            within = kind is WindowKind.TENSOR_LIST
            high, beyond = (place + WINDOW_BYTES, length) if within else (place, 0)
        if high - low <= max(_LAST_BYTES, length):
            return low, high + beyond
        if high == limit:
            place, stride = low + stride, 2 * stride
        else:
            place = (low + high) // 2
    return None


def _list_in(piece: _Read, known: _Known) -> GgufHeader | None:
    """The header whose list of tensors begins in this piece."""
    tries = 0
    for start in record_starts(piece.data):
        place = piece.offset + start
        try:
            # The first tensor lies where the data begins, and no other does.
            if read_tensor(HeaderCursor(piece, place)).offset:
                continue
            header = _header_at(piece, place, known)
        except InvalidFileError:
            header = None
        tries += 1
        if header is not None or tries == _MOST_LISTS:
            return header
    return None


def _header_at(piece: _Read, place: int, known: _Known) -> GgufHeader | None:
    """The header whose list begins here, None when it does not add up."""
    metadata, kinds = dict(known.metadata), dict(known.kinds)
    tail = _keys_before(piece, place)
    for key, kind, value in tail:
        metadata[key], kinds[key] = value, kind
    # Every key comes once, and no more can have been read than there are.
    if known.keys is not None and not len(known.metadata) + len(tail) == len(metadata) <= known.keys:
        return None
    alignment = alignment_of(metadata)
    if alignment is None:
        return None
    cursor = HeaderCursor(piece, place)
    tensors = read_tensors(cursor, known.tensors, alignment)
    header = GgufHeader(
        version=known.version,
        alignment=alignment,
        metadata=metadata,
        tensors=tensors,
        header_bytes=padded(cursor.offset, alignment),
        data_bytes=sum(padded(tensor.size_bytes, alignment) for tensor in tensors),
        kinds=kinds,
    )
    # The last tensor may come without the padding behind it.
    short = padded(tensors[-1].size_bytes, alignment) - tensors[-1].size_bytes
    if not 0 <= header.header_bytes + header.data_bytes - piece.size_bytes <= short:
        return None
    if any(header.integer(key) is None for key in _NEEDED):
        return None
    check_header(header, piece.size_bytes)
    return header


def _keys_before(piece: _Read, end: int) -> list[tuple[str, int, Value]]:
    """Keys with their types and values that follow each other up to this place, as far back as the piece goes."""
    data = piece.data[: end - piece.offset]
    ending: dict[int, tuple[int, tuple[str, int, Value]]] = {}
    for match in _KEY.finditer(data):
        start = match.start()
        kind = int.from_bytes(
            data[(at := start + 8 + int.from_bytes(data[start : start + 2], "little")) : at + 4], "little"
        )
        if kind > _LARGEST_KIND:
            continue
        cursor = HeaderCursor(Piece(0, data), start)
        try:
            pair = cursor.pair()
        except InvalidFileError:
            continue
        ending.setdefault(cursor.offset, (start, pair))
    found = []
    place = len(data)
    while place in ending:
        place, pair = ending[place]
        found.append(pair)
    return found[::-1]


def _record_bytes(tensor: TensorInfo) -> int:
    return 8 + len(tensor.name.encode()) + 4 + 8 * len(tensor.shape) + 4 + 8
