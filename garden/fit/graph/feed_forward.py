"""The part of a block that works on each token alone, as far as memory is concerned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from garden.fit.graph.arena import Arena, Block
from garden.fit.graph.batch import Batch
from garden.fit.graph.recurrence import StateSpace

#: A gate with a matrix of its own, with one fused to the up matrix, or no gate.
Gate = Literal["split", "fused", "none"]


class FeedForward(Protocol):
    """The part of a block that works on each token alone."""

    def place(self, arena: Arena, batch: Batch, normed: Block | None, width: int) -> Block:
        """Place its results; the one of ``width`` floats per token is returned.

        Args:
            arena: Where.
            batch: Sizes.
            normed: Its input, given back once it was read; None when somebody else still needs it.
            width: Floats per token of input and result.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense:
    """A feed-forward part of two or three matrices.

    Attributes:
        hidden: Its width; 0 where a file leaves its matrices out, so that the normed input passes.
        gate: Whether and how it is gated.
    """

    hidden: int
    gate: Gate = "split"

    def place(self, arena: Arena, batch: Batch, normed: Block | None, width: int) -> Block:
        """Up and gate, activation, down."""
        rows = batch.rows
        if not self.hidden and normed is not None:
            return normed
        if self.gate == "none":
            activated = arena.take(rows(self.hidden))
            arena.give(normed)
        else:
            halves = (2,) if self.gate == "fused" else (1, 1)
            raw = [arena.take(rows(half * self.hidden)) for half in halves]
            arena.give(normed)
            activated = arena.take(rows(self.hidden))
            arena.give(*raw)
        result = arena.take(rows(width))
        arena.give(activated)
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Experts:
    """Routed experts, with a shared one or not.

    Attributes:
        count: Experts there are.
        used: Experts that a token takes.
        hidden: Width of one.
        shared: Width of the shared one, 0 for none.
        gate: As in Dense.
        weighed_first: The input is weighed before the experts see it (Llama 4).
        biased_choice: The choice has a bias of its own, so that the probabilities are copied.
        ahead: The Mamba layer that comes next, whose history is read before the shared expert runs.
    """

    count: int
    used: int
    hidden: int
    shared: int = 0
    gate: Gate = "split"
    weighed_first: bool = False
    biased_choice: bool = False
    ahead: StateSpace | None = None

    def place(self, arena: Arena, batch: Batch, normed: Block | None, width: int) -> Block:
        """The choice, the experts, their weighed sum, the shared expert."""
        rows = batch.rows
        logits = arena.take(rows(self.count))
        biased = arena.take(rows(self.count)) if self.biased_choice else Block(0, 0)
        order = arena.take(rows(self.count))
        weights = arena.take(rows(self.used))
        arena.give(logits, biased)
        seen = arena.take(rows(self.used * width)) if self.weighed_first else Block(0, 0)
        if self.gate == "split":
            raw = arena.take(rows(self.used * self.hidden)), arena.take(rows(self.used * self.hidden))
        elif self.gate == "fused":
            raw = arena.take(rows(2 * self.used * self.hidden)), Block(0, 0)
        else:
            raw = Block(0, 0), Block(0, 0)
        if not self.shared:
            arena.give(normed)
        activated = arena.take(rows(self.used * self.hidden))
        arena.give(*raw, seen)
        each = arena.take(rows(self.used * width))
        arena.give(activated, order, weights)
        result = arena.take(rows(width))
        arena.give(each)
        if self.ahead is not None:
            self.ahead.begin(arena, batch)
        if self.shared:
            other = Dense(hidden=self.shared, gate="none" if self.gate == "none" else "split")
            arena.give(other.place(arena, batch, normed, width))
        return result
