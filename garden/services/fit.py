"""Forecasts: header in, verdict out, for this machine as it is now."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from garden.core.catalog import ModelSummary, Repository, RepositoryFile
from garden.core.conversation import Answer
from garden.core.errors import CancelledByUser, GardenError, InvalidFileError, NotFoundError
from garden.core.fit_forecast import FitForecast, SpeedSource, Verdict
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.library_entry import LibraryEntry
from garden.core.messages import ModelLoaded
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import LoadParameters, RunConfiguration
from garden.fit import default_load, estimator, recommend
from garden.fit.calibrated_speed import with_calibrated_speed
from garden.gguf.byte_source import FileSource
from garden.gguf.header import GgufHeader, read_header
from garden.gguf.shard_set import joined_header, shard_paths
from garden.inference.sampling_defaults import default_ask
from garden.jobs.handle import Handle
from garden.jobs.pool import TaskPool
from garden.services.bookkeeping import bookkeeping
from garden.services.calibration import CalibrationService
from garden.services.dry_runs import DryRuns
from garden.services.exact_fit import ExactFit
from garden.services.hub_access import HubAccess
from garden.services.machine import MachineService
from garden.services.measured_speeds import MeasuredSpeeds
from garden.services.model_name import display_name
from garden.services.settings import SettingsService
from garden.store.forecasts import Forecasts, LoadRecord
from garden.store.headers import Headers, file_key, hash_key
from garden.store.speeds import SpeedRecord, Speeds

_log = logging.getLogger(__name__)

#: Headers kept to derive those of sibling files from; each holds some hundred tensors.
_HEADERS_KEPT = 16


class FitService:
    """Says whether and how a model runs here.

    Args:
        machine: The machine.
        settings: Context and cache type that the user prefers.
        hub: Reads headers of files on the Hub.
        headers: Headers read before.
        forecasts: Forecasts against what the engine took.
        speeds: Speeds of answers given here.
        calibration: How fast this machine is.
        pool: Runs remote reads.
        runs: Asks the engine.
    """

    def __init__(
        self,
        machine: MachineService,
        settings: SettingsService,
        hub: HubAccess,
        headers: Headers,
        forecasts: Forecasts,
        speeds: Speeds,
        calibration: CalibrationService,
        pool: TaskPool,
        runs: DryRuns,
    ) -> None:
        self._machine = machine
        self._settings = settings
        self._hub = hub
        self._headers = headers
        self._forecasts = forecasts
        self._speeds = MeasuredSpeeds(speeds)
        self._calibration = calibration
        self._pool = pool
        self._exact = ExactFit(runs)
        self._whole_headers: dict[tuple[str, str, str], GgufHeader] = {}
        self._model_locks: defaultdict[tuple[str, str, str], threading.Lock] = defaultdict(threading.Lock)

    def header(self, ref: ModelRef) -> GgufHeader:
        """Header of a file on this machine; of a set of shards, with the tensors of all.

        Raises:
            NotFoundError: The file is gone.
            InvalidFileError: It is damaged.
        """
        if ref.path is None:
            raise NotFoundError(f"{ref.name} is not on this machine.", "Download it first.")
        self._recall()
        shards = shard_paths(Path(ref.path))
        return joined_header([self._local_header(path) for path in shards])

    def remote_header(self, repository: Repository, file: RepositoryFile, *, own: bool = False) -> Handle[GgufHeader]:
        """Header of a file on the Hub, read by ranges, a few requests per model.

        The quantizations of one model share their metadata, so only the first is read whole (the vocabulary alone is
        up to 16 MB); its siblings' headers are derived from it: the same shapes, weights scaled to the file's size.

        Args:
            repository: Where it lies.
            file: Which one.
            own: Read this very file's header, as the engine wants it, even where a sibling's is known.
        """
        repo_id, revision = repository.summary.repo_id, repository.revision
        model = (repo_id, revision, display_name(file.filename.rpartition("/")[2].removesuffix(".gguf")))

        def read(_cancelled: threading.Event) -> GgufHeader:
            self._recall()
            key = hash_key(file.sha256) if file.sha256 else None
            known = self._headers.get(key) if key else None
            if known is not None:
                return known
            with self._model_locks[model]:
                whole = self._whole_headers.get(model)
                if whole is not None and not own:
                    return sibling_header(whole, file.size_bytes)
                client = self._hub.client()
                headers = [
                    read_header(client.source(repo_id, revision, part.filename, part.size_bytes)) for part in file.files
                ]
                header = joined_header(headers)
                self._whole_headers[model] = header
                while len(self._whole_headers) > _HEADERS_KEPT:
                    del self._whole_headers[next(iter(self._whole_headers))]
            if key:
                with bookkeeping("A header"):
                    self._headers.put(key, header)
            return header

        return self._pool.submit(read)

    def default_load(self, header: GgufHeader) -> LoadParameters:
        """How this machine would load the model unless the user chooses otherwise."""
        load = default_load.default_load(header, self._machine.snapshot())
        settings = self._settings.current
        changes: dict[str, object] = {"type_k": settings.kv_type, "type_v": settings.kv_type}
        if settings.context_length:
            changes["context_length"] = min(settings.context_length, header.context_length or settings.context_length)
        return dataclasses.replace(load, **changes)  # type: ignore[arg-type]  # the keys above are its fields

    def configuration(self, entry: LibraryEntry, *, seed: int | None = None) -> RunConfiguration:
        """The configuration to start from for a model on this machine.

        Args:
            entry: The model.
            seed: For the draw; drawn here when None.

        Raises:
            GardenError: The file is gone or damaged.
        """
        header = self.header(entry.ref)
        load = self.default_load(header)
        forecast = self.forecast_header(header, load)
        if forecast.n_gpu_layers is not None:
            load = dataclasses.replace(load, n_gpu_layers=forecast.n_gpu_layers)
        return RunConfiguration(model=entry.ref, load=load, ask=default_ask(header.metadata, seed=seed))

    def forecast_header(
        self,
        header: GgufHeader,
        load: LoadParameters,
        machine: HardwareSnapshot | None = None,
        *,
        as_is: Collection[str] = (),
    ) -> FitForecast:
        """Forecast from a header; quick enough for each row at each move of a slider.

        A calibration of this machine says how fast a file will be, without one the answers that other files gave; of a
        pretended machine nothing is known.
        Near to an edge the verdict is *unknown*: ``decided`` and ``exact`` ask the engine.
        """
        if machine is not None:
            return estimator.forecast(header, load, machine, as_is=as_is)
        forecast = estimator.forecast(
            header, load, self._machine.snapshot(), speeds=self._speeds.calibration(load), as_is=as_is
        )
        return self._with_calibrated_speed(forecast, header, load)

    def forecast_remote(self, ref: ModelRef, header: GgufHeader, load: LoadParameters) -> FitForecast:
        """Forecast for a file on the Hub, with the speed that it or a twin of it showed here lately; never waits.

        Args:
            ref: The file.
            header: Its header, or one derived from a sibling's.
            load: How it would be loaded.
        """
        forecast = self.forecast_header(header, load)
        return _with_measured(forecast, self._speeds.lately_of(ref, load, forecast.n_gpu_layers))

    def forecast(
        self,
        target: LibraryEntry | ModelRef,
        load: LoadParameters | None = None,
        machine: HardwareSnapshot | None = None,
    ) -> FitForecast:
        """Forecast for a file on this machine, with its own measured speed when it ran here before, loaded like this.

        Args:
            target: The model.
            load: How it would be loaded; as this machine would by itself when None.
            machine: Where; this machine as it was read last when None. Speeds are known of that alone.

        Raises:
            GardenError: The file is gone or damaged.
        """
        ref = target.ref if isinstance(target, LibraryEntry) else target
        header = self.header(ref)
        load = load or self.default_load(header)
        forecast = self.decided(header, load, machine)
        return self._with_measured_speed(forecast, ref, load) if machine is None else forecast

    def decided(
        self,
        header: GgufHeader,
        load: LoadParameters,
        machine: HardwareSnapshot | None = None,
        *,
        as_is: Collection[str] = (),
    ) -> FitForecast:
        """Forecast from a header; the engine decides where the formula does not know. Not for the window's own thread.

        Where the engine cannot be asked the verdict stays *unknown*.
        """
        forecast = self.forecast_header(header, load, machine, as_is=as_is)
        if forecast.verdict is not Verdict.UNKNOWN or forecast.total_bytes is None:
            return forecast
        try:
            found = self._exact.forecast(header, load, machine or self._machine.snapshot(), as_is=as_is)
            return found if machine is not None else self._with_calibrated_speed(found, header, load)
        except CancelledByUser:
            raise
        except GardenError as error:
            _log.warning("The engine could not be asked: %s", error)
            return forecast

    def _recall(self) -> None:
        """What earlier sessions measured; waits for the disk the first time."""
        self._speeds.recall()
        self._calibration.current()

    def _with_calibrated_speed(self, forecast: FitForecast, header: GgufHeader, load: LoadParameters) -> FitForecast:
        calibration = self._calibration.holding_for(load)
        return forecast if calibration is None else with_calibrated_speed(forecast, header, load, calibration)

    def _with_measured_speed(self, forecast: FitForecast, ref: ModelRef, load: LoadParameters) -> FitForecast:
        return _with_measured(forecast, self._speeds.of_file(ref, load, forecast.n_gpu_layers))

    def exact(
        self,
        target: GgufHeader | LibraryEntry | ModelRef,
        load: LoadParameters | None = None,
        machine: HardwareSnapshot | None = None,
        *,
        as_is: Collection[str] = (),
    ) -> Handle[FitForecast]:
        """Forecast from the engine's own plan, with the figures that a pane will report; some milliseconds when warm.

        Args:
            target: A file on this machine, or a header that was read from the file itself (``remote_header`` with
                ``own``).
            load: How it would be loaded; as this machine would by itself when None.
            machine: Where; this machine as it was read last when None. GPUs that are not here are imagined.
            as_is: Kinds of memory (``ram``, ``gpu``) that may be taken to the last byte.

        Returns:
            A handle; it fails with a GardenError when the engine could not be asked. What the engine refuses is a
            forecast: *unsupported*.
        """

        def ask(cancelled: threading.Event) -> FitForecast:
            ref = target.ref if isinstance(target, LibraryEntry) else target
            header = ref if isinstance(ref, GgufHeader) else self.header(ref)
            wanted = load or self.default_load(header)
            forecast = self._exact.forecast(
                header, wanted, machine or self._machine.snapshot(), as_is=as_is, cancelled=cancelled
            )
            if machine is not None:
                return forecast
            forecast = self._with_calibrated_speed(forecast, header, wanted)
            if isinstance(ref, GgufHeader):
                return forecast
            return self._with_measured_speed(forecast, ref, wanted)

        return self._pool.submit(ask)

    def rough(self, summary: ModelSummary, context_length: int | None = None) -> FitForecast:
        """Forecast from the Hub's fields alone, for rows of a list."""
        wanted = context_length or self._settings.current.context_length or 16_384
        return estimator.rough_forecast(summary, self._machine.snapshot(), wanted)

    def recommend(self, files: tuple[tuple[RepositoryFile, FitForecast], ...]) -> RepositoryFile | None:
        """The file of a repository to take on this machine, None when none runs."""
        return recommend.recommended(files)

    def remember_load(self, loaded: ModelLoaded, forecast: FitForecast | None) -> None:
        """Keep what was forecast beside what the engine took."""
        self._forecasts.record(loaded, forecast)

    def remember_speed(self, answer: Answer) -> None:
        """Keep the speed that an answer showed, when it was long enough to show one."""
        self._speeds.record(answer, self.header(answer.configuration.model), self._machine.snapshot())

    def remember_twin(self, record: SpeedRecord) -> None:
        """Keep the speed that a twin of a model showed."""
        self._speeds.keep(record)

    def audit(self) -> tuple[LoadRecord, ...]:
        """Loads so far with their forecasts, the newest first."""
        return self._forecasts.list()

    def _local_header(self, path: Path) -> GgufHeader:
        try:
            key = file_key(path)
        except OSError as error:
            raise NotFoundError(f"There is no file {path}.", "Check the path.", str(error)) from error
        header = self._headers.get(key)
        if header is None:
            with FileSource(path) as source:
                header = read_header(source)
            with bookkeeping("A header"):
                self._headers.put(key, header)
        if path.stat().st_size < header.header_bytes:
            raise InvalidFileError("This is not a complete GGUF file.", "Fetch it again or remove it.")
        return header


def _with_measured(forecast: FitForecast, measured: SpeedRecord | None) -> FitForecast:
    if measured is None:
        return forecast
    return dataclasses.replace(
        forecast,
        decode_tokens_per_second=measured.decode_tokens_per_second,
        prefill_tokens_per_second=measured.prefill_tokens_per_second,
        speed_source=SpeedSource.TWIN if measured.twin else SpeedSource.MEASURED,
        speed_runs=0,
        speed_range=None,
        prefill_range=None,
    )


def sibling_header(header: GgufHeader, size_bytes: int) -> GgufHeader:
    """The header that another quantization of the same model has: the same shapes, its weights filling its own file.

    Args:
        header: Of one quantization, read whole.
        size_bytes: Size of the other one's file.
    """
    data_bytes = max(0, size_bytes - header.header_bytes)
    scale = data_bytes / header.data_bytes if header.data_bytes else 1.0
    tensors = tuple(
        dataclasses.replace(tensor, size_bytes=round(tensor.size_bytes * scale)) for tensor in header.tensors
    )
    return dataclasses.replace(header, tensors=tensors, data_bytes=data_bytes)
