"""How ggml packs the intermediate results of a graph: best fit among the holes, else at the end (``ggml-alloc.c``)."""

from __future__ import annotations

from typing import NamedTuple


class Block(NamedTuple):
    """A piece of the buffer, in floats per token or in bytes: the unit of whoever takes it."""

    offset: int
    size: int


#: Offset and size of what is free between what is taken.
Hole = tuple[int, int]

#: The end of what is taken, the holes before it, and what is kept for a later block.
Layout = tuple[int, tuple[Hole, ...], tuple[Block, ...]]

#: Without the detour over the arguments' names: forecasts place hundreds of results in a fraction of a millisecond.
_new = tuple.__new__


class Arena:
    """A buffer that grows only when no hole is large enough.

    Args:
        start: Offset of the first result.

    Attributes:
        peak: Where the buffer ends that results so far need.
        kept: What a block made for a later one.
    """

    def __init__(self, start: int = 0) -> None:
        self.peak = start
        self.kept: tuple[Block, ...] = ()
        self._end = start
        # Holes by offset, none of them at the end.
        self._holes: list[Hole] = []

    @property
    def layout(self) -> Layout:
        """What is free now: all that the place of the next results depends on."""
        return self._end, tuple(self._holes), self.kept

    def restore(self, layout: Layout, peak: int) -> None:
        """Go on from a layout that results led to before, and from the peak they came to."""
        self.peak = max(self.peak, peak)
        self._end, self._holes, self.kept = layout[0], list(layout[1]), layout[2]

    def take(self, size: int) -> Block:
        """Place a result; of equal holes the last one, as ggml does."""
        holes = self._holes
        best = index = -1
        room = 0
        for _offset, free in holes:
            index += 1
            if free >= size and (best < 0 or free <= room):
                best, room = index, free
        if best >= 0:
            offset = holes[best][0]
            if room == size:
                del holes[best]
            else:
                holes[best] = (offset + size, room - size)
            return _new(Block, (offset, size))
        offset = self._end
        self._end = end = offset + size
        self.peak = max(self.peak, end)
        return _new(Block, (offset, size))

    def give(self, *blocks: Block | None) -> None:
        """Results that nothing reads any more; neighbouring holes become one. None is nobody's to give."""
        holes = self._holes
        for block in blocks:
            if block is None or not block[1]:
                continue
            offset, size = block
            end = offset + size
            # The first hole behind it.
            index = 0
            for start, free in holes:
                if start >= offset:
                    if start == end:
                        end += free
                        del holes[index]
                    break
                index += 1
            if index:
                start, free = holes[index - 1]
                if start + free == offset:
                    index -= 1
                    offset = start
                    del holes[index]
            if end == self._end:
                self._end = offset
            else:
                holes.insert(index, (offset, end - offset))

    def replaced(self, block: Block, size: int) -> Block:
        """Place a result whose maker reads ``block`` for the last time."""
        result = self.take(size)
        self.give(block)
        return result

    def copied(self, block: Block) -> Block:
        """Place a result of the same size whose maker reads ``block`` for the last time, but not in its place."""
        return self.replaced(block, block.size)
