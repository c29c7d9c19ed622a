"""Bytes of the KV cache, exactly as llama.cpp allocates it (``llama-kv-cache.cpp``, ``llama-kv-cache-iswa.cpp``)."""

from __future__ import annotations

from dataclasses import dataclass

from garden.core.run_configuration import KV_TYPES, LoadParameters
from garden.fit.model_shape import Layer, ModelShape

#: Contexts and caches are padded to it.
_PAD = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheCells:
    """Cells of one layer's cache.

    Attributes:
        full: Per stream, in a layer that attends to everything.
        sliding: Per stream, in a layer that attends to a window.
        streams: One per sequence, or one for all in a unified cache.
    """

    full: int
    sliding: int
    streams: int


def padded(count: int) -> int:
    """Rounded up to the engine's padding of 256 cells."""
    return -(-count // _PAD) * _PAD


def ubatch_of(load: LoadParameters) -> int:
    """Tokens of one compute batch, after the engine capped it by batch and context."""
    return max(1, min(load.n_ubatch, load.n_batch, load.context_length))


def graph_tokens(load: LoadParameters) -> int:
    """Tokens that buffers are reserved for: a compute batch, rounded up to as many for each sequence."""
    sequences = max(1, load.n_sequences)
    return -(-ubatch_of(load) // sequences) * sequences


def cache_cells(shape: ModelShape, load: LoadParameters) -> CacheCells:
    """How many cells the engine makes for these load parameters."""
    context = padded(load.context_length)
    sequences = max(1, load.n_sequences)
    full = context if load.kv_unified else padded(context // sequences)
    window = shape.window * (sequences if load.kv_unified else 1)
    sliding = full if load.swa_full or not shape.window else padded(min(full, window + ubatch_of(load)))
    return CacheCells(full=full, sliding=sliding, streams=1 if load.kv_unified else sequences)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellBytes:
    """Bytes that one cell takes in each layer, in order; what a cache takes is linear in its cells.

    Attributes:
        full: Per cell that reaches back to the start.
        sliding: Per cell of a window.
    """

    full: tuple[float, ...]
    sliding: tuple[float, ...]


def cell_bytes(shape: ModelShape, load: LoadParameters) -> CellBytes:
    """Bytes per cell in each layer for these cache types."""
    # Equal layers of a shape are one object.
    by_layer = {id(layer): _row_bytes(layer, shape, load) for layer in {id(one): one for one in shape.layers}.values()}
    rows = [by_layer[id(layer)] for layer in shape.layers]
    size_k, size_v = KV_TYPES[load.type_k], KV_TYPES[load.type_v]
    index = [layer.index_width * size_k + layer.index_v_width * size_v for layer in shape.layers]
    return CellBytes(
        full=tuple(
            extra + (0.0 if layer.slides else row) for layer, row, extra in zip(shape.layers, rows, index, strict=True)
        ),
        sliding=tuple(row if layer.slides else 0.0 for layer, row in zip(shape.layers, rows, strict=True)),
    )


def _row_bytes(layer: Layer, shape: ModelShape, load: LoadParameters) -> float:
    # Without flash attention the engine turns V on its side and pads layers of different width to the widest.
    turned = load.flash_attention == "off" and layer.cached and not shape.latent
    v_width = shape.v_width_padded if turned else layer.v_width
    return layer.k_width * KV_TYPES[load.type_k] + v_width * KV_TYPES[load.type_v]


def layers_cache_bytes(shape: ModelShape, load: LoadParameters) -> tuple[int, ...]:
    """Bytes of each layer's cache, in order."""
    cells, per_cell = cache_cells(shape, load), cell_bytes(shape, load)
    full, sliding = cells.full * cells.streams, cells.sliding * cells.streams
    return tuple(round(full * a + sliding * b) for a, b in zip(per_cell.full, per_cell.sliding, strict=True))


def kv_cache_bytes(shape: ModelShape, load: LoadParameters) -> int:
    """Bytes of the whole cache."""
    return sum(layers_cache_bytes(shape, load))
