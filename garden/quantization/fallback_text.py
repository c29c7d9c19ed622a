"""What is told of tensors that take another type than the one asked for."""

from __future__ import annotations


def fallback_sentence(count: int) -> str:
    """Why a file holds tensors of other types; empty when it holds none.

    Args:
        count: Tensors whose rows the type's blocks do not divide.
    """
    if not count:
        return ""
    subject = "1 tensor takes" if count == 1 else f"{count:,} tensors take"
    rows = "its rows" if count == 1 else "their rows"
    return f"{subject} a larger type, because the type's blocks do not divide {rows}."
