"""What the engine holds in memory, by buffer type: weights, context (KV cache, recurrent state) and compute."""

from __future__ import annotations

import ctypes
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from garden.core.dry_run import Planned
from garden.core.errors import EngineError
from garden.core.held_memory import RAM
from garden.core.messages import BufferUse
from garden.engine.library import EngineLibrary
from garden.engine.std_map import maps_are_readable, read_map

# std::map<ggml_backend_buffer_type_t, {model, context, compute}> llama_get_memory_breakdown(const llama_context *),
# declared in llama.cpp's src/llama-ext.h; the mangled names are those of Linux compilers.
_SYMBOL = "_Z26llama_get_memory_breakdownPK13llama_context"

# std::map<ggml_backend_buffer_type_t, size_t> llama_memory_recurrent::memory_breakdown() const
_RECURRENT_SYMBOL = "_ZNK22llama_memory_recurrent16memory_breakdownEv"

#: Tables of virtual functions, by which an object's class is told, and the function that leads to the recurrent part.
_RECURRENT = "_ZTV22llama_memory_recurrent"
_HYBRIDS = {
    "_ZTV19llama_memory_hybrid": "_ZNK19llama_memory_hybrid12get_mem_recrEv",
    "_ZTV23llama_memory_hybrid_idx": "_ZNK19llama_memory_hybrid12get_mem_recrEv",
    "_ZTV24llama_memory_hybrid_iswa": "_ZNK24llama_memory_hybrid_iswa12get_mem_recrEv",
}

#: ``ggml_backend_dev_type``: the processor, and what only speeds it up.
_IN_RAM = (0, 3)

_LOG_LINE = re.compile(r"(?P<name>\S+) +(?P<kind>model|KV|RS|compute|output) buffer size = +(?P<size>[\d.]+) MiB")


def buffers(library: EngineLibrary, context: Any) -> tuple[BufferUse, ...]:
    """The engine's own account of a context and its model, one entry per buffer type that holds anything.

    Exact on Linux x86-64 (libstdc++); elsewhere read from the log with a resolution of 0.01 MiB.
    """
    if not maps_are_readable():
        return from_log(library.log.lines)
    try:
        found = read_map(library, _SYMBOL, context, 3)
    except AttributeError:
        return from_log(library.log.lines)
    return tuple(
        BufferUse(name=_name(library, key), weights_bytes=weights, context_bytes=held, compute_bytes=compute)
        for key, (weights, held, compute) in found.items()
        if weights or held or compute
    )


def planned_buffers(library: EngineLibrary, context: Any) -> tuple[Planned, ...]:
    """What a context and its model that were made without allocating would hold, with the device of each buffer type.

    Raises:
        EngineError: This build or platform does not tell it to the byte.
    """
    try:
        if not maps_are_readable():
            raise AttributeError(_SYMBOL)
        found = read_map(library, _SYMBOL, context, 3)
        recurrent = _recurrent(library, context)
    except AttributeError as error:
        raise EngineError(
            "This build of the engine does not tell its plans to the byte.",
            "Take the forecast from the header.",
            str(error),
        ) from error
    return tuple(
        Planned(
            buffer=_name(library, key),
            device=_device(library, key),
            weights_bytes=weights,
            kv_cache_bytes=held - recurrent.get(key, 0),
            recurrent_bytes=recurrent.get(key, 0),
            compute_bytes=compute,
        )
        for key, (weights, held, compute) in found.items()
        if weights or held or compute
    )


def _recurrent(library: EngineLibrary, context: Any) -> dict[int, int]:
    """Bytes of recurrent state by buffer type, as a part of the context's bytes."""
    memory = library.c.llama_get_memory(context)
    if not memory:
        return {}
    table = ctypes.c_uint64.from_address(memory).value
    if table != _table(library, _RECURRENT):
        accessor = next((name for class_, name in _HYBRIDS.items() if table == _table(library, class_)), None)
        if accessor is None:
            return {}
        memory = library.function(accessor, ctypes.c_void_p, ctypes.c_void_p)(memory)
    return {key: size for key, (size,) in read_map(library, _RECURRENT_SYMBOL, memory, 1).items()}


def _table(library: EngineLibrary, symbol: str) -> int:
    # An object points behind the two words that every table starts with.
    return library.address(symbol) + 16


def _name(library: EngineLibrary, buffer_type: int) -> str:
    name: bytes = library.function("ggml_backend_buft_name", ctypes.c_char_p, ctypes.c_void_p)(buffer_type)
    return name.decode("utf-8", "replace")


def _device(library: EngineLibrary, buffer_type: int) -> str:
    """Whose memory it is: a GPU's pinned buffers lie in RAM."""
    is_host = library.function("ggml_backend_buft_is_host", ctypes.c_bool, ctypes.c_void_p)
    device = library.function("ggml_backend_buft_get_device", ctypes.c_void_p, ctypes.c_void_p)(buffer_type)
    if not device or is_host(buffer_type):
        return RAM
    if library.function("ggml_backend_dev_type", ctypes.c_int, ctypes.c_void_p)(device) in _IN_RAM:
        return RAM
    name: bytes = library.function("ggml_backend_dev_name", ctypes.c_char_p, ctypes.c_void_p)(device)
    return name.decode("utf-8", "replace")


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
