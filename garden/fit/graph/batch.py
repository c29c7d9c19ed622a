"""What the compute buffer is reserved for: one micro-batch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What the buffers are reserved for.

    Attributes:
        tokens: Of one micro-batch.
        sequences: That the tokens are shared out over.
        full_cells: Cells that a full layer attends to, per stream.
        sliding_cells: Cells that a sliding layer attends to, per stream.
        streams: Caches side by side.
        flash: Whether attention is fused.
        casts_k: Fused attention reads f16, so that a K cache in f32 is cast.
        casts_v: The same for the V cache.
        rotates_k: A quantized K cache is rotated before it is stored.
        rotates_v: A quantized V cache is rotated before it is stored.
    """

    tokens: int
    sequences: int
    full_cells: int
    sliding_cells: int
    streams: int
    flash: bool
    casts_k: bool = False
    casts_v: bool = False
    rotates_k: bool = False
    rotates_v: bool = False

    def rows(self, width: int) -> int:
        """Bytes of a result of so many floats per token."""
        return 4 * width * self.tokens

    def states(self, values: int) -> int:
        """Bytes of so many floats per sequence."""
        return 4 * values * self.sequences
