"""Forecasts: header in, verdict out, for this machine as it is now."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence
from pathlib import Path

from garden.core.catalog import ModelSummary, Repository, RepositoryFile
from garden.core.conversation import Answer
from garden.core.errors import InvalidFileError, NotFoundError
from garden.core.fit_forecast import FitForecast
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.library_entry import LibraryEntry
from garden.core.messages import ModelLoaded
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import LoadParameters, RunConfiguration
from garden.fit import default_load, estimator, recommend
from garden.gguf.byte_source import FileSource
from garden.gguf.header import GgufHeader, read_header
from garden.gguf.shard_set import shard_paths
from garden.inference.sampling_defaults import default_ask
from garden.jobs.handle import Handle
from garden.jobs.pool import TaskPool
from garden.jobs.shared_work import SharedWork
from garden.services.bookkeeping import bookkeeping
from garden.services.hub_access import HubAccess
from garden.services.machine import MachineService
from garden.services.measured_speeds import MeasuredSpeeds
from garden.services.model_name import display_name
from garden.services.settings import SettingsService
from garden.store.forecasts import Forecasts, LoadRecord
from garden.store.headers import Headers, file_key, hash_key
from garden.store.speeds import Speeds

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
        speeds: Speeds measured here.
        pool: Runs remote reads.
    """

    def __init__(
        self,
        machine: MachineService,
        settings: SettingsService,
        hub: HubAccess,
        headers: Headers,
        forecasts: Forecasts,
        speeds: Speeds,
        pool: TaskPool,
    ) -> None:
        self._machine = machine
        self._settings = settings
        self._hub = hub
        self._headers = headers
        self._forecasts = forecasts
        self._speeds = MeasuredSpeeds(speeds)
        self._remote: SharedWork[tuple[RepositoryFile, GgufHeader]] = SharedWork(pool, _HEADERS_KEPT)

    def header(self, ref: ModelRef) -> GgufHeader:
        """Header of a file on this machine; of a set of shards, with the tensors of all.

        Raises:
            NotFoundError: The file is gone.
            InvalidFileError: It is damaged.
        """
        if ref.path is None:
            raise NotFoundError(f"{ref.name} is not on this machine.", "Download it first.")
        self._speeds.recall()
        shards = shard_paths(Path(ref.path))
        return _joined([self._local_header(path) for path in shards])

    def remote_header(self, repository: Repository, file: RepositoryFile) -> Handle[GgufHeader]:
        """Header of a file on the Hub, read by ranges, a few requests per model.

        The quantizations of one model share their metadata, so only the first is read whole (the vocabulary alone is
        up to 16 MB); its siblings' headers are derived from it: the same shapes, weights scaled to the file's size.
        """
        repo_id, revision = repository.summary.repo_id, repository.revision
        model = (repo_id, revision, display_name(file.filename.rpartition("/")[2].removesuffix(".gguf")))
        key = hash_key(file.sha256) if file.sha256 else None

        def known() -> GgufHeader | None:
            self._speeds.recall()
            return self._headers.get(key) if key else None

        def read(cancelled: threading.Event) -> tuple[RepositoryFile, GgufHeader]:
            client = self._hub.client()
            headers = [
                read_header(client.source(repo_id, revision, part.filename, part.size_bytes, cancelled))
                for part in file.files
            ]
            header = _joined(headers)
            if key:
                with bookkeeping("A header"):
                    self._headers.put(key, header)
            return file, header

        def take(whole: tuple[RepositoryFile, GgufHeader]) -> GgufHeader:
            of, header = whole
            return header if of == file else sibling_header(header, file.size_bytes)

        return self._remote.submit(model, known, read, take)

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
        self, header: GgufHeader, load: LoadParameters, machine: HardwareSnapshot | None = None
    ) -> FitForecast:
        """Forecast from a header; quick enough for each row at each move of a slider.

        What ran on this machine says how fast a file of a known size will be; of a pretended one nothing is known.
        """
        if machine is not None:
            return estimator.forecast(header, load, machine)
        return estimator.forecast(header, load, self._machine.snapshot(), speeds=self._speeds.calibration(load))

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
        forecast = self.forecast_header(header, load, machine)
        measured = self._speeds.of_file(ref, load, forecast.n_gpu_layers) if machine is None else None
        if measured is None:
            return forecast
        return dataclasses.replace(
            forecast,
            decode_tokens_per_second=measured.decode_tokens_per_second,
            prefill_tokens_per_second=measured.prefill_tokens_per_second,
            speed_is_measured=True,
            speed_runs=0,
            speed_range=None,
        )

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


def _joined(headers: Sequence[GgufHeader]) -> GgufHeader:
    """One header for a set of shards: the metadata of the first, the tensors of all."""
    first, *others = headers
    if not others:
        return first
    tensors = tuple(tensor for header in headers for tensor in header.tensors)
    return dataclasses.replace(first, tensors=tensors, data_bytes=sum(header.data_bytes for header in headers))
