"""Services whose answers a test gives by hand: every call returns a handle that the test ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from garden.core.catalog import FileKind, ModelSummary, RemoteFile, Repository, RepositoryFile
from garden.core.events import EventBus
from garden.core.fit_forecast import FitForecast, FitMethod, Placement, Verdict
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.job_record import JobKind, JobRecord
from garden.core.library_entry import LibraryEntry, Origin
from garden.core.load_choice import LoadChoice
from garden.core.model_query import ModelQuery
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import LoadParameters
from garden.fit.projector import Projector
from garden.gguf.header import GgufHeader, TensorInfo, Value
from garden.jobs.handle import Handle
from garden.services.catalog import CatalogPage
from garden.services.rated_model import RatedModel
from garden.store.settings import Settings

GIB = 1024**3


def forecast(verdict: Verdict = Verdict.FITS, placement: Placement = Placement.CPU, **facts: Any) -> FitForecast:
    return FitForecast(verdict=verdict, placement=placement, reason="Because.", method=FitMethod.FORMULA, **facts)


def rated(repo_id: str, verdict: Verdict = Verdict.FITS, **facts: Any) -> RatedModel:
    return RatedModel.of(ModelSummary(repo_id=repo_id, **facts), forecast(verdict))


def page(*repo_ids: str, cursor: str | None = None, verdict: Verdict = Verdict.FITS) -> CatalogPage:
    return CatalogPage(rows=tuple(rated(repo_id, verdict) for repo_id in repo_ids), cursor=cursor)


def repository_file(quant_type: str, size_bytes: int = GIB, kind: FileKind = "model") -> RepositoryFile:
    filename = f"model-{quant_type}.gguf"
    remote = RemoteFile(filename=filename, size_bytes=size_bytes, sha256="ab" * 32)
    return RepositoryFile(filename=filename, files=(remote,), kind=kind, quant_type=quant_type)


def repository(repo_id: str, *files: RepositoryFile) -> Repository:
    return Repository(summary=ModelSummary(repo_id=repo_id, context_length=40_960), revision="c" * 40, files=files)


def header(data_bytes: int = GIB, context_length: int = 40_960) -> GgufHeader:
    weights = TensorInfo(name="w", shape=(256, 8_388_608), ggml_type="Q4_0", offset=0, size_bytes=data_bytes)
    metadata: dict[str, Value] = {"general.architecture": "llama", "llama.context_length": context_length}
    return GgufHeader(
        version=3, alignment=32, metadata=metadata, tensors=(weights,), header_bytes=4_096, data_bytes=data_bytes
    )


def entry(name: str, origin: Origin = "folder", **facts: Any) -> LibraryEntry:
    reference = {key: facts.pop(key) for key in ("repo_id", "quant_type", "size_bytes", "sha256") if key in facts}
    filenames = facts.pop("filenames", (f"{name}.gguf",))
    ref = ModelRef(name=name, filenames=filenames, path=f"/models/{filenames[0]}", **reference)
    return LibraryEntry(ref=ref, origin=origin, **facts)


class CatalogDouble:
    endpoint = "https://hub.test"

    def __init__(self) -> None:
        self.pages: dict[str, Handle[Repository]] = {}
        self.cards: dict[str, Handle[str]] = {}

    def repository(self, repo_id: str) -> Handle[Repository]:
        self.pages[repo_id] = Handle()
        return self.pages[repo_id]

    def rated(self, summary: ModelSummary) -> RatedModel:
        return RatedModel.of(summary, forecast())

    def card(self, repo_id: str, revision: str) -> Handle[str]:
        self.cards[repo_id] = Handle()
        return self.cards[repo_id]


class BrowseDouble:
    def __init__(self) -> None:
        self.asked: list[tuple[ModelQuery, str | None]] = []
        self.searches: list[Handle[CatalogPage]] = []
        self.found: list[Callable[[CatalogPage], None]] = []

    def search(
        self, query: ModelQuery, cursor: str | None = None, *, found: Callable[[CatalogPage], None]
    ) -> Handle[CatalogPage]:
        self.asked.append((query, cursor))
        self.searches.append(Handle())
        self.found.append(found)
        return self.searches[-1]


class FitDouble:
    """Forecasts that say which context they were made for."""

    def __init__(self) -> None:
        self.headers: dict[str, Handle[GgufHeader]] = {}
        self.sketched: dict[str, Callable[[GgufHeader], None]] = {}
        self.projector: Handle[Projector | None] = Handle()
        self.forecasts = 0
        self.too_large: set[str] = set()

    def rate(self, summary: ModelSummary, machine: HardwareSnapshot | None = None) -> FitForecast:
        return forecast(Verdict.TOO_LARGE if summary.repo_id in self.too_large else Verdict.FITS)

    def remote_header(
        self, repository: Repository, file: RepositoryFile, *, sketched: Callable[[GgufHeader], None]
    ) -> Handle[GgufHeader]:
        self.sketched[file.filename] = sketched
        self.headers[file.filename] = Handle()
        return self.headers[file.filename]

    def remote_projector(self, repository: Repository) -> Handle[Projector | None]:
        return self.projector

    def default_load(self, header: GgufHeader, machine: HardwareSnapshot | None = None) -> LoadParameters:
        return LoadParameters(context_length=min(header.context_length or 16_384, 16_384))

    def forecast_remote(
        self,
        ref: ModelRef,
        header: GgufHeader,
        load: LoadParameters,
        machine: HardwareSnapshot | None = None,
        *,
        ask_engine: bool = True,
    ) -> FitForecast:
        return self.forecast_header(header, load)

    def forecast_header(
        self,
        header: GgufHeader,
        load: LoadParameters,
        machine: HardwareSnapshot | None = None,
        *,
        ask_engine: bool = True,
    ) -> FitForecast:
        self.forecasts += 1
        cache = load.context_length * (1_000 if load.type_k == "f16" else 500)
        return forecast(
            verdict=Verdict.FITS if header.data_bytes <= 4 * GIB else Verdict.TOO_LARGE,
            context_length=load.context_length,
            weights_bytes=header.data_bytes,
            kv_cache_bytes=cache,
            total_bytes=header.data_bytes + cache,
            n_gpu_layers=0,
        )

    def recommend(
        self, files: tuple[tuple[RepositoryFile, FitForecast], ...], _choice: LoadChoice
    ) -> RepositoryFile | None:
        fitting = [file for file, forecast in files if forecast.verdict is Verdict.FITS]
        return max(fitting, key=lambda file: file.size_bytes, default=None)

    def forecast(
        self,
        target: LibraryEntry | ModelRef,
        load: LoadParameters | None,
        machine: HardwareSnapshot | None = None,
    ) -> FitForecast:
        self.forecasts += 1
        return forecast()


class LibraryDouble:
    def __init__(self) -> None:
        self.known: list[LibraryEntry] = []
        self.downloads: list[tuple[Repository, RepositoryFile]] = []
        self.download_handle: Handle[LibraryEntry] = Handle()
        self.scan_handle: Handle[tuple[LibraryEntry, ...]] = Handle()
        self.verify_handle: Handle[bool | None] = Handle()
        self.removed: list[LibraryEntry] = []

    def entries(self) -> tuple[LibraryEntry, ...]:
        return tuple(self.known)

    def scan(self) -> Handle[tuple[LibraryEntry, ...]]:
        return self.scan_handle

    def verify(self, entry: LibraryEntry) -> Handle[bool | None]:
        return self.verify_handle

    def remove(self, entry: LibraryEntry) -> int:
        self.removed.append(entry)
        self.known.remove(entry)
        return entry.ref.size_bytes

    def add_file(self, path: Path) -> LibraryEntry:
        added = entry(path.stem)
        self.known.append(added)
        return added

    def download(self, repository: Repository, file: RepositoryFile) -> Handle[LibraryEntry]:
        self.downloads.append((repository, file))
        return self.download_handle


def download_record(handle: Handle[LibraryEntry], filename: str, **facts: Any) -> JobRecord:
    """What the library writes down of a download from ``a/model``."""
    target = json.dumps({"repo_id": "a/model", "revision": "c" * 40, "filenames": [filename]})
    return JobRecord(id=handle.id, kind=JobKind.DOWNLOAD, title="model", target=target, **facts)


class ActivityDouble:
    def __init__(self) -> None:
        self.records: list[JobRecord] = []
        self.cancelled: list[str] = []

    def jobs(self) -> Sequence[JobRecord]:
        return tuple(self.records)

    def cancel(self, job_id: str) -> None:
        self.cancelled.append(job_id)


class SettingsDouble:
    def __init__(self) -> None:
        self.current = Settings()


class WhatIfDouble:
    """This machine stands for itself."""

    chosen: None = None
    snapshot: None = None


class GardenDouble:
    """The attributes of Garden that view models use."""

    def __init__(self) -> None:
        self.bus = EventBus()
        self.catalog = CatalogDouble()
        self.browse = BrowseDouble()
        self.fit = self.rows = FitDouble()
        self.what_if = WhatIfDouble()
        self.library = LibraryDouble()
        self.activity = ActivityDouble()
        self.settings = SettingsDouble()
