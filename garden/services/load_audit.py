"""Every real load beside its forecasts, and what this machine learns from them."""

from __future__ import annotations

import dataclasses
import logging
import threading
import time

from garden.core.conversation import GenerationMetrics
from garden.core.errors import GardenError
from garden.core.fit_forecast import FitForecast
from garden.core.learned_margins import LearnedMargins
from garden.core.messages import ModelLoaded
from garden.core.residency import FreeMemory, ResidentForecast, ResidentMarks
from garden.fit.learning import SeenLoad, learned_margins
from garden.hardware.memory import read_memory
from garden.services.machine import MachineService
from garden.store.forecasts import Forecasts, LoadRecord

_log = logging.getLogger(__name__)

#: So many of the newest loads are learned from.
_LEARNED_FROM = 64

_RAM = "CPU"


class LoadAudit:
    """Keeps forecasts beside what was seen, and lets the machine's readings carry what was learned.

    Safe to use from any thread.

    Args:
        forecasts: Where loads are kept.
        machine: Whose readings carry what was learned.
    """

    def __init__(self, forecasts: Forecasts, machine: MachineService) -> None:
        self._forecasts = forecasts
        self._machine = machine
        self._lock = threading.Lock()
        self._recalled = False
        self._seen: tuple[SeenLoad, ...] = ()
        self._open: dict[str, tuple[LoadRecord, SeenLoad]] = {}

    @property
    def learned(self) -> LearnedMargins | None:
        """What loads showed; None before any did."""
        return self._machine.learned

    def recall(self) -> None:
        """Learn from loads of earlier sessions; waits for the disk the first time."""
        with self._lock:
            if self._recalled:
                return
            self._recalled = True
            try:
                earlier = self._forecasts.list(limit=_LEARNED_FROM)
            except GardenError as error:
                _log.warning("What earlier loads showed was not read: %s", error)
                return
            self._learn((*self._seen, *map(seen_load, earlier)))

    @staticmethod
    def free_ram() -> int:
        """What the RAM has free at this moment; to be asked right before a load."""
        return read_memory().available_bytes

    def loaded(
        self,
        loaded: ModelLoaded,
        forecast: FitForecast | None,
        resident: ResidentForecast | None = None,
        free_ram_before: int | None = None,
    ) -> str:
        """Keep a load right after it; its id.

        Args:
            loaded: What the engine made of it.
            forecast: Of its buffers.
            resident: Of its resident set.
            free_ram_before: What ``free_ram`` said before.

        Raises:
            StateError: It cannot be kept.
        """
        free = loaded.gpu_free
        if free_ram_before is not None:
            after = read_memory().available_bytes
            free = (FreeMemory(device=_RAM, before_bytes=free_ram_before, after_bytes=after, source="driver"), *free)
        record = LoadRecord(
            loaded=loaded,
            forecast=forecast,
            loaded_at=time.time(),
            resident=resident,
            marks=ResidentMarks(
                resident_bytes=loaded.peak_resident_bytes,
                gpu_bytes=sum(max(0, device.taken_bytes) for device in loaded.gpu_free) or None,
            ),
            free=free,
        )
        # Before it is among them.
        self.recall()
        load_id = self._forecasts.keep(record)
        seen = seen_load(record)
        with self._lock:
            self._open[load_id] = record, seen
            self._learn((seen, *self._seen))
        return load_id

    def answered(self, load_id: str, metrics: GenerationMetrics) -> None:
        """Raise the high-water marks of a load after an answer.

        Args:
            load_id: Of the load.
            metrics: Of the answer.

        Raises:
            StateError: They cannot be kept.
        """
        prompt, answer = metrics.prompt_tokens or 0, metrics.completion_tokens or 0
        reached = ResidentMarks(
            resident_bytes=metrics.peak_memory_bytes,
            gpu_bytes=metrics.gpu_peak_bytes,
            prompt_tokens=max(0, prompt - (metrics.reused_tokens or 0)),
            filled_tokens=prompt + answer,
        )
        with self._lock:
            if load_id not in self._open:
                return
            record, before = self._open[load_id]
            raised = dataclasses.replace(record, marks=record.marks.raised(reached))
            if raised == record:
                return
            after = seen_load(raised)
            self._open[load_id] = raised, after
            self._learn(tuple(after if seen is before else seen for seen in self._seen))
        self._forecasts.update(load_id, raised)

    def ended(self, load_id: str) -> None:
        """The model was unloaded: its marks rise no more."""
        with self._lock:
            self._open.pop(load_id, None)

    def records(self) -> tuple[LoadRecord, ...]:
        """Loads so far, the newest first.

        Raises:
            StateError: They cannot be read.
        """
        self.recall()
        return self._forecasts.list()

    def _learn(self, seen: tuple[SeenLoad, ...]) -> None:
        self._seen = seen[:_LEARNED_FROM]
        self._machine.learn(learned_margins(self._seen) if self._seen else None)


def seen_load(record: LoadRecord) -> SeenLoad:
    """What there is to learn from a load."""
    return SeenLoad(
        resident=record.resident,
        marks=record.marks,
        free=record.free,
        held=tuple(
            (use.name, use.weights_bytes + use.context_bytes + use.compute_bytes) for use in record.loaded.buffers
        ),
        with_gpu=bool(record.loaded.gpu_free),
    )
