"""Attention, as far as memory is concerned: which results it makes, how large, how long they live.

In the order of llama.cpp's graph (``llama-graph.cpp``, ``src/models``). Two rules of ``ggml-alloc.c`` shape all of it:
an operation may write into its input when nothing else reads that, and it never may when the input is a view, so that
rotating the heads of a query makes a copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from garden.fit.graph.arena import Arena, Block
from garden.fit.graph.batch import Batch


class Mixer(Protocol):
    """The part of a block that mixes tokens."""

    def place(self, arena: Arena, batch: Batch, normed: Block | None, width: int) -> Block:
        """Place its results up to what its output matrix reads, which is returned.

        Args:
            arena: Where.
            batch: Sizes.
            normed: Its input, given back once it was read; None when somebody else still needs it.
            width: Floats per token of the input.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """Attention with a K and a V cache.

    Attributes:
        query: Floats per token: heads × key length.
        key: KV heads × key length.
        value: KV heads × value length.
        output: Heads × value length.
        heads: Query heads.
        fused: One matrix makes query, key and value.
        turned: Query and key are rotated or normed by heads, which copies them.
        value_normed: The value is normed by heads, which copies it.
        gated: The query matrix makes a gate of the same size, which stays until the end.
        slides: Attends to a window.
        shares: Reads another layer's cache and makes no key and value.
        waits: Its output is turned back and multiplied later, beside the feed-forward part.
        normed: Its output is normed before the output matrix, which copies it.
        gate: Floats per token of a gate that is made of the input once attention is done, 0 for none.
        key_first: Keys are made before values, as where some layers slide (``build_attn_inp_kv_iswa``).
    """

    query: int
    key: int
    value: int
    output: int
    heads: int
    fused: bool = False
    turned: bool = True
    value_normed: bool = False
    gated: bool = False
    slides: bool = False
    shares: bool = False
    waits: bool = False
    normed: bool = False
    gate: int = 0
    key_first: bool = False

    def place(self, arena: Arena, batch: Batch, normed: Block | None, width: int) -> Block:
        """Query, key and value, then the scores."""
        rows = batch.rows
        whole: Block | None = None
        if self.fused:
            together = arena.take(rows(self.query + self.key + self.value))
            arena.give(normed)
            query = self._from_fused(arena, batch, together)
        else:
            query = arena.take(rows(self.query * (2 if self.gated else 1)))
            if self.gated:
                whole, query = query, arena.take(rows(self.query))
            elif self.turned:
                query = arena.copied(query)
            if batch.rotates_k:
                query = arena.copied(query)
            if not self.shares:
                self._place_key_value(arena, batch)
            if not self.gate:
                arena.give(normed)
        output = self._scores(arena, batch, query)
        if batch.rotates_v and not self.shares and not self.waits:
            output = arena.copied(output)
        if self.normed:
            output = arena.copied(output)
        if self.gate:
            gate = arena.take(rows(self.gate))
            arena.give(normed)
            # As wide as the output it takes the product, the output being a view.
            result = gate if self.gate == self.output else arena.replaced(gate, rows(self.output))
            arena.give(output)
            return result
        if whole is not None:
            gate = arena.take(rows(self.query))
            arena.give(whole, output)
            return gate
        return output

    def _from_fused(self, arena: Arena, batch: Batch, together: Block) -> Block:
        # Parts of the fused result are views: they are copied where an operation wants them in one piece.
        copies = self.turned or batch.rotates_k
        query = arena.take(batch.rows(self.query)) if copies else together
        if batch.rotates_k:
            query = arena.copied(query)
        value = arena.copied(arena.take(batch.rows(self.value))) if batch.rotates_v else None
        key = arena.take(batch.rows(self.key)) if copies else None
        if copies and value is not None:
            # Nothing reads the fused result any more.
            arena.give(together)
        if key is not None and batch.rotates_k:
            key = arena.copied(key)
        arena.give(key, value)
        if not batch.flash:
            # Stored by columns.
            arena.give(arena.take(batch.rows(self.value)))
        if copies and value is None:
            arena.give(together)
        return query

    def _place_key_value(self, arena: Arena, batch: Batch) -> None:
        if self.key_first:
            key = self._place_key(arena, batch)
            value = self._place_value(arena, batch)
        else:
            value = self._place_value(arena, batch)
            key = self._place_key(arena, batch)
        arena.give(key, value)

    def _place_key(self, arena: Arena, batch: Batch) -> Block:
        key = arena.take(batch.rows(self.key))
        if self.turned:
            key = arena.copied(key)
        return arena.copied(key) if batch.rotates_k else key

    def _place_value(self, arena: Arena, batch: Batch) -> Block:
        value = arena.take(batch.rows(self.value))
        if self.value_normed:
            value = arena.copied(value)
        return arena.copied(value) if batch.rotates_v else value

    def _scores(self, arena: Arena, batch: Batch, query: Block) -> Block:
        cells = batch.sliding_cells if self.slides else batch.full_cells
        if batch.flash:
            key = arena.take(2 * self.key * cells * batch.streams) if batch.casts_k else None
            value = arena.take(2 * self.value * cells * batch.streams) if batch.casts_v else None
            output = arena.take(batch.rows(self.output))
            arena.give(query, key, value)
            return output
        scores = arena.take(batch.rows(cells * self.heads))
        arena.give(query)
        turned = arena.take(batch.rows(self.output))
        arena.give(scores)
        return arena.copied(turned)


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentAttention:
    """Multi-head latent attention over a K-only cache (DeepSeek 2 and its kin).

    Attributes:
        query_rank: Rank of the query's two matrices, 0 for one matrix.
        query: Heads × key length before absorption.
        rank: Of the latent cache.
        rope: Rotated values per head.
        heads: Query heads.
        output: Heads × value length after decompression.
        index_heads: Heads of the indexer that picks which cells are attended to, 0 for none.
        index_length: Values of each of them.
        picked: Cells that it picks.
    """

    query_rank: int
    query: int
    rank: int
    rope: int
    heads: int
    output: int
    index_heads: int = 0
    index_length: int = 0
    picked: int = 0

    def place(self, arena: Arena, batch: Batch, normed: Block | None, width: int) -> Block:
        """The absorbed query, the latent row, scores, decompression, the output matrix."""
        rows = batch.rows
        low: Block | None = None
        if self.index_heads:
            # The indexer's key: turned, rotated, stored.
            arena.give(arena.copied(arena.copied(arena.take(rows(self.index_length)))))
        if self.query_rank:
            low = arena.take(rows(self.query_rank))
            query = arena.take(rows(self.query))
            if not self.index_heads:
                arena.give(low)
        else:
            query = arena.take(rows(self.query))
        absorbed = arena.take(rows(self.heads * self.rank))
        rotated = arena.take(rows(self.heads * self.rope))
        arena.give(query)
        joined = arena.take(rows(self.heads * (self.rank + self.rope)))
        arena.give(absorbed, rotated)
        row = arena.take(rows(self.rank + self.rope))
        if not self.index_heads:
            arena.give(normed)
        latent = arena.take(rows(self.rank))
        key_rotated = arena.take(rows(self.rope))
        arena.give(row)
        key = arena.take(rows(self.rank + self.rope))
        arena.give(latent, key_rotated, key)
        mask = self._pick(arena, batch, low, normed) if self.index_heads else None
        if batch.flash:
            cells = batch.full_cells * batch.streams
            keys = arena.take(2 * (self.rank + self.rope) * cells) if batch.casts_k else None
            values = arena.take(2 * self.rank * cells) if batch.casts_v else None
            weighed = arena.take(rows(self.heads * self.rank))
            arena.give(joined, keys, values)
        else:
            scores = arena.take(rows(batch.full_cells * self.heads))
            arena.give(joined)
            # Values are a view of the keys, which has to be turned here (f16).
            turned = arena.take(2 * self.rank * batch.full_cells * batch.streams)
            weighed = arena.take(rows(self.heads * self.rank))
            arena.give(scores, turned)
        arena.give(mask)
        output = arena.take(rows(self.output))
        arena.give(weighed)
        return arena.copied(output)

    def _pick(self, arena: Arena, batch: Batch, low: Block | None, normed: Block | None) -> Block:
        """Score all cells, pick some, and make a mask that hides the others (``deepseek32.cpp``)."""
        rows, mask_size = batch.rows, batch.tokens * batch.full_cells * (2 if batch.flash else 4)
        # The mask that hides everything is filled beside a tensor of its shape.
        hidden = arena.copied(arena.take(mask_size))
        query = arena.take(rows(self.index_heads * self.index_length))
        arena.give(low)
        query = arena.copied(arena.copied(query))
        weights = arena.take(rows(self.index_heads))
        arena.give(normed)
        weights = arena.copied(weights)
        scores = arena.take(rows(batch.full_cells))
        arena.give(query, weights)
        picked = arena.copied(arena.replaced(scores, rows(min(self.picked, batch.full_cells))))
        shown = arena.take(mask_size)
        arena.give(picked, shown)
        return arena.copied(hidden)
