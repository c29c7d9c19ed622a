"""Values of a header's metadata, and GGUF's numbers for their types."""

from __future__ import annotations

import struct
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ArraySkipped:
    """Stands for an array too long to keep, such as the vocabulary.

    Attributes:
        count: Number of its elements.
    """

    count: int


Value = int | float | bool | str | tuple[int | float | bool | str, ...] | ArraySkipped
