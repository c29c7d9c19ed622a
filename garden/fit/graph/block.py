"""One block of a model: its parts, in the order in which their results come and go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from garden.fit.graph.arena import Arena, Block
from garden.fit.graph.attention import Attention, Mixer
from garden.fit.graph.batch import Batch
from garden.fit.graph.feed_forward import FeedForward
from garden.fit.graph.recurrence import StateSpace


class SideInputs(NamedTuple):
    """Inputs of all blocks beside the stream: looked up, then joined with a projection of the first stream.

    Attributes:
        looked_up: What was looked up; all blocks together.
        stream: The first stream, which is kept until it was projected. That is after the first block's own parts.
    """

    looked_up: Block
    stream: Block

    def project(self, arena: Arena) -> None:
        """Project the stream, norm it, add what was looked up, and sort by blocks; the result stays to the end."""
        projected = arena.take(self.looked_up.size)
        arena.give(self.stream)
        normed = arena.copied(projected)
        arena.give(self.looked_up)
        arena.copied(normed)


class Graph(Protocol):
    """A block."""

    @property
    def side_width(self) -> int:
        """Floats per token of a side input that each block adds, 0 for none."""

    @property
    def copies(self) -> int:
        """Streams side by side, 1 in most models."""

    @property
    def cut_short(self) -> bool:
        """Whether as the last block it works on the rows that are asked for alone, once it has mixed them."""

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
        """Place the block's results; ``stream`` is the input and given back, the output is returned.

        Args:
            arena: Where.
            batch: Sizes.
            width: Floats per token of the stream.
            stream: The input.
            last: Whether no block comes after it.
            side: Of the first block: side inputs of all blocks, which it makes.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class AltUpBlock:
    """A block of Gemma 3n: predicts four streams, computes one, corrects all.

    Attributes:
        mixer: Its attention.
        feed_forward: Its feed-forward part.
        side_width: Floats per token of the side input.
        copies: Streams.
        cut_short: Never.
    """

    mixer: Mixer
    feed_forward: FeedForward
    side_width: int
    copies: int = 4
    cut_short: bool = False

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
        """Predict, attend, feed forward, correct."""
        size = batch.rows(width)
        predicted = arena.copied(arena.copied(arena.take(self.copies * size)))
        arena.give(stream)
        normed = arena.take(size)
        laurel = arena.take(size)
        mixed = arena.replaced(self.mixer.place(arena, batch, normed, width), size)
        arena.give(laurel)
        result = self.feed_forward.place(arena, batch, arena.take(size), width)
        arena.give(mixed)
        innovation = arena.take(size)
        corrected = arena.take(self.copies * size)
        arena.give(innovation, result, predicted)
        gate = arena.replaced(arena.take(size), batch.rows(self.side_width))
        if side is not None:
            side.project(arena)
        arena.give(arena.replaced(gate, size))
        rest = arena.take((self.copies - 1) * size)
        joined = arena.take(self.copies * size)
        arena.give(rest, corrected)
        return joined


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockGraph:
    """One block.

    Attributes:
        mixer: Attention or its kin; None for a block of feed-forward alone.
        feed_forward: None for a block that only mixes.
        pre_norm: Whether inputs are normed before they are read.
        parallel: The feed-forward part reads the block's input, not the mixer's result.
        shares_norm: Of parallel parts: both read the same normed input.
        into_stream: Sums are written into the stream that is added to, not into what is added.
        mixes_into_stream: The mixer's sum alone is.
        mixer_first: Of parallel parts: the mixer's result is finished, and added to, first.
        ahead: Of attention: the Mamba layer that comes next, whose history is read before the output is multiplied.
        side_width: Floats per token of a side input that each block adds (Gemma 4), 0 for none.
        copies: Always 1.
        cut_short: As the last block it mixes all tokens and goes on with the rows that are asked for.
    """

    mixer: Mixer | None
    feed_forward: FeedForward | None
    pre_norm: bool = True
    parallel: bool = False
    shares_norm: bool = True
    into_stream: bool = False
    mixes_into_stream: bool = False
    mixer_first: bool = False
    ahead: StateSpace | None = None
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
        """Place the block's results; ``stream`` is the input and given back, the output is returned."""
        size = batch.rows(width)
        if isinstance(self.mixer, StateSpace) and not self.mixer.begun:
            self.mixer.begin(arena, batch)
        if last and self.cut_short:
            if self.mixer is not None:
                normed = arena.take(size) if self.pre_norm else None
                # A feed-forward part beside it reads the same input, of the rows asked for.
                kept = self.parallel and self.shares_norm and self.feed_forward is not None
                mixed = self.mixer.place(arena, batch, None if kept else normed, width)
                arena.give(arena.replaced(mixed, size), normed if kept else None)
            return stream
        if self.parallel and self.mixer is not None and self.feed_forward is not None:
            return self._place_parallel(arena, batch, width, stream)
        if self.mixer is not None:
            normed = arena.take(size) if self.pre_norm else None
            mixed = self.mixer.place(arena, batch, normed, width)
            if self.ahead is not None:
                self.ahead.begin(arena, batch)
                if batch.rotates_v:
                    mixed = arena.copied(mixed)
            mixed = arena.replaced(mixed, size)
            into_stream = self.into_stream or self.mixes_into_stream
            stream = _sum(arena, stream, mixed, into_stream=into_stream) if side is None else mixed
        if self.feed_forward is not None:
            normed = arena.take(size) if self.pre_norm else None
            result = self.feed_forward.place(arena, batch, normed, width)
            stream = _sum(arena, stream, result, into_stream=self.into_stream)
        if self.side_width:
            gate = arena.take(batch.rows(self.side_width))
            if side is not None:
                side.project(arena)
            arena.give(arena.replaced(gate, size))
        return stream

    def _place_parallel(self, arena: Arena, batch: Batch, width: int, stream: Block) -> Block:
        """The mixer's output matrix is multiplied last, so that its input waits while the feed-forward part runs."""
        assert self.mixer is not None
        assert self.feed_forward is not None
        size = batch.rows(width)
        normed = arena.take(size)
        mixed = self.mixer.place(arena, batch, None if self.shares_norm else normed, width)
        if self.mixer_first:
            mixed = arena.replaced(mixed, size)
        if not self.shares_norm:
            normed = arena.take(size)
        result = self.feed_forward.place(arena, batch, normed, width)
        if self.mixer_first:
            arena.give(result, stream)
            return mixed
        arena.give(stream)
        if batch.rotates_v:
            mixed = arena.copied(mixed)
        arena.give(arena.replaced(mixed, size))
        return result


def _sum(arena: Arena, stream: Block, added: Block, *, into_stream: bool) -> Block:
    arena.give(added if into_stream else stream)
    return stream if into_stream else added


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySideBlock:
    """A block of Falcon H1: attention and a Mamba layer read the same input, each normed for itself.

    Attributes:
        mixer: Its attention.
        state_space: Its Mamba layer.
        feed_forward: Its feed-forward part.
        side_width: Always 0.
        copies: Always 1.
        cut_short: Always.
    """

    mixer: Attention
    state_space: StateSpace
    feed_forward: FeedForward
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
        """Attend, scan, multiply with the output matrix of the one and the other, feed forward."""
        size = batch.rows(width)
        attended = self.mixer.place(arena, batch, arena.take(size), width)
        self.state_space.begin(arena, batch)
        scanned = self.state_space.scan(arena, batch, arena.take(size))
        if batch.rotates_v:
            attended = arena.copied(attended)
        mixed = arena.replaced(attended, size)
        arena.give(arena.replaced(self.state_space.finish(arena, batch, scanned), size))
        if last:
            arena.give(mixed)
            return stream
        arena.give(stream)
        result = self.feed_forward.place(arena, batch, arena.take(size), width)
        arena.give(mixed)
        return result
