"""What making types will take: exact bytes, and time and memory as earlier runs here on the same source took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from garden.core.library_entry import LibraryEntry
from garden.core.receipt import QuantizationReceipt
from garden.gui.viewmodels.quant_table import QuantRow
from garden.quantization.own_runs import expected_run


@dataclass(frozen=True, slots=True)
class Estimate:
    """What making the chosen types will take.

    Attributes:
        size_bytes: To write, exact.
        seconds: From earlier runs on this source on this machine, None when there was none.
        peak_memory_bytes: The same.
    """

    size_bytes: int
    seconds: float | None
    peak_memory_bytes: int | None


def estimate(
    chosen: Sequence[QuantRow], source: LibraryEntry | None, receipts: Sequence[QuantizationReceipt]
) -> Estimate:
    """Add up what is known; nothing is guessed from other models.

    Args:
        chosen: The types to make.
        source: What to make them of.
        receipts: What was made here so far.
    """
    size = sum(row.forecast.size_bytes for row in chosen if row.forecast)
    path = source.ref.path if source is not None else None
    runs = [run for row in chosen if (run := expected_run(receipts, path, row.quant_type)) is not None]
    if not runs:
        return Estimate(size, None, None)
    return Estimate(size, sum(run.seconds for run in runs), max(run.peak_memory_bytes for run in runs))


def tensor_shares(sizes: Sequence[tuple[str, int]]) -> dict[str, float]:
    """Share of a file per tensor type, 0..1.

    Args:
        sizes: Type and bytes of each tensor.
    """
    shares: dict[str, float] = {}
    total = sum(size for _kind, size in sizes) or 1
    for kind, size in sizes:
        shares[kind] = shares.get(kind, 0.0) + size / total
    return shares
