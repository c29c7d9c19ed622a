"""What making a type takes, from runs on this machine and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from garden.core.receipt import QuantizationReceipt

#: What is said where no run tells.
NOT_MEASURED = "not measured yet"


@dataclass(frozen=True, slots=True)
class ExpectedRun:
    """What one quantization will take.

    Attributes:
        seconds: Wall-clock time.
        peak_memory_bytes: Of the process that does it.
    """

    seconds: float
    peak_memory_bytes: int


def expected_run(
    receipts: Sequence[QuantizationReceipt], source_path: str | None, quant_type: str
) -> ExpectedRun | None:
    """What the same source took before: the same type's newest run, else the mean of the other types'.

    Args:
        receipts: What was made on this machine, the newest first.
        source_path: What is quantized.
        quant_type: What it becomes.

    Returns:
        None when this source was never quantized here: runs of other models tell nothing of it.
    """
    earlier = [receipt for receipt in receipts if receipt.source_path == source_path]
    alike = [receipt for receipt in earlier if receipt.quant_type == quant_type][:1] or earlier
    if not alike:
        return None
    seconds = sum(receipt.seconds for receipt in alike) / len(alike)
    return ExpectedRun(seconds, max(receipt.peak_memory_bytes for receipt in alike))
