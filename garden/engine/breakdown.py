"""What the engine holds in memory, by buffer type: weights, context (KV cache, recurrent state) and compute."""

from __future__ import annotations

import ctypes
import platform
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from garden.core.messages import BufferUse
from garden.engine.library import EngineLibrary

# std::map<ggml_backend_buffer_type_t, {model, context, compute}> llama_get_memory_breakdown(const llama_context *),
# declared in llama.cpp's src/llama-ext.h; the mangled name is that of Linux compilers.
_SYMBOL = "_Z26llama_get_memory_breakdownPK13llama_context"

_LOG_LINE = re.compile(r"(?P<name>\S+) +(?P<kind>model|KV|RS|compute|output) buffer size = +(?P<size>[\d.]+) MiB")


def buffers(library: EngineLibrary, context: Any) -> tuple[BufferUse, ...]:
    """The engine's own account of a context and its model, one entry per buffer type that holds anything.

    Exact on Linux x86-64 (libstdc++); elsewhere read from the log with a resolution of 0.01 MiB.
    """
    if sys.platform == "linux" and platform.machine() == "x86_64":
        try:
            function = library.function(_SYMBOL, None, ctypes.c_void_p, ctypes.c_void_p)
        except AttributeError:
            return from_log(library.log.lines)
        return _from_map(library, function, context)
    return from_log(library.log.lines)


def _from_map(library: EngineLibrary, function: Any, context: Any) -> tuple[BufferUse, ...]:
    # libstdc++ on x86-64: the map is returned through a hidden pointer; 48 bytes, root at +16, count at +40. A node
    # has left at +16, right at +24, the key at +32 and the three sizes at +40, +48, +56. Its nodes are not freed:
    # some hundred bytes, once per load.
    result = (ctypes.c_uint64 * 6)()
    function(ctypes.addressof(result), context)
    name_of = library.function("ggml_backend_buft_name", ctypes.c_char_p, ctypes.c_void_p)
    found = []
    for node in _walk(result[2], limit=int(result[5])):
        key, weights, held, compute = (ctypes.c_uint64 * 4).from_address(node + 32)
        name = name_of(key).decode("utf-8", "replace")
        if weights or held or compute:
            found.append(BufferUse(name=name, weights_bytes=weights, context_bytes=held, compute_bytes=compute))
    return tuple(found)


def _walk(node: int, limit: int) -> Iterator[int]:
    pending = [node]
    while pending and limit >= 0:
        node = pending.pop()
        if node:
            limit -= 1
            yield node
            left, right = (ctypes.c_uint64 * 2).from_address(node + 16)
            pending += [left, right]


def from_log(lines: Iterable[str]) -> tuple[BufferUse, ...]:
    """The same from the lines that llama.cpp logged while it loaded."""
    sizes: dict[str, dict[str, int]] = defaultdict(lambda: {"weights": 0, "context": 0, "compute": 0})
    kinds = {"model": "weights", "KV": "context", "RS": "context", "compute": "compute", "output": "compute"}
    for line in lines:
        if match := _LOG_LINE.search(line):
            sizes[match["name"]][kinds[match["kind"]]] += round(float(match["size"]) * 1024 * 1024)
    return tuple(
        BufferUse(name=name, weights_bytes=use["weights"], context_bytes=use["context"], compute_bytes=use["compute"])
        for name, use in sizes.items()
    )
