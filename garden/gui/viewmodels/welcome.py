"""What a first start shows: what this machine can run, the starter model, what is here already."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from garden.core.errors import CancelledByUser, GardenError
from garden.core.events import JobChanged, LibraryChanged, MachineRead
from garden.core.fit_forecast import FitForecast, Placement, Verdict
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.job_record import JobRecord
from garden.core.library_entry import LibraryEntry
from garden.core.paths import resource_path
from garden.core.quantity import format_bytes, format_parameters
from garden.fit.published_model import PublishedModel, published_models
from garden.gui.viewmodels.readings import begin_scan, begin_starter, read_entries
from garden.services.starter import TARGET as STARTER_TARGET

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.jobs.handle import Handle
    from garden.services.garden import Garden

#: Size classes and the model that stands for each: well known, openly licensed where there is one.
_CLASSES = (
    ("0.5–2B", "Qwen/Qwen3-0.6B"),
    ("3–4B", "Qwen/Qwen3-4B-Instruct-2507"),
    ("7–9B", "Qwen/Qwen3-8B"),
    ("12–15B", "Qwen/Qwen3-14B"),
    ("20–30B MoE", "Qwen/Qwen3-30B-A3B"),
    ("24–32B", "mistralai/Mistral-Small-3.2-24B-Instruct-2506"),
    ("70B", "meta-llama/Llama-3.3-70B-Instruct"),
)

#: Types tried for each, from the best to the smallest that still answers well.
_LADDER = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M")

_CONTEXT_LENGTH = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleRow:
    """One size class of the table.

    Attributes:
        size_class: ``7–9B``.
        model: What stands for it.
        quant_type: The largest type that fits, or the smallest tried when none does.
        forecast: How that would run.
    """

    size_class: str
    model: PublishedModel
    quant_type: str
    forecast: FitForecast

    @property
    def title(self) -> str:
        """``Qwen3 8B Q5_K_M``."""
        return f"{self.model.name} {self.quant_type}"

    @property
    def note(self) -> str:
        """The small line under it: how large, and where it would lie."""
        size = format_bytes(self.model.file_bytes(self.quant_type))
        forecast = self.forecast
        if forecast.verdict is Verdict.TOO_LARGE:
            needed = format_bytes(forecast.need_bytes) if forecast.need_bytes else size
            return f"needs {needed}"
        if forecast.placement is Placement.SPLIT and forecast.n_layers and forecast.n_gpu_layers is not None:
            return f"about {size}, {forecast.n_layers - forecast.n_gpu_layers} of {forecast.n_layers} layers in RAM"
        if self.model.active_parameters:
            return f"about {size}, {format_parameters(self.model.active_parameters)} active per token"
        if self.quant_type == _LADDER[0]:
            return f"about {size}, the best file fits"
        return f"about {size}"


def example_rows(garden: Garden) -> tuple[ExampleRow, ...]:
    """The table, from published shapes through the estimator; nothing is fetched for it."""
    by_repo = {model.repo_id: model for model in published_models(resource_path("catalogue/models.json").read_bytes())}
    return tuple(_row(garden, size_class, by_repo[repo_id]) for size_class, repo_id in _CLASSES if repo_id in by_repo)


def _row(garden: Garden, size_class: str, model: PublishedModel) -> ExampleRow:
    row: ExampleRow | None = None
    for quant_type in _LADDER:
        header = model.header(quant_type)
        load = dataclasses.replace(
            garden.fit.default_load(header),
            context_length=min(_CONTEXT_LENGTH, model.context_length or _CONTEXT_LENGTH),
        )
        row = ExampleRow(
            size_class=size_class,
            model=model,
            quant_type=quant_type,
            forecast=garden.fit.forecast_header(header, load),
        )
        if row.forecast.verdict is Verdict.FITS and row.forecast.placement is not Placement.SPLIT:
            return row
    assert row is not None
    return row


class WelcomeViewModel(QObject):
    """Reads the machine and the library once the page shows.

    Signals:
        changed: Something more is known.
        said: Something ended: a sentence, and what helps when it failed.
    """

    changed = Signal()
    said = Signal(str, str)

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._fetch: Handle[LibraryEntry] | None = None
        self.snapshot: HardwareSnapshot | None = None
        self.rows: Sequence[ExampleRow] = ()
        self.entries: Sequence[LibraryEntry] = ()
        self.problem: GardenError | None = None
        self.starter_job: JobRecord | None = None
        self.starter_problem: GardenError | None = None
        pump.on(LibraryChanged, self._on_library_changed)
        pump.on(JobChanged, self._on_job_changed)
        pump.on(MachineRead, self._on_machine_read)

    @property
    def headline(self) -> str:
        """The one sentence on what this machine runs."""
        if self.snapshot is None:
            return "Looking at this machine"
        on_gpu = self._largest(lambda row: row.forecast.placement is Placement.GPU)
        if on_gpu is not None:
            return f"This machine runs models of about {_size(on_gpu)} entirely on its GPU"
        largest = self._largest(lambda _row: True)
        if largest is None:
            return "This machine runs small models only"
        return f"This machine runs models of about {_size(largest)}"

    @property
    def machine_line(self) -> str:
        """GPU, RAM and processor in one line."""
        snapshot = self.snapshot
        if snapshot is None:
            return ""
        parts = [
            f"{gpu.name} with {format_bytes(gpu.memory_total_bytes)}" if gpu.memory_total_bytes else gpu.name
            for gpu in snapshot.gpus
        ]
        parts.append(f"{format_bytes(snapshot.ram_total_bytes)} of RAM")
        parts.append(f"{snapshot.cpu.name} with {snapshot.cpu.physical_cores} cores")
        line = ", ".join(parts) + "."
        idle = [gpu.name for gpu in snapshot.gpus if gpu.device is None]
        if idle and snapshot.engine.installed:
            line += f" The engine does not use {idle[0]} yet; Machine says what changes that."
        if not snapshot.engine.installed:
            line += " The engine is not installed."
        return line

    @property
    def kv_type(self) -> str:
        """Type of the KV cache that the table assumes."""
        return self._garden.settings.current.kv_type

    @property
    def starter(self) -> LibraryEntry | None:
        """The starter model, None until it is here."""
        return next((entry for entry in self.entries if entry.origin == "starter"), None)

    @property
    def found(self) -> Sequence[tuple[str, int, int]]:
        """Where models were found: origin, how many, how many bytes."""
        count = Counter(entry.origin for entry in self.entries)
        return tuple(
            (origin, number, sum(entry.ref.size_bytes for entry in self.entries if entry.origin == origin))
            for origin, number in count.items()
            if origin != "starter"
        )

    @property
    def fetching_starter(self) -> bool:
        """Whether the starter is on its way."""
        return self._fetch is not None

    def load(self) -> None:
        """Read the machine, then forecast; look for models."""
        self._pump.run(self._read_machine, self._on_machine, self._on_failed)
        self._pump.run(lambda: read_entries(self._garden), self._on_entries, self._on_failed)
        self._pump.begin(lambda: begin_scan(self._garden), self._on_entries, self._on_failed)

    def fetch_starter(self) -> None:
        """The user has consented: fetch it."""
        if self._fetch is not None or self.starter is not None:
            return
        self.starter_problem = None
        self._fetch = self._pump.begin(lambda: begin_starter(self._garden), self._on_starter, self._on_starter_failed)
        self.changed.emit()

    def cancel_starter(self) -> None:
        """Stop fetching it."""
        if self._fetch is not None:
            self._fetch.cancel()

    def _read_machine(self) -> tuple[HardwareSnapshot, tuple[ExampleRow, ...]]:
        snapshot = self._garden.machine.read()
        return snapshot, example_rows(self._garden)

    def _on_machine(self, read: tuple[HardwareSnapshot, tuple[ExampleRow, ...]]) -> None:
        self.snapshot, self.rows = read
        self.changed.emit()

    def _on_machine_read(self, _event: MachineRead) -> None:
        """Memory moved: the examples follow, once they were asked for."""
        if self.rows:
            self._pump.run(self._read_machine, self._on_machine, self._on_failed)

    def _on_entries(self, entries: tuple[LibraryEntry, ...]) -> None:
        self.entries = entries
        self.changed.emit()

    def _on_failed(self, error: GardenError) -> None:
        self.problem = error
        self.changed.emit()

    def _on_starter(self, entry: LibraryEntry) -> None:
        self._fetch = None
        self.starter_job = None
        self.said.emit(f"{entry.ref.name} is here; its hash is what it should be.", "")
        self._pump.run(lambda: read_entries(self._garden), self._on_entries, self._on_failed)

    def _on_starter_failed(self, error: GardenError) -> None:
        self._fetch = None
        self.starter_job = None
        if not isinstance(error, CancelledByUser):
            self.starter_problem = error
        self.changed.emit()

    def _on_library_changed(self, _event: LibraryChanged) -> None:
        self._pump.run(lambda: read_entries(self._garden), self._on_entries, self._on_failed)

    def _on_job_changed(self, event: JobChanged) -> None:
        if self._fetch is not None and event.job.target == STARTER_TARGET:
            self.starter_job = event.job
            self.changed.emit()

    def _largest(self, accepted: Callable[[ExampleRow], bool]) -> ExampleRow | None:
        running = (Verdict.FITS, Verdict.TIGHT)
        rows = [row for row in self.rows if row.forecast.verdict in running and accepted(row)]
        return rows[-1] if rows else None


def _size(row: ExampleRow) -> str:
    billions = row.model.parameters / 1e9
    return f"{billions:.0f}B" if billions >= 0.95 else format_parameters(row.model.parameters)
