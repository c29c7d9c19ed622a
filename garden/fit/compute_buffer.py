"""Bytes of the compute buffer: the intermediate results of one micro-batch, packed as ggml packs them.

Not a fit to measurements but the same bookkeeping: inputs, then block after block, best fit among the holes. Buffers
are reserved for a full micro-batch with as many rows of logits as ``n_outputs_max``.
"""

from __future__ import annotations

from collections.abc import Sequence

from garden.core.run_configuration import LoadParameters
from garden.fit.graph.arena import Arena, Block, Layout
from garden.fit.graph.attention import Attention, LatentAttention
from garden.fit.graph.batch import Batch
from garden.fit.graph.block import Graph, SideInputs
from garden.fit.kv_cache import CacheCells, graph_tokens, ubatch_of
from garden.fit.model_shape import ModelShape

#: The engine refuses to fuse attention for these.
_NO_FLASH = frozenset({"grok"})

#: Blocks that are packed in one go; what comes after has been seen by then.
_MAX_BLOCKS = 24


#: Of blocks packed before, by all that it depends on: the stream, the layout, and the peak that the block came to.
Packed = dict[object, tuple[Block, Layout, int]]


def compute_bytes(
    shape: ModelShape, blocks: Sequence[Graph], load: LoadParameters, cells: CacheCells, before: Packed | None = None
) -> int:
    """Bytes of the compute buffer when everything runs on one device.

    Args:
        shape: The model.
        blocks: What its blocks compute, runs of equal ones cut short.
        load: How it is loaded.
        cells: Of its caches.
        before: Blocks of the same load that read no cache, packed for other contexts; new ones are added.
    """
    flash = uses_flash(shape, load)
    batch = Batch(
        tokens=graph_tokens(load),
        sequences=max(1, load.n_sequences),
        full_cells=cells.full,
        sliding_cells=cells.sliding,
        streams=cells.streams,
        flash=flash,
        casts_k=load.type_k == "f32",
        casts_v=load.type_v == "f32",
        rotates_k=_rotates(load.type_k, shape.key_length) and not shape.latent,
        rotates_v=_rotates(load.type_v, shape.value_length) and not shape.latent,
    )
    # What the inputs of the graph take lies before everything else and varies with the context: offsets count from
    # there, so that blocks which read no cache are packed alike in all contexts.
    common_size = _common_inputs_bytes(shape, load)
    sizes = {kind: _kind_inputs_bytes(shape, load, cells, kind) for kind in shape.cached_kinds}
    inputs_size = common_size + sum(sizes.values())
    arena = Arena(-inputs_size)
    inputs = arena.take(common_size)
    placed = (*blocks[:-1][:_MAX_BLOCKS], *blocks[-1:])
    kind_of = {id(block): _reads_window(block) for block in {id(block): block for block in placed}.values()}
    kinds = [kind_of[id(block)] for block in placed]
    last_reader = {kind: number for number, kind in enumerate(kinds)}
    # In the order of first use.
    masks: dict[bool | None, Block] = {
        kind: arena.take(sizes[kind])
        for kind in sorted(shape.cached_kinds, key=lambda kind: kinds.index(kind) if kind in kinds else 0)
    }
    stream = arena.take(batch.rows(shape.width))
    if shape.input_width > shape.width:
        # Room for the rows that images bring; the stream is a view of it, and later blocks read the rest.
        arena.take(batch.rows(shape.input_width))
        arena.give(stream)
        stream = Block(0, 0)
    side: SideInputs | None = None
    if width := sum(block.side_width for block in blocks[:1]) * len(shape.layers):
        side = SideInputs(arena.copied(arena.take(batch.rows(width))), stream)
    if blocks and blocks[0].copies > 1:
        copies = blocks[0].copies
        added = arena.take((copies - 1) * stream.size), arena.take((copies - 1) * stream.size)
        joined = arena.take(copies * stream.size)
        arena.give(*added, None if side else stream)
        stream = joined
    packed: Packed = {}
    shared = packed if before is None else before
    for number, block in enumerate(placed):
        last = number == len(placed) - 1
        # The same block packs alike into the same holes, so that a pattern of blocks is followed once.
        key = (id(block), last, stream, arena.layout, batch.tokens)
        known = shared if kinds[number] is None else packed
        if side is not None:
            stream, side = block.place(arena, batch, shape.width, stream, last=last, side=side), None
        elif key in known:
            stream, layout, peak = known[key]
            arena.restore(layout, peak)
        else:
            peak_before, arena.peak = arena.peak, 0
            stream = block.place(arena, batch, shape.width, stream, last=last)
            known[key] = stream, arena.layout, arena.peak
            arena.peak = max(arena.peak, peak_before)
        # What no later block reads makes room.
        if last_reader[kinds[number]] == number:
            arena.give(masks.pop(kinds[number], None))
    # Of one micro-batch as many as are asked for; of one token for each sequence all.
    rows = max(min(ubatch_of(load), max(1, load.n_outputs_max)), min(load.n_sequences, batch.tokens))
    # Nothing reads the inputs any more: many rows of logits may take their place.
    arena.give(inputs, *masks.values())
    arena.take(4 * rows * shape.width)
    arena.give(stream)
    arena.take(4 * rows * shape.vocabulary)
    return arena.peak + inputs_size


def inputs_bytes(shape: ModelShape, load: LoadParameters, cells: CacheCells) -> int:
    """Bytes of a graph's inputs: tokens, embeddings given in their place, positions, places in the cache, masks."""
    kinds = sum(_kind_inputs_bytes(shape, load, cells, slides) for slides in shape.cached_kinds)
    return _common_inputs_bytes(shape, load) + kinds


def _common_inputs_bytes(shape: ModelShape, load: LoadParameters) -> int:
    return 4 * graph_tokens(load) * (1 + shape.input_width + 1) + _rotation_bytes(shape, load)


def _kind_inputs_bytes(shape: ModelShape, load: LoadParameters, cells: CacheCells, slides: bool) -> int:
    """Of the layers that attend to a window, or of those that attend to everything: places in the cache, the mask."""
    tokens = graph_tokens(load)
    flash = uses_flash(shape, load)
    width = 2 if flash or shape.latent else 2 * shape.v_width_padded
    places = 4 * tokens * (2 + (0 if shape.latent else width))
    return places + tokens * (cells.sliding if slides else cells.full) * (2 if flash else 4)


def _reads_window(block: Graph) -> bool | None:
    """Which mask a block reads, None for one without attention."""
    mixer = getattr(block, "mixer", None)
    if isinstance(mixer, LatentAttention):
        return False
    return mixer.slides if isinstance(mixer, Attention) else None


def _rotation_bytes(shape: ModelShape, load: LoadParameters) -> int:
    """Matrices that rotate heads before a quantized cache (``llama-kv-cache.cpp``), one per kind of layer."""
    total = 0
    if _rotates(load.type_k, shape.key_length):
        side = 64
        while shape.key_length % (2 * side) == 0:
            side *= 2
        total += 4 * side * side
    if _rotates(load.type_v, shape.value_length) and not shape.latent:
        total += 4 * 64 * 64
    return total * (2 if shape.slides else 1)


def uses_flash(shape: ModelShape, load: LoadParameters) -> bool:
    """Whether attention is fused: the engine's own choice where it has one."""
    return load.flash_attention != "off" and shape.architecture not in _NO_FLASH


def _rotates(kv_type: str, head_length: int) -> bool:
    """Quantized caches are rotated so that outliers spread, where heads are multiples of 64."""
    return kv_type not in ("f32", "f16", "bf16") and head_length > 0 and head_length % 64 == 0
