"""Another machine, for "what if": how much memory it has, and of which kind."""

from __future__ import annotations

import re
from dataclasses import dataclass

from garden.core.quantity import GIB

_SIZE_AT_END = re.compile(r"[ ,]*\d+ GB$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImaginedMachine:
    """A machine that is not this one. Sizes are the sold ones, in binary gigabytes.

    Attributes:
        ram_bytes: Its RAM; with unified memory all of it.
        gpu_bytes: Memory of its GPU; None for none, or when it shares the RAM.
        unified: A GPU shares the RAM.
        gpu_limit_bytes: How much of shared RAM the GPU may use; None when that is not known.
        name: Of machine or card, as the catalogue names it; empty when it was typed in.
        catalogue_id: Which one of the catalogue it is, None when it was typed in.
        memory_bandwidth_bytes_per_second: Published peak of the memory that models are read from fastest: the card's,
            the shared one, or the RAM of a machine without a GPU; None when it was typed in.
        basis: Where its figures are from, one line; empty when it was typed in.
    """

    ram_bytes: int
    gpu_bytes: int | None = None
    unified: bool = False
    gpu_limit_bytes: int | None = None
    name: str = ""
    catalogue_id: str | None = None
    memory_bandwidth_bytes_per_second: int | None = None
    basis: str = ""

    @property
    def title(self) -> str:
        """``MacBook Air M2, 16 GB shared``, ``GeForce RTX 4090, 24 GB + 32 GB RAM``, ``32 GB RAM, no GPU``."""
        ram = f"{_sold(self.ram_bytes)} GB"
        plain = _SIZE_AT_END.sub("", self.name)
        if self.unified:
            return f"{plain}, {ram} shared" if plain else f"{ram} shared"
        if self.gpu_bytes:
            return f"{plain or 'GPU'}, {_sold(self.gpu_bytes)} GB + {ram} RAM"
        return self.name or f"{ram} RAM, no GPU"


def _sold(size_bytes: int) -> str:
    return f"{size_bytes / GIB:.1f}".removesuffix(".0")
