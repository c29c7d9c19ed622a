"""Whether one more model fits beside what is loaded: one place that counts what every pane holds and will need."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

from garden.core.errors import OutOfMemoryError
from garden.core.fit_forecast import DeviceMemory, FitForecast, Verdict
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.quantity import format_bytes
from garden.core.run_configuration import RunConfiguration
from garden.fit.devices import gpu_budgets
from garden.services.bookings import Bookings
from garden.services.fit import FitService
from garden.services.held_models import HeldModels
from garden.services.machine import MachineService
from garden.store.loaded_models import LoadedModels


class Admission:
    """Forecasts a load against the memory that is really left.

    Args:
        fit: Forecasts.
        machine: What is free.
        loaded: What all Gardens on this machine have loaded.
        held: What these models hold.
        bookings: Loads and measurements of this program under way.
    """

    def __init__(
        self,
        fit: FitService,
        machine: MachineService,
        loaded: LoadedModels,
        held: HeldModels,
        bookings: Bookings | None = None,
    ) -> None:
        self._fit = fit
        self._machine = machine
        self._loaded = loaded
        self._held = held
        self.bookings = bookings or Bookings()

    def forecast(self, configuration: RunConfiguration, *, without: Sequence[int] = ()) -> FitForecast:
        """What a load will need, against the memory as it is this moment.

        Args:
            configuration: What would be loaded.
            without: Processes to think away: what they hold counts as free.

        Raises:
            GardenError: The file is gone or damaged.
        """
        self._held.reread()
        machine = self.bookings.limited(self._machine.fresh().without(without))
        return self._fit.forecast(configuration.model, configuration.load, machine)

    def booked(
        self, forecast: FitForecast | None, pid: Callable[[], int | None]
    ) -> contextlib.AbstractContextManager[None]:
        """Book for a load what was forecast for it, while it goes on.

        Args:
            forecast: Of the load; None books nothing.
            pid: Its process, None before it starts.
        """
        if forecast is None:
            return contextlib.nullcontext()
        # Forecasts list GPUs in the order of their budgets.
        on_gpus = tuple(zip(gpu_budgets(self._machine.snapshot()), forecast.devices, strict=False))
        left = {
            budget.device: memory.available_bytes - memory.need_bytes
            for budget, memory in on_gpus
            if memory.need_bytes and not budget.shared
        }
        # What lies on a GPU that shares the RAM is taken from the RAM.
        shared_bytes = sum(memory.need_bytes for budget, memory in on_gpus if budget.shared)
        return self.bookings.booked(forecast.need_of("ram") + shared_bytes, left, pid)

    def may_help(self, configuration: RunConfiguration, idle: Sequence[int]) -> bool:
        """Whether unloading these processes could make room; not told for GPUs, whose memory is the driver's."""
        if not idle:
            return False
        if _uses_gpu(self._machine.snapshot()):
            return True
        return self.forecast(configuration, without=idle).verdict is not Verdict.TOO_LARGE

    def refuse(
        self, configuration: RunConfiguration, forecast: FitForecast, *, others_answer: bool
    ) -> OutOfMemoryError:
        """The error that says what is short, and the ways out."""
        name = configuration.model.name
        sentence = f"{name} does not fit into the memory that is free."
        if forecast.need_bytes is not None and forecast.devices:
            free = sum(max(device.available_bytes, 0) for device in forecast.devices)
            sentence = f"{name} needs {format_bytes(forecast.need_bytes)} and {format_bytes(free)} are free."
        short = _short_gpu(forecast)
        if short is not None:
            sentence = (
                f"{name} needs {format_bytes(short.need_bytes)} on {short.name}, "
                f"where {format_bytes(short.available_bytes)} are free."
            )
            action = "Put fewer layers on the GPU, or choose a smaller context, a q8_0 cache or a smaller type."
            return OutOfMemoryError(sentence, action)
        elsewhere = sum(record.need_bytes for record in self._loaded.list() if not record.is_ours)
        if elsewhere:
            first = f"Unload what another window or command holds ({format_bytes(elsewhere)})"
        elif others_answer:
            first = "Wait for the other panes, or let them answer in relay"
        else:
            first = "Close other programs"
        return OutOfMemoryError(sentence, f"{first}, or choose a smaller context, a q8_0 cache or a smaller type.")


def _short_gpu(forecast: FitForecast) -> DeviceMemory | None:
    """The GPU that lacks most, None when all have room."""
    gpus = [device for device in forecast.devices if device.kind == "gpu" and device.required_bytes]
    short = [gpu for gpu in gpus if gpu.need_bytes > gpu.available_bytes]
    return max(short, key=lambda gpu: gpu.need_bytes - gpu.available_bytes, default=None)


def _uses_gpu(machine: HardwareSnapshot) -> bool:
    return any(gpu.device is not None for gpu in machine.gpus)
