"""A C++ function that returns a std::map by value, called from Python."""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Iterator

from garden.engine.library import EngineLibrary

#: A map of more than this is damage.
_MOST_ENTRIES = 1_024


def maps_are_readable() -> bool:
    """Whether the layout of this platform's maps is known: libstdc++ on x86-64."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


def read_map(library: EngineLibrary, symbol: str, argument: int, values: int) -> dict[int, tuple[int, ...]]:
    """Call ``symbol(argument)``, whose map has a pointer as its key and so many 64-bit numbers as its value.

    libstdc++ on x86-64 returns it through a hidden pointer: 48 bytes, the root at +16, the count at +40. A node has
    left at +16, right at +24, the key at +32 and the value from +40. The nodes are freed here, as the caller must.

    Raises:
        AttributeError: This build has no such function.
    """
    function = library.function(symbol, None, ctypes.c_void_p, ctypes.c_void_p)
    delete = library.function("_ZdlPv", None, ctypes.c_void_p)
    result = (ctypes.c_uint64 * 6)()
    function(ctypes.addressof(result), argument)
    found = {}
    for node in _walk(result[2], limit=min(int(result[5]), _MOST_ENTRIES)):
        key, *numbers = (ctypes.c_uint64 * (1 + values)).from_address(node + 32)
        found[key] = tuple(numbers)
        delete(node)
    return found


def _walk(node: int, limit: int) -> Iterator[int]:
    """Every node, after its children were noted."""
    pending = [node]
    while pending and limit >= 0:
        node = pending.pop()
        if node:
            limit -= 1
            left, right = (ctypes.c_uint64 * 2).from_address(node + 16)
            pending += [left, right]
            yield node
