"""A block of RWKV 7, as far as memory is concerned (``rwkv7-base.cpp`` of llama.cpp's ``src/models``)."""

from __future__ import annotations

from dataclasses import dataclass

from garden.fit.graph.arena import Arena, Block
from garden.fit.graph.batch import Batch
from garden.fit.graph.block import SideInputs


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeMixBlock:
    """A block that mixes with a state in place of a cache, then by channels.

    Attributes:
        mixes: Mixtures of a token with the one before it.
        decay_rank: Floats per token between the two matrices of the decay.
        rate_rank: The same of the in-context learning rate.
        value_rank: The same of what the first block's value is mixed in by.
        gate_rank: The same of the gate.
        head_length: Floats of a head.
        hidden: Width of the channel mix.
        first: Whether it is the first block, whose value all others read.
        side_width: Always 0.
        copies: Always 1.
        cut_short: Always.
    """

    mixes: int
    decay_rank: int
    rate_rank: int
    value_rank: int
    gate_rank: int
    head_length: int
    hidden: int
    first: bool
    side_width: int = 0
    copies: int = 1
    cut_short: bool = True

    def place(
        self,
        arena: Arena,
        batch: Batch,
        width: int,
        stream: Block,
        *,
        last: bool = False,
        side: SideInputs | None = None,
    ) -> Block:
        """Mix with the state, then by channels; the next block's states are read in between."""
        size = batch.rows(width)
        if not arena.kept:
            # The first block, whose input is normed.
            self._read_states(arena, batch, width)
            stream = arena.copied(stream)
        history, state = arena.kept
        normed = arena.take(size)
        mixed = self._mix(arena, batch, width, state)
        summed = arena.take(size)
        arena.give(mixed, stream)
        channels = arena.take(size)
        arena.give(arena.take(batch.states(2 * width)), normed)
        if not last:
            self._read_states(arena, batch, width)
        shifted = arena.take(size)
        arena.give(history)
        shifted = arena.copied(shifted)
        arena.give(channels)
        if last:
            arena.give(shifted)
            return summed
        result = arena.replaced(arena.replaced(shifted, batch.rows(self.hidden)), size)
        arena.give(summed)
        return result

    def _read_states(self, arena: Arena, batch: Batch, width: int) -> None:
        arena.kept = arena.take(batch.states(2 * width)), arena.take(batch.states(width * self.head_length))

    def _mix(self, arena: Arena, batch: Batch, width: int, state: Block) -> Block:
        rows = batch.rows
        size = rows(width)
        mixtures = arena.replaced(arena.take(size), self.mixes * size)
        receptance = arena.take(size)
        decay = arena.replaced(arena.take(rows(self.decay_rank)), size)
        key = arena.take(size)
        rate = arena.replaced(arena.take(rows(self.rate_rank)), size)
        scaled = arena.take(size)
        mixed_key = arena.take(size)
        arena.give(scaled)
        value = arena.take(size)
        if not self.first:
            difference = arena.take(size)
            arena.give(arena.replaced(arena.take(rows(self.value_rank)), size), difference)
        removal = arena.copied(key)
        negated = arena.take(size)
        arena.give(rate)
        output = arena.take(size + batch.states(width * self.head_length))
        arena.give(decay, negated, removal, state)
        output = arena.copied(arena.replaced(output, size))
        bonus = arena.take(size)
        arena.give(mixed_key, receptance)
        bonus = arena.replaced(arena.replaced(bonus, rows(width // self.head_length)), size)
        arena.give(bonus, None if self.first else value)
        low = arena.take(rows(self.gate_rank))
        arena.give(mixtures)
        arena.give(arena.replaced(low, size))
        return arena.copied(output)
