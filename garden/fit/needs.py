"""What a model needs, sorted by layer, so that every placement and context can be weighed without starting over."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

from garden.core.run_configuration import LoadParameters
from garden.fit.compute_buffer import Packed, compute_bytes, inputs_bytes, uses_flash
from garden.fit.graph.attention import LatentAttention
from garden.fit.graph.block import BlockGraph, Graph
from garden.fit.graph.reading import block_graphs, distinct
from garden.fit.kv_cache import CacheCells, cache_cells, cell_bytes, graph_tokens, padded
from garden.fit.model_shape import ModelShape, shape_of
from garden.fit.per_header import PerHeader
from garden.fit.recurrent_state import layer_state_bytes
from garden.fit.weights import Weights, weights_of
from garden.gguf.header import GgufHeader

NumberT = TypeVar("NumberT", int, float)

#: ``LoadParameters.tensor_placement``.
TensorPlacement = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextNeeds:
    """What depends on the context.

    Attributes:
        full_cells: Cells of a cache that reaches back to the start, of all streams.
        sliding_cells: Cells of the cache of a window, of all streams.
        full: Bytes a cell in the full caches of the last n layers, by n; the output layer is the last one and has none.
        sliding: The same of caches of a window.
        states: Bytes of the recurrent states of the last n layers, by n.
        compute: Compute buffer when all runs on one device.
        inputs: Inputs of the graph alone.
        looked_up: Embeddings of one micro-batch.
        largest_cache: Cache of the layer that has the largest one.
    """

    full_cells: int
    sliding_cells: int
    full: tuple[float, ...]
    sliding: tuple[float, ...]
    states: tuple[int, ...]
    compute: int
    inputs: int
    looked_up: int
    largest_cache: int

    @property
    def cache_bytes(self) -> int:
        """Bytes of all caches."""
        return self._cache(-1)

    @property
    def state_bytes(self) -> int:
        """Bytes of all recurrent states."""
        return self.states[-1]

    def held(self, first: int, last: int) -> int:
        """Bytes of caches and states of the layers ``first`` … ``last`` − 1."""
        top = len(self.states) - 1
        states = self.states[top - first] - self.states[top - last]
        return self._cache(top - first) - self._cache(top - last) + states

    def _cache(self, count: int) -> int:
        return round(self.full_cells * self.full[count] + self.sliding_cells * self.sliding[count])


def _read(header: GgufHeader) -> tuple[ModelShape, tuple[Graph, ...]]:
    shape = shape_of(header)
    return shape, distinct(block_graphs(header, shape))


_reading = PerHeader(_read)


def _no_placements(_header: GgufHeader) -> dict[TensorPlacement, Weights]:
    return {}


#: By the patterns that place tensors, which are sought in every name.
_placed = PerHeader(_no_placements)


def placed_weights(header: GgufHeader, placement: TensorPlacement) -> Weights:
    """The weights of a header under a tensor placement, counted once for each.

    Args:
        header: Of the file, or of all shards joined.
        placement: ``LoadParameters.tensor_placement``.
    """
    known = _placed(header)
    if placement not in known:
        known[placement] = weights_of(header, placement)
    return known[placement]


class Needs:
    """A model's needs for one way of loading it, at any context.

    Args:
        header: Of the model.
        load: How it is loaded; the context can be varied.

    Attributes:
        shape: The model's shape.
        weights: Where its weights go.
        layers: Layers there are, the output layer counted.
        top_weights: Bytes of the last n layers, by n.
        largest_matrix: The largest matrix of a block, in bytes.
        routed: Whether the model has routed experts.
    """

    def __init__(self, header: GgufHeader, load: LoadParameters) -> None:
        shape, blocks = _reading(header)
        self.load = load
        self.shape: ModelShape = shape
        self.weights = placed_weights(header, load.tensor_placement)
        self._blocks: Sequence[Graph] = blocks
        # Blocks that the engine leaves out still count as layers for placement.
        self.layers = shape.blocks + 1
        self.top_weights = _from_the_top([*self.weights.blocks, self.weights.output_bytes])
        self.routed = any(self.weights.experts)
        self.largest_matrix = self.weights.largest_matrix
        idle = [0.0] * (self.layers - len(shape.layers))
        per_cell = cell_bytes(shape, load)
        self._largest_cells = max(per_cell.full, default=0.0), max(per_cell.sliding, default=0.0)
        self._full = _from_the_top([*per_cell.full, *idle])
        self._sliding = _from_the_top([*per_cell.sliding, *idle])
        state = layer_state_bytes(shape, load)
        self._states = _from_the_top([*(state if layer.recurrent else 0 for layer in shape.layers), *map(int, idle)])
        self._batch = min(load.n_ubatch, load.n_batch)
        self._packed: dict[int, int] = {}
        self._before: Packed = {}
        self._known: dict[int, ContextNeeds] = {}

    def at(self, context_length: int) -> ContextNeeds:
        """What this context takes."""
        if context_length >= self._batch:
            # The engine pads it; shorter ones cut the micro-batch.
            context_length = padded(context_length)
        known = self._known.get(context_length)
        if known is None:
            known = self._known[context_length] = self._measure(context_length)
        return known

    def growth(self, context_length: int) -> float:
        """Bytes that one token more of a context like this takes, or nearly so: caches, masks, scores."""
        at, batch = self.at(context_length), graph_tokens(self.load)
        caches = at.full[-1] * at.full_cells / padded(context_length)
        if uses_flash(self.shape, self.load):
            return caches + 2 * batch
        heads = max((layer.heads for layer in self.shape.layers if not layer.slides), default=0)
        latent = [block.mixer for block in self._blocks if isinstance(block, BlockGraph)]
        turned = max((2 * mixer.rank for mixer in latent if isinstance(mixer, LatentAttention)), default=0)
        return caches + 4 * batch * (heads + 1) + turned

    def _measure(self, context_length: int) -> ContextNeeds:
        load = dataclasses.replace(self.load, context_length=context_length)
        cells = cache_cells(self.shape, load)
        inputs = inputs_bytes(self.shape, load, cells)
        full, sliding = self._largest_cells
        return ContextNeeds(
            full_cells=cells.full * cells.streams,
            sliding_cells=cells.sliding * cells.streams,
            full=self._full,
            sliding=self._sliding,
            states=self._states,
            compute=self._compute(load, cells, inputs),
            inputs=inputs,
            looked_up=4 * self.shape.width * graph_tokens(load),
            largest_cache=round(cells.streams * max(cells.full * full, cells.sliding * sliding)),
        )

    def _compute(self, load: LoadParameters, cells: CacheCells, inputs: int) -> int:
        tokens = graph_tokens(load)
        if not uses_flash(self.shape, load) or "f32" in (load.type_k, load.type_v):
            return compute_bytes(self.shape, self._blocks, load, cells, self._before)
        # With fused attention only the inputs depend on the context, and they lie before everything else.
        if tokens not in self._packed:
            self._packed[tokens] = compute_bytes(self.shape, self._blocks, load, cells, self._before) - inputs
        return self._packed[tokens] + inputs


def _from_the_top(sizes: Sequence[NumberT]) -> tuple[NumberT, ...]:
    """Sums over the last n, for n from 0 to all."""
    return tuple(accumulate(reversed(sizes), initial=type(sizes[0])(0)))
