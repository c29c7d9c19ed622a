"""The machine: memory at any moment, GPUs and engine from a short-lived child."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path

import msgspec

from garden.core.added_backend import added_backends
from garden.core.errors import GardenError, TimeLimitError, WorkerDiedError
from garden.core.events import EventBus, MachineRead
from garden.core.hardware_snapshot import EngineBackend, HardwareSnapshot
from garden.core.held_memory import HeldMemory
from garden.core.learned_margins import LearnedMargins
from garden.core.messages import Probe, Probed, ProbeOutput
from garden.core.paths import cache_dir
from garden.core.quantity import MIB
from garden.hardware import probe
from garden.jobs.handle import Handle
from garden.jobs.pool import TaskPool
from garden.process.task import run_task
from garden.services.bookkeeping import bookkeeping
from garden.store.atomic_file import write_atomically

#: A driver that hangs must not keep the machine from being shown; a sleeping GPU needs some seconds.
_LIMIT_SECONDS = 30.0

#: A reading of the memory is this fresh: longer than between two looks of the window, so that all its figures are of
#: one moment.
_FRESH_SECONDS = 5.0

#: Free memory moves all the time; less is not announced, and every figure stays as it was.
_MOVE_BYTES = 64 * MIB


class MachineService:
    """Reads the machine.

    Args:
        bus: Where new readings are announced.
        pool: Runs the probe.
        promised: What loads and measurements under way will take of the RAM, but for those by the processes given: they
            are counted as loaded. Asked for each reading; asks no disk.
        recall: Reads what readings carry and the disk keeps: what loads showed, what is loaded. May wait.
    """

    def __init__(
        self,
        bus: EventBus,
        pool: TaskPool,
        promised: Callable[[Collection[int]], int] = lambda _loaded: 0,
        recall: Callable[[], None] = lambda: None,
    ) -> None:
        self._bus = bus
        self._pool = pool
        self._lock = threading.Lock()
        self._probed = self._remembered()
        self._engine_files = _engine_files()
        self._latest: HardwareSnapshot | None = None
        self._learned: LearnedMargins | None = None
        self._held: Callable[[], tuple[HeldMemory, ...]] = tuple
        self._promised = promised
        self._recall = recall

    @property
    def learned(self) -> LearnedMargins | None:
        """What loads on this machine showed; None before any did."""
        return self._learned

    def learn(self, margins: LearnedMargins | None) -> None:
        """Let every reading from now on carry what loads showed."""
        with self._lock:
            self._learned = margins
            if self._latest is not None:
                self._latest = dataclasses.replace(self._latest, learned=margins)

    def count(self, held: Callable[[], tuple[HeldMemory, ...]]) -> None:
        """Let every reading from now on carry what loaded models hold.

        Args:
            held: Tells it; asks no disk.
        """
        with self._lock:
            self._held, self._latest = held, None

    @property
    def probed(self) -> bool:
        """Whether GPUs and engine are known, from this session or an earlier one."""
        return self._probed is not None

    def engine_changed(self) -> bool:
        """Whether engine and added backends are others than when they were probed last, or known to be so; quick.

        Each change is told once, so that one that cannot be probed is not tried again and again.
        """
        files = _engine_files()
        with self._lock:
            before, self._engine_files = self._engine_files, files
        return files != before and self.probed

    def snapshot(self) -> HardwareSnapshot:
        """The machine now; quick. GPUs and engine are those of the last probe, none before the first.

        The same reading for some seconds, so that whoever forecasts meanwhile does so against the same memory.
        """
        with self._lock:
            if self._latest is None or time.time() - self._latest.taken_at > _FRESH_SECONDS:
                self._latest = self._taken()
            return self._latest

    def _taken(self) -> HardwareSnapshot:
        found = self._probed
        read = probe.snapshot(found.engine, found.gpus) if found else probe.snapshot()
        held = self._held()
        promised = self._promised({model.pid for model in held})
        return dataclasses.replace(read, learned=self._learned, ram_promised_bytes=promised, held=held)

    def look(self) -> HardwareSnapshot:
        """Read the memory again; announced where it moved, so that all forecasts follow. Waits for the disk.

        Where it did not move the figures stay those of the reading before.
        """
        self._count()
        with self._lock:
            before, now = self._latest, self._taken()
            moved = before is None or abs(now.ram_free_bytes - before.ram_free_bytes) >= _MOVE_BYTES
            if before is not None and not moved and before.ram_total_bytes == now.ram_total_bytes:
                now = dataclasses.replace(before, taken_at=now.taken_at)
            self._latest = now
        if before is not None and moved:
            self._bus.publish(MachineRead(snapshot=now))
        return now

    def _count(self) -> None:
        with bookkeeping("What loaded models hold"):
            self._recall()

    def read(self) -> HardwareSnapshot:
        """The machine now, with GPUs and engine; probes them when that was never done. Blocks for about 0.5 s then.

        Raises:
            GardenError: The probe failed.
        """
        self._count()
        return self.snapshot() if self.probed else self._probe(threading.Event())

    def fresh(self) -> HardwareSnapshot:
        """The machine at this very moment, for whoever is about to take memory; GPUs in use are probed again (0.5 s).

        One that sleeps is woken: the load would do so in a moment, and only then its free memory can be told.

        Raises:
            GardenError: The probe failed.
        """
        self._count()
        if any(gpu.device is not None for gpu in self.snapshot().gpus):
            return self._probe(threading.Event(), wake=True)
        with self._lock:
            self._latest = None
        return self.snapshot()

    def tell(self) -> None:
        """Announce the machine as it is after a model was loaded or unloaded; GPUs in use are probed for it.

        Returns at once; where a probe fails the next reading tells.
        """
        if any(gpu.device is not None for gpu in self.snapshot().gpus):
            self._pool.submit(self._probe)
            return
        with self._lock:
            self._latest = None
        self._bus.publish(MachineRead(snapshot=self.snapshot()))

    def refresh(self, *, wake: bool = False) -> Handle[HardwareSnapshot]:
        """Probe GPUs and engine again; announced when done.

        Args:
            wake: GPUs that sleep may be woken; only when the user asks for it.
        """
        return self._pool.submit(lambda cancelled: self._probe(cancelled, wake=wake))

    def _probe(self, cancelled: threading.Event, *, wake: bool = False) -> HardwareSnapshot:
        known, files = self._probed, _engine_files()
        request = Probe(known=known.gpus, engine=known.engine, wake=wake) if known else Probe(wake=wake)
        found = self._look(request, cancelled)
        with self._lock:
            self._probed, self._latest, self._engine_files = found, None, files
        self._remember(found)
        snapshot = self.snapshot()
        self._bus.publish(MachineRead(snapshot=snapshot))
        return snapshot

    @staticmethod
    def _look(request: Probe, cancelled: threading.Event) -> Probed:
        """Ask a child; where an added backend takes it down, ask again without them and say so."""
        added = added_backends()
        try:
            return run_task(
                "probe",
                request,
                ProbeOutput,
                Probed,
                cancelled=cancelled,
                limit_seconds=_LIMIT_SECONDS,
            )
        except (WorkerDiedError, TimeLimitError):
            if not added:
                raise
        alone = msgspec.structs.replace(request, added=False)
        found = run_task("probe", alone, ProbeOutput, Probed, cancelled=cancelled, limit_seconds=_LIMIT_SECONDS)
        names = " ".join(record.name for record in added)
        problem = f"Loading it takes the engine down: remove it with `garden engine remove {names}`."
        left_out = tuple(EngineBackend.left_out(record, problem) for record in added)
        backends = (*found.engine.backends, *left_out)
        engine = dataclasses.replace(found.engine, backends=backends)
        return msgspec.structs.replace(found, engine=engine)

    @staticmethod
    def _remembered() -> Probed | None:
        """The last probe, when it speaks of the engine and the added backends that are here now."""
        with contextlib.suppress(OSError, msgspec.DecodeError, importlib.metadata.PackageNotFoundError):
            found = msgspec.json.decode((cache_dir() / "probe.json").read_bytes(), type=Probed)
            added = {backend.added for backend in found.engine.backends if backend.added is not None}
            same_backends = added == {record.name for record in added_backends()}
            if same_backends and found.engine.version == importlib.metadata.version("llama-cpp-python"):
                return found
        return None

    @staticmethod
    def _remember(found: Probed) -> None:
        with contextlib.suppress(GardenError):
            write_atomically(cache_dir() / "probe.json", msgspec.json.encode(found))


def _engine_files() -> tuple[object, ...]:
    """What tells an engine, and the backends added to it, from others without loading any of them."""
    added = tuple((record.name, record.sha256) for record in added_backends())
    try:
        engine = importlib.metadata.distribution("llama-cpp-python")
        # A build of the same version with another backend writes other libraries.
        return engine.version, Path(str(engine.locate_file("llama_cpp/lib"))).stat().st_mtime_ns, added
    except importlib.metadata.PackageNotFoundError:
        return None, 0, added
    except OSError:
        return engine.version, 0, added
