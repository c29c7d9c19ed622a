"""What loads on this machine showed beyond the engine's buffers, for the forecasts that follow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMargin:
    """What a GPU lost beyond the buffers that were put there: the driver's context, mostly.

    Attributes:
        device: The engine's name of it.
        size_bytes: The most that was seen, and some more.
        loads: Loads that it rests on.
    """

    device: str
    size_bytes: int
    loads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedMargins:
    """Margins that replace the ones for any machine; None for what was not seen yet.

    Attributes:
        process_bytes: A model's process without the model: its resident high-water mark less what was forecast of the
            rest. The median.
        gpu_process_bytes: The same of a process with the driver of a GPU.
        process_loads: Loads that they rest on.
        ram_bytes: By how much free memory fell further than was forecast. The most that was seen, within bounds.
        ram_loads: Loads that it rests on.
        gpus: Of each GPU that held a model.
    """

    process_bytes: int | None = None
    gpu_process_bytes: int | None = None
    process_loads: int = 0
    ram_bytes: int | None = None
    ram_loads: int = 0
    gpus: tuple[DeviceMargin, ...] = ()

    def of_device(self, device: str) -> DeviceMargin | None:
        """What was learned of a GPU."""
        return next((margin for margin in self.gpus if margin.device == device), None)
