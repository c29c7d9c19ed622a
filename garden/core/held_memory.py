"""What models that Garden has loaded hold of a device's memory."""

from __future__ import annotations

from dataclasses import dataclass

#: Stands for the machine's own memory among the engine's names of devices.
RAM = "RAM"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldMemory:
    """What one loaded model holds on one device.

    Attributes:
        pid: Its process.
        device: ``RAM``, or the engine's name of a GPU, e.g. ``CUDA0``.
        size_bytes: What it holds there, or will hold once its cache is written to.
        taken_bytes: So much of that is taken already: no reading of the machine counts it as free.
    """

    pid: int
    device: str
    size_bytes: int
    taken_bytes: int

    @property
    def promised_bytes(self) -> int:
        """What it will still take."""
        return max(0, self.size_bytes - self.taken_bytes)
