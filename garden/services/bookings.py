"""Memory that is spoken for before it is taken: loads and measurements under way, which no list of models shows yet."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Collection, Iterator, Mapping

from garden.core.errors import OutOfMemoryError
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.quantity import format_bytes
from garden.services.held_models import resident_bytes


class Bookings:
    """What this program's loads and measurements under way will take. Safe to use from any thread."""

    def __init__(self) -> None:
        self._open: list[_Booking] = []
        self._lock = threading.Lock()
        self._deciding = threading.RLock()

    @contextlib.contextmanager
    def deciding(self) -> Iterator[None]:
        """One at a time looks whether there is room and books it: two would both find the same memory free."""
        with self._deciding:
            yield

    @contextlib.contextmanager
    def booked(
        self,
        ram_bytes: int,
        gpu_left: Mapping[str, int] | None = None,
        pid: Callable[[], int | None] = lambda: None,
    ) -> Iterator[None]:
        """Book for the time of a block.

        Args:
            ram_bytes: What it will need of the RAM.
            gpu_left: What it will leave of each GPU, by the engine's name of it.
            pid: The process that takes it, None while there is none; what it has taken shows in readings already.
        """
        booking = _Booking(ram_bytes, gpu_left or {}, pid)
        with self._lock:
            self._open.append(booking)
        try:
            yield
        finally:
            with self._lock:
                self._open.remove(booking)

    def ram_bytes(self, loaded: Collection[int] = ()) -> int:
        """What is booked of the RAM and not taken yet.

        Args:
            loaded: Processes whose bookings do not count, since what they hold and will take is counted as loaded.
        """
        with self._lock:
            bookings = tuple(self._open)
        pids = ((booking, booking.pid()) for booking in bookings)
        return sum(max(0, booking.ram_bytes - _held(pid)) for booking, pid in pids if pid not in loaded)

    def limited(self, machine: HardwareSnapshot) -> HardwareSnapshot:
        """A reading with no more free on GPUs than what bookings will leave there."""
        with self._lock:
            bookings = tuple(self._open)
        left = {device: size for booking in bookings for device, size in booking.gpu_left.items()}
        gpus = tuple(
            dataclasses.replace(gpu, memory_free_bytes=max(0, min(gpu.memory_free_bytes, left[gpu.device])))
            if gpu.device in left and gpu.memory_free_bytes is not None
            else gpu
            for gpu in machine.gpus
        )
        return dataclasses.replace(machine, gpus=gpus)

    @contextlib.contextmanager
    def measuring(
        self,
        read: Callable[[], HardwareSnapshot],
        ram_bytes: int,
        gpu_bytes: Mapping[str, int] | None = None,
        pid: Callable[[], int | None] = lambda: None,
    ) -> Iterator[None]:
        """Book for a measurement, which makes no room for itself: what is loaded stays.

        Args:
            read: Reads the machine at this moment.
            ram_bytes: What it needs of the RAM.
            gpu_bytes: What it needs of each GPU, by the engine's name of it.
            pid: The process that takes it, None while there is none.

        Raises:
            OutOfMemoryError: There is not so much free.
        """
        with contextlib.ExitStack() as stack:
            with self.deciding():
                machine = self.limited(read())
                _check(ram_bytes, machine.ram_free_bytes, "")
                free = {gpu.device: gpu.memory_free_bytes for gpu in machine.gpus if gpu.device is not None}
                left = {}
                for device, size in (gpu_bytes or {}).items():
                    there = free.get(device)
                    if there is not None:
                        _check(size, there, f" on {device}")
                        left[device] = there - size
                stack.enter_context(self.booked(ram_bytes, left, pid))
            yield


@dataclasses.dataclass(frozen=True, eq=False)
class _Booking:
    ram_bytes: int
    gpu_left: Mapping[str, int]
    pid: Callable[[], int | None]


def _held(pid: int | None) -> int:
    return 0 if pid is None else resident_bytes(pid)


def _check(needed: int, free: int, where: str) -> None:
    if needed > free:
        raise OutOfMemoryError(
            f"Measuring needs {format_bytes(needed)}{where} and {format_bytes(max(0, free))} are free.",
            "Unload models or close other programs, then measure again.",
        )
