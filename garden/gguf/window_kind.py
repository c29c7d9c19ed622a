"""What a few kilobytes from anywhere in a GGUF file are: part of its header, of its list of tensors, or of its weights.

The parts of a header show by their structure: words are chains of length and text, types of words are small numbers,
scores are falling floats, templates are text. Weights have none of it, however few bits they have.
"""

from __future__ import annotations

import enum
import itertools
import re
import struct
from collections.abc import Iterator

#: So many bytes are enough to tell.
WINDOW_BYTES = 4096

_PART_BYTES = 1024

#: The start of a word or a key: a length below 1,024.
_LENGTH = re.compile(rb"(?=([\0-\xff][\0-\x03]\0{6}))", re.DOTALL)

#: The start of a tensor's record: a length, a name, the number of dimensions, the upper half of the first of them.
_RECORD = re.compile(rb"(?=([\x01-\xff]\0{7})[!-~]{1,255}[\x01-\x04]\0{3}.{4}\0{4})", re.DOTALL)

_UINT64 = struct.Struct("<Q")

#: Places tried as the start of a word.
_TRIES = 64

#: Of a character cut in two, three at each end at most.
_CUT_BYTES = 6

#: Types of words are 1 to 6.
_LARGEST_WORD_TYPE = 16

#: Bits of -0.001 and of -10,000,000 as floats: those of scores lie between.
_NEGATIVE_THOUSANDTH, _NEGATIVE_MILLIONS = 0xBA83126F, 0xCB189680

_NEARLY_ALL = 0.95


class WindowKind(enum.Enum):
    """Part of a file."""

    METADATA = enum.auto()
    TENSOR_LIST = enum.auto()
    WEIGHTS = enum.auto()


def kind_of(window: bytes) -> WindowKind:
    """What a window is; one that holds an end of the list counts as the list.

    Args:
        window: ``WINDOW_BYTES`` from anywhere in a file.
    """
    if any(True for _ in record_starts(window)):
        return WindowKind.TENSOR_LIST
    parts = (window[start : start + _PART_BYTES] for start in range(0, len(window), _PART_BYTES))
    if any(_is_words(part) or _is_text(part) or _is_numbers(part) for part in parts):
        return WindowKind.METADATA
    return WindowKind.WEIGHTS


def record_starts(window: bytes) -> Iterator[int]:
    """Where records of tensors may begin."""
    for match in _RECORD.finditer(window):
        start = match.start()
        end = start + 8 + window[start]
        # The name that was matched ends where its length says.
        if end + 4 <= len(window) and 1 <= window[end] <= 4 and window[end + 1 : end + 4] == b"\0\0\0":
            yield start


def _is_words(part: bytes) -> bool:
    """Whether from somewhere in its first quarter on it is one word after another."""
    for match in itertools.islice(_LENGTH.finditer(part, 0, len(part) // 4), _TRIES):
        position = match.start()
        while position + 8 <= len(part):
            (length,) = _UINT64.unpack_from(part, position)
            if length >= _PART_BYTES:
                break
            position += 8 + length
        else:
            return True
    return False


def _is_text(part: bytes) -> bool:
    """Whether it is text in UTF-8; characters cut in two at its ends do not count."""
    text = part.decode("utf-8", "ignore")
    if len(text.encode()) < len(part) - _CUT_BYTES:
        return False
    return not any(character < " " and character not in "\t\n\r" for character in text)


def _is_numbers(part: bytes) -> bool:
    """Whether nearly all of it is small whole numbers, or negative floats of a usual size; zeros are both."""
    for phase in range(4):
        numbers = struct.unpack_from(f"<{len(part) // 4 - 1}I", part, phase)
        whole = sum(number <= _LARGEST_WORD_TYPE for number in numbers)
        falling = sum(_NEGATIVE_THOUSANDTH <= number <= _NEGATIVE_MILLIONS or not number for number in numbers)
        if max(whole, falling) >= _NEARLY_ALL * len(numbers):
            return True
    return False
