"""Forecasts: header in, verdict out, for this machine as it is now."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Collection, Hashable

from garden.core.calibration import Calibration
from garden.core.catalog import Repository, RepositoryFile
from garden.core.conversation import Answer
from garden.core.errors import CancelledByUser, GardenError
from garden.core.fit_forecast import FitForecast, Placement, Verdict
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.library_entry import LibraryEntry
from garden.core.load_choice import LoadChoice
from garden.core.model_ref import ModelRef
from garden.core.residency import ResidentForecast
from garden.core.run_configuration import AUTO_GPU_LAYERS, LoadParameters, RunConfiguration
from garden.fit import default_load, estimator, recommend
from garden.fit.calibrated_speed import with_calibrated_speed
from garden.fit.devices import process_bytes
from garden.fit.imagined import published_speed
from garden.fit.projector import Projector, projector_of
from garden.fit.resident import resident_forecast
from garden.fit.speed import MeasuredSpeed
from garden.gguf.header import GgufHeader
from garden.inference.sampling_defaults import default_ask
from garden.jobs.handle import Handle, chained, finished
from garden.jobs.pool import TaskPool
from garden.services.calibration import CalibrationService
from garden.services.decisions import Decisions
from garden.services.exact_fit import ExactFit
from garden.services.hub_access import HubAccess
from garden.services.load_audit import LoadAudit
from garden.services.local_header import local_header
from garden.services.machine import MachineService
from garden.services.measured_speeds import MeasuredSpeeds
from garden.services.remote_headers import RemoteHeaders
from garden.services.settings import SettingsService
from garden.services.told_speed import elsewhere, with_measured, with_speed_of
from garden.store.headers import Headers
from garden.store.speeds import SpeedRecord

#: Files that were last said to be the ones to take, one for each repository and load.
_TAKEN_KEPT = 500

_NOTHING_CHOSEN = LoadChoice()

_log = logging.getLogger(__name__)


class FitService:
    """Says whether and how a model runs here.

    Args:
        machine: The machine.
        settings: Context and cache type that the user prefers.
        hub: Reads headers of files on the Hub.
        headers: Headers read before.
        audit: What loads here showed.
        speeds: Speeds of answers given here.
        calibration: How fast this machine is.
        pool: Runs remote reads.
        exact: Asks the engine.
        decisions: Verdicts that the formula left open.
    """

    def __init__(
        self,
        machine: MachineService,
        settings: SettingsService,
        hub: HubAccess,
        headers: Headers,
        audit: LoadAudit,
        speeds: MeasuredSpeeds,
        calibration: CalibrationService,
        pool: TaskPool,
        exact: ExactFit,
        decisions: Decisions,
    ) -> None:
        self._machine = machine
        self._settings = settings
        self._headers = headers
        self._audit = audit
        self._speeds = speeds
        self._calibration = calibration
        self._remote = RemoteHeaders(hub, headers, pool, self.recall)
        self._exact = exact
        self._decisions = decisions
        self._pool = pool
        self._taken: dict[Hashable, str] = {}

    def header(self, ref: ModelRef) -> GgufHeader:
        """Header of a file on this machine; of a set of shards, with the tensors of all.

        Raises:
            NotFoundError: The file is gone.
            InvalidFileError: It is damaged.
        """
        self.recall()
        return local_header(ref, self._headers)

    def remote_header(
        self,
        repository: Repository,
        file: RepositoryFile,
        *,
        own: bool = False,
        sketched: Callable[[GgufHeader], None] | None = None,
    ) -> Handle[GgufHeader]:
        """Header of a file on the Hub: some short reads of the first file of a repository, one of each other.

        Args:
            repository: Where it lies.
            file: Which one.
            own: Take no key from a sibling, as the engine wants it; one more read.
            sketched: Called on another thread with a stand-in that is good for a rough figure, after the first read of
                the first file of a repository.
        """
        return self._remote.header(repository, file, own=own, sketched=sketched)

    def remote_projector(self, repository: Repository) -> Handle[Projector | None]:
        """What images or sound take beside the models of a repository, None where it has no projector; one short read.

        Of several the one in F16 counts, which most programs take, else the smallest.
        """
        file = projector_file(repository)
        if file is None:
            return finished(None)
        return chained(self._remote.header(repository, file), lambda header: finished(projector_of(header)))

    def default_load(self, header: GgufHeader, machine: HardwareSnapshot | None = None) -> LoadParameters:
        """How this machine, or another one, would load the model unless the user chooses otherwise."""
        load = default_load.default_load(header, machine or self._machine.snapshot())
        settings = self._settings.current
        changes: dict[str, object] = {"type_k": settings.kv_type, "type_v": settings.kv_type}
        if settings.context_length:
            changes["context_length"] = min(settings.context_length, header.context_length or settings.context_length)
        return dataclasses.replace(load, **changes)  # type: ignore[arg-type]  # the keys above are its fields

    def configuration(
        self,
        entry: LibraryEntry,
        *,
        seed: int | None = None,
        load: LoadParameters | None = None,
        without: Collection[int] = (),
    ) -> RunConfiguration:
        """The configuration to start from for a model on this machine.

        Args:
            entry: The model.
            seed: For the draw; drawn here when None.
            load: How it is loaded, to the last field; as this machine would by itself when None.
            without: Processes to think away when layers are found.

        Raises:
            GardenError: The file is gone or damaged.
        """
        header = self.header(entry.ref)
        load = load or self.default_load(header)
        if load.n_gpu_layers == AUTO_GPU_LAYERS:
            load = default_load.with_found_layers(load, self.forecast_header(header, load, without=without))
        return RunConfiguration(model=entry.ref, load=load, ask=default_ask(header.metadata, seed=seed))

    def forecast_header(
        self,
        header: GgufHeader,
        load: LoadParameters,
        machine: HardwareSnapshot | None = None,
        *,
        as_is: Collection[str] = (),
        ask_engine: bool = True,
        without: Collection[int] = (),
    ) -> FitForecast:
        """Forecast from a header; quick enough for each row at each move of a slider.

        A calibration of this machine says how fast a file will be, without one the answers that other files gave; of a
        pretended machine nothing is known.
        Near to an edge the verdict is *unknown* at first: the engine is asked, and FitDecided tells to forecast again.
        ``decided`` and ``exact`` wait for it.

        Args:
            header: Of the file.
            load: How it would be loaded.
            machine: Where; this machine as it was read last when None.
            as_is: Kinds of memory (``ram``, ``gpu``) that may be taken to the last byte.
            ask_engine: False while a knob moves: what the engine said before counts, and nothing new is asked.
            without: Processes whose memory counts as free.
        """
        here = (machine or self._machine.snapshot()).without(without)
        speeds = self._speeds.calibration(load) if machine is None else published_speed(machine)
        forecast = estimator.forecast(header, load, here, speeds=speeds, as_is=as_is)
        if not as_is:
            forecast = self._decisions.settled(header, load, here, forecast, ask=ask_engine)
        return elsewhere(forecast) if machine is not None else self._with_calibrated_speed(forecast, header, load)

    def forecast_remote(
        self,
        ref: ModelRef,
        header: GgufHeader,
        load: LoadParameters,
        machine: HardwareSnapshot | None = None,
        *,
        ask_engine: bool = True,
    ) -> FitForecast:
        """Forecast for a file on the Hub, with the speed that it or a twin of it showed here lately; never waits.

        Args:
            ref: The file.
            header: Its header, or one derived from a sibling's.
            load: How it would be loaded.
            machine: Where; this machine as it was read last when None. Speeds are known of that alone.
            ask_engine: As in ``forecast_header``.
        """
        forecast = self.forecast_header(header, load, machine, ask_engine=ask_engine)
        if machine is not None:
            return forecast
        return with_measured(forecast, load, self._speeds.lately_of(ref, load, forecast.n_gpu_layers))

    def forecast_here(
        self,
        ref: ModelRef,
        header: GgufHeader,
        load: LoadParameters,
        *,
        ask_engine: bool = True,
        without: Collection[int] = (),
    ) -> FitForecast:
        """As ``forecast`` for a file on this machine, without waiting for the engine: see ``forecast_header``."""
        forecast = self.forecast_header(header, load, ask_engine=ask_engine, without=without)
        return self._with_measured_speed(forecast, ref, load)

    def forecast(
        self,
        target: LibraryEntry | ModelRef,
        load: LoadParameters | None = None,
        machine: HardwareSnapshot | None = None,
        *,
        without: Collection[int] = (),
    ) -> FitForecast:
        """Forecast for a file on this machine, with its own measured speed when it ran here before, loaded like this.

        Args:
            target: The model.
            load: How it would be loaded; as the machine would by itself when None.
            machine: Where; this machine as it was read last when None. Speeds are known of that alone.
            without: Processes to think away: what they hold counts as free.

        Raises:
            GardenError: The file is gone or damaged.
        """
        ref = target.ref if isinstance(target, LibraryEntry) else target
        header = self.header(ref)
        load = load or self.default_load(header, machine)
        return self.decided(header, load, machine, ref=ref, without=without)

    def decided(
        self,
        header: GgufHeader,
        load: LoadParameters,
        machine: HardwareSnapshot | None = None,
        *,
        as_is: Collection[str] = (),
        ref: ModelRef | None = None,
        without: Collection[int] = (),
    ) -> FitForecast:
        """Forecast from a header; the engine decides where the formula does not know. Not for the window's own thread.

        Where the engine cannot be asked the verdict stays *unknown*.

        Args:
            header: Of the file.
            load: How it would be loaded.
            machine: Where; this machine as it was read last when None. Speeds are known of that alone.
            as_is: Kinds of memory (``ram``, ``gpu``) that may be taken to the last byte.
            ref: The file, to find what it or a twin of it showed here.
            without: See ``forecast``.
        """
        here = (machine or self._machine.snapshot()).without(without)
        speeds = self._speeds.calibration(load) if machine is None else published_speed(machine)
        forecast = estimator.forecast(header, load, here, speeds=speeds, as_is=as_is)
        if forecast.verdict is Verdict.UNKNOWN and forecast.total_bytes is not None:
            try:
                forecast = with_speed_of(self._exact.forecast(header, load, here, as_is=as_is), forecast)
            except CancelledByUser:
                raise
            except GardenError as error:
                _log.warning("The engine could not be asked: %s", error)
        if machine is not None:
            return elsewhere(forecast)
        forecast = self._with_calibrated_speed(forecast, header, load)
        return forecast if ref is None else self._with_measured_speed(forecast, ref, load)

    def recall(self) -> None:
        """Read what earlier sessions measured; waits for the disk the first time."""
        self._speeds.recall()
        self._audit.recall()
        self._calibration.current()

    def _with_calibrated_speed(self, forecast: FitForecast, header: GgufHeader, load: LoadParameters) -> FitForecast:
        calibration = self._calibration.holding_for(load)
        return forecast if calibration is None else with_calibrated_speed(forecast, header, load, calibration)

    def _with_measured_speed(self, forecast: FitForecast, ref: ModelRef, load: LoadParameters) -> FitForecast:
        return with_measured(forecast, load, self._speeds.of_file(ref, load, forecast.n_gpu_layers))

    def exact(
        self,
        target: GgufHeader | LibraryEntry | ModelRef,
        load: LoadParameters | None = None,
        machine: HardwareSnapshot | None = None,
        *,
        as_is: Collection[str] = (),
        ref: ModelRef | None = None,
    ) -> Handle[FitForecast]:
        """Forecast from the engine's own plan, with the figures that a pane will report; some milliseconds when warm.

        Args:
            target: A file on this machine, or a header that was read from the file itself (``remote_header`` with
                ``own``).
            load: How it would be loaded; as this machine would by itself when None.
            machine: Where; this machine as it was read last when None. GPUs that are not here are imagined.
            as_is: Kinds of memory (``ram``, ``gpu``) that may be taken to the last byte.
            ref: With a header: its file, to find what it or a twin of it showed here.

        Returns:
            A handle; it fails with a GardenError when the engine could not be asked. What the engine refuses is a
            forecast: *unsupported*.
        """

        def ask(cancelled: threading.Event) -> FitForecast:
            file = target.ref if isinstance(target, LibraryEntry) else target
            header = file if isinstance(file, GgufHeader) else self.header(file)
            wanted = load or self.default_load(header, machine)
            forecast = self._exact.forecast(
                header, wanted, machine or self._machine.snapshot(), as_is=as_is, cancelled=cancelled
            )
            if machine is not None:
                return elsewhere(self._at_most(forecast, header, wanted, machine))
            forecast = self._with_calibrated_speed(forecast, header, wanted)
            known = ref if isinstance(file, GgufHeader) else file
            return forecast if known is None else self._with_measured_speed(forecast, known, wanted)

        return self._pool.submit(ask)

    @staticmethod
    def _at_most(
        forecast: FitForecast, header: GgufHeader, load: LoadParameters, machine: HardwareSnapshot
    ) -> FitForecast:
        """The engine's plan with the most that another machine's memory allows."""
        speeds = published_speed(machine)
        if speeds is None or forecast.placement is Placement.NONE or forecast.n_gpu_layers is None:
            return forecast
        placed = dataclasses.replace(load, n_gpu_layers=forecast.n_gpu_layers)
        return with_speed_of(forecast, estimator.forecast(header, placed, machine, speeds=speeds))

    def speeds_of(self, load: LoadParameters) -> tuple[Calibration | None, MeasuredSpeed | None]:
        """What is known of the speed of any file that is loaded like this: a calibration, and what answers showed."""
        return self._calibration.holding_for(load), self._speeds.calibration(load)

    def recommend(
        self, files: tuple[tuple[RepositoryFile, FitForecast], ...], choice: LoadChoice = _NOTHING_CHOSEN
    ) -> RepositoryFile | None:
        """The file of a repository to take, None when none runs; small moves of free memory do not change it."""
        # The context and the cache are known from the forecasts.
        others = choice.with_values(context_length=None, type_k=None, type_v=None)
        key = others, *((file.filename, file.sha256, *recommend.circumstances(fit)) for file, fit in files)
        found = recommend.steady(files, self._taken.get(key))
        if found is not None:
            self._taken.pop(key, None)
            self._taken[key] = found.filename
            for old in list(self._taken)[:-_TAKEN_KEPT]:
                self._taken.pop(old, None)
        return found

    def remember_speed(self, answer: Answer) -> None:
        """Keep the speed that an answer showed, when it was long enough to show one."""
        self._speeds.record(answer, self.header(answer.configuration.model), self._machine.snapshot())

    def remember_twin(self, record: SpeedRecord) -> None:
        """Keep the speed that a twin of a model showed."""
        self._speeds.keep(record)

    def resident(self, ref: ModelRef, load: LoadParameters, forecast: FitForecast) -> ResidentForecast | None:
        """Forecast of the resident set, for a forecast of the buffers of the same load; None when that has no figures.

        Raises:
            GardenError: The file is gone or damaged.
        """
        machine = self._machine.snapshot()
        return resident_forecast(self.header(ref), load, forecast, machine.cpu.features, process_bytes(machine))


def projector_file(repository: Repository) -> RepositoryFile | None:
    """The projector that counts beside the models of a repository, None where it has none; see ``remote_projector``."""
    files = [file for file in repository.files if file.kind == "projector" and len(file.files) == 1]
    return min(files, key=lambda file: (file.quant_type != "F16", file.size_bytes), default=None)
