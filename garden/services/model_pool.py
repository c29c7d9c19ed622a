"""Loaded models: one child each, admitted against the memory that is free, the idle ones making room first."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from garden.core.conversation import GenerationMetrics
from garden.core.errors import GardenError, RefusedError, WorkerDiedError
from garden.core.fit_forecast import FitForecast, Verdict
from garden.core.messages import ModelLoaded
from garden.core.run_configuration import RunConfiguration
from garden.inference.local_backend import LocalBackend
from garden.process.process_identity import this_process
from garden.services.admission import Admission
from garden.services.bookkeeping import bookkeeping
from garden.services.fit import FitService
from garden.services.held_models import HeldModels
from garden.services.library import LibraryService
from garden.services.load_audit import LoadAudit
from garden.services.models_folder import files_of
from garden.store.loaded_models import LoadedModels, LoadedRecord

#: Which pane a loaded model belongs to: conversation and letter.
PaneKey = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A loaded model as lists show it.

    Attributes:
        pid: Its process.
        configuration: What it runs with.
        buffers_bytes: The engine's own buffers.
        idle: Neither loading nor answering.
        ours: Held by this program; others belong to another window or command.
    """

    pid: int
    configuration: RunConfiguration
    buffers_bytes: int
    idle: bool
    ours: bool


@dataclass(slots=True)
class _Seat:
    """A pane's backend and what it was loaded with."""

    backend: LocalBackend
    wanted: RunConfiguration
    forecast: FitForecast | None
    load_id: str = ""


class ModelPool:
    """Loads models for panes and keeps count of what they hold. Safe to use from any thread.

    Args:
        admission: Says what fits.
        fit: Forecasts the resident set.
        audit: Keeps forecasts beside what loads took.
        library: Notes the use of models.
        loaded: The list that all Gardens on this machine share.
        held: Told when that list changes.
        tell: Announces the machine when other models are loaded than before.
        on_death: Called with the pane and the error when an idle model's process ends by itself.
    """

    def __init__(
        self,
        admission: Admission,
        fit: FitService,
        audit: LoadAudit,
        library: LibraryService,
        loaded: LoadedModels,
        held: HeldModels,
        tell: Callable[[], None],
        on_death: Callable[[PaneKey, WorkerDiedError], None],
    ) -> None:
        self._admission = admission
        self._fit = fit
        self._audit = audit
        self._library = library
        self._loaded = loaded
        self._held = held
        self._tell = tell
        self._on_death = on_death
        self._seats: dict[PaneKey, _Seat] = {}
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._closed = False

    def backend(self, key: PaneKey) -> LocalBackend | None:
        """The pane's backend, alive or not; None before its first load."""
        seat = self._seats.get(key)
        return seat.backend if seat else None

    def acquire(
        self,
        key: PaneKey,
        configuration: RunConfiguration,
        on_progress: Callable[[float], None] | None = None,
        cancelled: threading.Event | None = None,
    ) -> LocalBackend:
        """The pane's model, loaded with exactly this configuration; loads it, after room was made, when it is not.

        Raises:
            CancelledByUser: ``cancelled`` was set, or its backend was closed, before it was loaded.
            OutOfMemoryError: It does not fit beside what is in use; the action offers what helps.
            GardenError: It could not be loaded.
        """
        with self._loading:
            seat = self._seats.get(key)
            if seat and seat.backend.alive and seat.backend.loaded and _same_load(seat.wanted, configuration):
                self._note(seat.backend, seat.backend.loaded, busy=True)
                return seat.backend
            with contextlib.ExitStack() as booked:
                booked.enter_context(self._library.models_folder.loading(files_of(configuration)))
                if seat:
                    self._release(key)
                backend = LocalBackend(lambda error: self._died(key, error))
                with self._admission.bookings.deciding():
                    forecast = self._make_room(configuration)
                    booked.enter_context(self._admission.booked(forecast, lambda: backend.pid))
                with self._lock:
                    if self._closed:
                        raise RefusedError("Garden is closing.")
                    self._seats[key] = _Seat(backend, configuration, forecast)
                free_ram = self._audit.free_ram()
                try:
                    loaded = backend.load(configuration, on_progress, cancelled=cancelled)
                except BaseException:
                    with self._lock:
                        self._seats.pop(key, None)
                    backend.close()
                    raise
                self._note(backend, loaded, busy=True)
            with bookkeeping("The use of a model"):
                self._library.used(configuration.model)
            with bookkeeping("A forecast against the engine"):
                self._remember(key, configuration, loaded, free_ram)
            return backend

    def answered(self, key: PaneKey, metrics: GenerationMetrics) -> None:
        """Note what an answer of the pane's model made its process take."""
        seat = self._seats.get(key)
        if seat is not None and seat.load_id:
            self._audit.answered(seat.load_id, metrics)

    def pid(self, key: PaneKey) -> int | None:
        """The process that holds the pane's model, None while none does."""
        seat = self._seats.get(key)
        return seat.backend.pid if seat and seat.backend.alive and seat.backend.loaded else None

    @property
    def idle_pids(self) -> tuple[int, ...]:
        """The processes of models that are unloaded when room is needed."""
        seats = [seat.backend for _key, seat in self._seated() if seat.backend.idle]
        return tuple(backend.pid for backend in seats if backend.pid is not None)

    def holds(self, key: PaneKey, configuration: RunConfiguration) -> bool:
        """Whether the pane's model is loaded with exactly this."""
        seat = self._seats.get(key)
        return seat is not None and self.pid(key) is not None and _same_load(seat.wanted, configuration)

    def forecast_bytes(self, key: PaneKey) -> int | None:
        """What was forecast for the pane's model before it was loaded."""
        seat = self._seats.get(key)
        return seat.forecast.total_bytes if seat and seat.forecast else None

    def settled(self, key: PaneKey) -> None:
        """Note that the pane's model is idle again."""
        seat = self._seats.get(key)
        if seat and seat.backend.alive and seat.backend.loaded:
            self._note(seat.backend, seat.backend.loaded, busy=False)
        self._tell_of_others()

    def release(self, key: PaneKey) -> None:
        """Unload the pane's model and wait until its memory is free."""
        self._release(key)
        self._tell_of_others()

    def _release(self, key: PaneKey) -> None:
        with self._lock:
            seat = self._seats.pop(key, None)
        if seat is None:
            return
        self._audit.ended(seat.load_id)
        pid = seat.backend.pid
        seat.backend.close()
        seat.backend.wait_closed(6)
        if pid is not None:
            with bookkeeping("That a model was unloaded"):
                self._loaded.remove(pid)
        self._count()

    def unload(self, pid: int) -> None:
        """Unload an idle model of this program.

        Raises:
            RefusedError: It is answering, or another program holds it.
        """
        for key, seat in self._seated():
            if seat.backend.pid == pid:
                if not seat.backend.idle:
                    raise RefusedError("This model is answering.", "Stop it first.")
                self.release(key)
                return
        raise RefusedError("This model is held by another window or command.", "Unload it there.")

    def models(self) -> tuple[LoadedModel, ...]:
        """Everything that Gardens on this machine have loaded."""
        return tuple(
            LoadedModel(
                pid=record.pid,
                configuration=record.configuration,
                buffers_bytes=record.buffers_bytes,
                idle=not record.busy,
                ours=record.is_ours,
            )
            for record in self._loaded.list()
        )

    def close(self) -> None:
        """Unload everything."""
        with self._lock:
            self._closed = True
        backends = [seat.backend for _key, seat in self._seated()]
        for backend in backends:
            backend.close()
        for backend in backends:
            if not backend.wait_closed(6):
                continue
            if backend.pid is not None:
                with bookkeeping("That a model was unloaded"):
                    self._loaded.remove(backend.pid)
        with self._lock:
            self._seats.clear()

    def _seated(self) -> tuple[tuple[PaneKey, _Seat], ...]:
        """The seats now; other threads may come and go meanwhile."""
        with self._lock:
            return tuple(self._seats.items())

    def _make_room(self, configuration: RunConfiguration) -> FitForecast | None:
        """Evict idle models, the longest unused first, until the new one fits; its forecast, None without one.

        Raises:
            OutOfMemoryError: It would not fit even then; nothing was evicted where that can be told before.
        """
        try:
            forecast = self._admission.forecast(configuration)
        except GardenError:
            # What the forecast cannot read, the worker will refuse with a better sentence.
            return None
        if forecast.verdict is not Verdict.TOO_LARGE:
            return forecast
        idle = sorted(
            (seat.backend.last_used_at, key, seat.backend.pid or 0) for key, seat in self._seated() if seat.backend.idle
        )
        if self._admission.may_help(configuration, [pid for _used, _key, pid in idle]):
            for _used, key, _pid in idle:
                self._release(key)
                forecast = self._admission.forecast(configuration)
                if forecast.verdict is not Verdict.TOO_LARGE:
                    return forecast
        busy = any(not seat.backend.idle for _key, seat in self._seated())
        raise self._admission.refuse(configuration, forecast, others_answer=busy)

    def _remember(self, key: PaneKey, wanted: RunConfiguration, loaded: ModelLoaded, free_ram: int) -> None:
        seat = self._seats.get(key)
        if seat is None:
            return
        forecast = seat.forecast
        resident = None if forecast is None else self._fit.resident(wanted.model, wanted.load, forecast)
        seat.load_id = self._audit.loaded(loaded, forecast, resident, free_ram)

    def _note(self, backend: LocalBackend, loaded: ModelLoaded, *, busy: bool) -> None:
        if backend.pid is None:
            return
        now = time.time()
        forecast = next((seat.forecast for _key, seat in self._seated() if seat.backend is backend), None)
        ram = next((device for device in forecast.devices if device.kind == "ram"), None) if forecast else None
        record = LoadedRecord(
            pid=backend.pid,
            owner=this_process(),
            configuration=loaded.configuration,
            buffers_bytes=loaded.buffers_bytes,
            buffers=loaded.buffers,
            loaded_at=now,
            last_used_at=now,
            busy=busy,
            beside_bytes=ram.beside_bytes if ram else 0,
        )
        with bookkeeping("What a model holds"):
            self._loaded.put(record)
        self._count()

    def _count(self) -> None:
        """Let forecasts count what is loaded now."""
        with bookkeeping("What loaded models hold"):
            self._held.reread()

    def _tell_of_others(self) -> None:
        """Announce the machine when other models are loaded than when it was announced last."""
        if self._held.take_news():
            with bookkeeping("That other models are loaded"):
                self._tell()

    def _died(self, key: PaneKey, error: WorkerDiedError) -> None:
        backend = self.backend(key)
        if backend is not None and backend.pid is not None:
            with bookkeeping("That a model's process ended"):
                self._loaded.remove(backend.pid)
        self._count()
        self._tell_of_others()
        # A model that was answering is told of by its answer.
        if backend is not None and backend.idle:
            self._on_death(key, error)


def _same_load(held: RunConfiguration, wanted: RunConfiguration) -> bool:
    """Whether a loaded model serves a configuration: file and load parameters; how it is asked may differ."""
    if (held.model.path, held.load) != (wanted.model.path, wanted.load):
        return False
    hashes = {held.model.sha256, wanted.model.sha256} - {None}
    return len(hashes) < 2
