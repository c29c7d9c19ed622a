"""Columns of the table of types: their widths, and which of them go when there is little room."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from garden.gui.viewmodels.quant_table import QuantColumn, QuantRow

#: Columns of QuantColumn, gaps included; the memory bar grows.
WIDTHS = (20 + 15, 16 + 66, 16 + 62, 16 + 36, 16 + 122, None, 16 + 108, 16 + 36, 16 + 126, 16 + 108 + 20)
#: Room left of each title.
INSETS = (20, 16, 16, 16, 16, 16, 16, 16, 16, 16)
#: Room right of the last column.
END = 20

#: The least that the memory bar needs.
_LEAST_MEMORY = 16 + 84

#: Columns that make room when there is little, what matters least first; the chart tells published losses as well.
_SPARED = (QuantColumn.PUBLISHED, QuantColumn.BITS, QuantColumn.NOTE, QuantColumn.SPEED)


def hidden_columns(rows: Sequence[QuantRow], room: int, px: Callable[[float], int]) -> list[int]:
    """Columns that would say nothing, and those that have to go so that no other is cut.

    Args:
        rows: What the table shows.
        room: Its width in logical pixels.
        px: Logical pixels at this text size.
    """
    hidden = []
    if not any(row.entry and row.entry.decode_tokens_per_second for row in rows):
        hidden.append(QuantColumn.SPEED)
    if not any(row.published for row in rows):
        hidden.append(QuantColumn.PUBLISHED)
    for spared in (None, *_SPARED):
        if spared is not None and spared not in hidden:
            hidden.append(spared)
        shown = (px(_LEAST_MEMORY if width is None else width) for n, width in enumerate(WIDTHS) if n not in hidden)
        if sum(shown) <= room:
            break
    return [column.value for column in hidden]
