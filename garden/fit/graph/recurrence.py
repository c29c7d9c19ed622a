"""Layers that keep a state instead of a cache, as far as memory is concerned.

From ``mamba-base.cpp``, ``delta-net-base.cpp`` and ``lfm2.cpp`` of llama.cpp's ``src/models``.
"""

from __future__ import annotations

from dataclasses import dataclass

from garden.fit.graph.arena import Arena, Block
from garden.fit.graph.batch import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSpace:
    """A Mamba layer (the second generation where it has groups of heads).

    Attributes:
        inner: Inner width.
        state: Values of state per channel.
        groups: Groups of B and C; 0 in the first generation.
        rank: Rank of the time step in the first generation, heads in the second.
        kernel: Length of the convolution.
        normed: The output is normed by groups.
        normed_steps: Time step, B and C are normed (first generation).
        low_rank: Where heads have a time step each and B and C do without groups (PLaMo 2): the rank of the time steps'
            two matrices; 0 elsewhere. Such a layer copies its projection to sort it by heads, and norms its result.
        begun: An earlier block has read the history of the convolution already.
        ahead: The history of a later block is read once the scan is done: graphs are built layer by layer, and what
            stores a state is put into the graph at once, what it is multiplied with only when something asks for it.
    """

    inner: int
    state: int
    groups: int
    rank: int
    kernel: int
    normed: bool = False
    normed_steps: bool = False
    low_rank: int = 0
    begun: bool = False
    ahead: bool = False

    def place(self, arena: Arena, batch: Batch, normed: Block | None, width: int) -> Block:
        """Convolution, scan, gate, the output matrix."""
        activated = self.finish(arena, batch, self.scan(arena, batch, normed))
        return arena.replaced(activated, batch.rows(width)) if self.low_rank else activated

    def begin(self, arena: Arena, batch: Batch) -> None:
        """Read the history of the convolution, which comes before anything else."""
        arena.kept = (arena.take(batch.states((self.kernel - 1) * self._mixed)),)

    @property
    def _mixed(self) -> int:
        return self.inner + 2 * self.groups * self.state

    def scan(self, arena: Arena, batch: Batch, normed: Block | None) -> tuple[Block, Block, Block]:
        """Up to the scan: the projection, what was convolved, the scan's result."""
        rows, states = batch.rows, batch.states
        mixed = self._mixed
        history, arena.kept = arena.kept, ()
        projected = arena.take(rows(self.inner + mixed + (self.rank if self.groups else 0)))
        arena.give(normed)
        part: Block | None = None
        if self.low_rank:
            projected = arena.copied(projected)
            part = arena.take(rows(mixed))
        joined = arena.take(states((self.kernel - 1) * mixed) + rows(mixed))
        arena.give(*history, part)
        convolved = arena.take(rows(mixed))
        arena.give(joined)
        steps = self._steps(arena, batch)
        scanned = arena.take(rows(self.inner) + states(self.state * self.inner))
        arena.give(*steps)
        if self.ahead:
            self.begin(arena, batch)
        return projected, convolved, scanned

    def finish(self, arena: Arena, batch: Batch, parts: tuple[Block, Block, Block]) -> Block:
        """From the scan to what the output matrix reads."""
        rows = batch.rows
        projected, convolved, scanned = parts
        gate = arena.take(rows(self.inner))
        arena.give(projected)
        if self.groups:
            skipped = arena.take(rows(self.inner))
            arena.give(scanned, convolved)
        else:
            skipped = convolved
            arena.give(scanned)
        activated = arena.take(rows(self.inner))
        arena.give(gate, skipped)
        return arena.copied(activated) if self.normed else activated

    def _steps(self, arena: Arena, batch: Batch) -> tuple[Block, ...]:
        if self.groups:
            return (arena.take(batch.rows(self.rank)),)
        rank = self.low_rank or self.rank
        raw = arena.take(batch.rows(rank + 2 * self.state))
        low = arena.take(batch.rows(rank))
        step = arena.take(batch.rows(self.rank if self.low_rank else self.inner))
        arena.give(low)
        if not self.normed_steps:
            return (step, raw)
        pair = (arena.take(batch.rows(self.state)), arena.take(batch.rows(self.state)))
        arena.give(raw)
        return (step, *pair)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaNet:
    """Gated delta net: linear attention of Qwen 3 Next and 3.5, as the engine's fused operation.

    Attributes:
        key: Query (and key) floats per token: key heads × head size.
        inner: Value floats per token.
        heads: Value heads.
        state: Floats of state per sequence.
        kernel: Length of the convolution.
    """

    key: int
    inner: int
    heads: int
    state: int
    kernel: int

    def place(self, arena: Arena, batch: Batch, normed: Block | None, width: int) -> Block:
        """Convolution, delta rule, gated norm, the output matrix."""
        rows, states = batch.rows, batch.states
        mixed = 2 * self.key + self.inner
        history = arena.take(states((self.kernel - 1) * mixed))
        projected = arena.take(rows(mixed))
        joined = arena.take(states((self.kernel - 1) * mixed) + rows(mixed))
        arena.give(history, projected)
        state = arena.take(states(self.state))
        convolved = arena.take(rows(mixed))
        arena.give(joined)
        query, key = arena.take(rows(self.key)), arena.take(rows(self.key))
        small = arena.take(rows(self.heads)), arena.take(rows(self.heads))
        output = arena.take(rows(self.inner) + states(self.state))
        arena.give(query, key, convolved, state, *small)
        normed_output = arena.take(rows(self.inner))
        arena.give(output)
        gate = arena.take(rows(self.inner))
        arena.give(normed)
        arena.give(arena.copied(gate))
        return normed_output


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortConvolution:
    """The convolution layer of LFM 2.

    Attributes:
        kernel: Length of the convolution.
    """

    kernel: int

    def place(self, arena: Arena, batch: Batch, normed: Block | None, width: int) -> Block:
        """Three projections, convolution, the output matrix."""
        rows, states = batch.rows, batch.states
        history = arena.take(states((self.kernel - 1) * width))
        projected = arena.take(rows(3 * width))
        arena.give(normed)
        product = arena.take(rows(width))
        joined = arena.take(states((self.kernel - 1) * width) + rows(width))
        arena.give(history, product)
        convolved = arena.take(rows(width))
        arena.give(joined, projected)
        return convolved


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeMix:
    """A layer of RWKV. Its many small results are not followed one by one; an upper bound of what was seen.

    Attributes:
        widths: Results of the input's width that live at the same time.
    """

    widths: int = 17

    def place(self, arena: Arena, batch: Batch, normed: Block | None, width: int) -> Block:
        """Everything at once, then the result."""
        results = [arena.take(batch.rows(width)) for _ in range(self.widths)]
        arena.give(normed)
        arena.give(*results[1:])
        return results[0]
