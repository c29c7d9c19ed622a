"""How ggml packs the intermediate results of a graph: best fit among the holes, else at the end (``ggml-alloc.c``)."""

from __future__ import annotations

from typing import NamedTuple


class Block(NamedTuple):
    """A piece of the buffer, in floats per token or in bytes: the unit of whoever takes it."""

    offset: int
    size: int


#: The end of what is taken, the holes before it, and what is kept for a later block.
Layout = tuple[int, tuple[Block, ...], tuple[Block, ...]]


class Arena:
    """A buffer that grows only when no hole is large enough.

    Attributes:
        peak: The size that the buffer ends up with.
        kept: What a block made for a later one.
    """

    def __init__(self) -> None:
        self.peak = 0
        self.kept: tuple[Block, ...] = ()
        self._end = 0
        # Holes by offset, none of them at the end.
        self._holes: list[Block] = []

    @property
    def layout(self) -> Layout:
        """What is free now: all that the place of the next results depends on."""
        return self._end, tuple(self._holes), self.kept

    def restore(self, layout: Layout) -> None:
        """Go on from a layout that this buffer had before."""
        self._end, self._holes, self.kept = layout[0], list(layout[1]), layout[2]

    def take(self, size: int) -> Block:
        """Place a result; of equal holes the last one, as ggml does."""
        best = -1
        for index, hole in enumerate(self._holes):
            if hole.size >= size and (best < 0 or hole.size <= self._holes[best].size):
                best = index
        if best >= 0:
            hole = self._holes[best]
            if hole.size == size:
                del self._holes[best]
            else:
                self._holes[best] = Block(hole.offset + size, hole.size - size)
            return Block(hole.offset, size)
        block = Block(self._end, size)
        self._end += size
        self.peak = max(self.peak, self._end)
        return block

    def give(self, *blocks: Block | None) -> None:
        """Results that nothing reads any more; neighbouring holes become one. None is nobody's to give."""
        for block in blocks:
            if block is not None and block.size:
                self._give(block)

    def replaced(self, block: Block, size: int) -> Block:
        """Place a result whose maker reads ``block`` for the last time."""
        result = self.take(size)
        self.give(block)
        return result

    def copied(self, block: Block) -> Block:
        """Place a result of the same size whose maker reads ``block`` for the last time, but not in its place."""
        return self.replaced(block, block.size)

    def _give(self, block: Block) -> None:
        index = 0
        while index < len(self._holes) and self._holes[index].offset < block.offset:
            index += 1
        offset, end = block.offset, block.offset + block.size
        if index < len(self._holes) and self._holes[index].offset == end:
            end = self._holes[index].offset + self._holes[index].size
            del self._holes[index]
        if index and self._holes[index - 1].offset + self._holes[index - 1].size == offset:
            index -= 1
            offset = self._holes[index].offset
            del self._holes[index]
        if end == self._end:
            self._end = offset
        else:
            self._holes.insert(index, Block(offset, end - offset))
