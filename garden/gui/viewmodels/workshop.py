"""Workshop: one source, the types it can become, what is being made of it, and what was made."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QObject, Signal, Slot

from garden.core.errors import CancelledByUser, GardenError
from garden.core.events import JobChanged, LibraryChanged, MachineRead
from garden.core.job_record import JobKind, JobRecord, JobState
from garden.core.library_entry import LibraryEntry, entry_now
from garden.core.receipt import QualityReport, QuantizationForecast, QuantizationReceipt
from garden.gui.viewmodels.loss_points import SizeBand
from garden.gui.viewmodels.own_losses import own_loss
from garden.gui.viewmodels.quant_batches import QuantBatches
from garden.gui.viewmodels.quant_estimate import Estimate, estimate
from garden.gui.viewmodels.quant_source import (
    ResultFits,
    SourceFacts,
    distance_from_original,
    forecast_results,
    read_source,
)
from garden.gui.viewmodels.quant_table import QuantRow, QuantTableModel, recommended_type
from garden.gui.viewmodels.readings import read_entries, read_jobs, read_records
from garden.quantization.offered_types import OFFERED_TYPES, default_type
from garden.quantization.published import published_loss
from garden.store.atomic_file import write_atomically

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.jobs.handle import Handle
    from garden.services.garden import Garden

#: Types that most people want, largest first; the others on demand.
COMMON_TYPES = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "IQ4_XS", "Q4_0", "Q3_K_M", "Q2_K")


class WorkshopViewModel(QObject):
    """Chooses, starts and follows quantizations.

    Signals:
        changed: Source, rows, consent or records changed.
        queue_changed: Work under way moved on.
        said: Something ended: a sentence, and what helps when it failed.
    """

    changed = Signal()
    queue_changed = Signal()
    said = Signal(str, str)

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._wanted: LibraryEntry | None = None
        self._forecasts: dict[str, QuantizationForecast] = {}
        self._fits = ResultFits(by_type={}, bands=())
        self.batches = QuantBatches(garden, pump, self)
        self._all_types = self.listed = self.busy = self.consented = False
        self.measure_after = True
        self._heard: set[str] = set()
        # The latest of each that is under way: what an older one brings, or fails with, is of no more interest.
        self._reading: Handle[SourceFacts] | None = None
        self._dry_run: Handle[tuple[QuantizationForecast, ...]] | None = None
        self._fitting: Handle[ResultFits] | None = None
        self.table = QuantTableModel(self)
        self.entries: tuple[LibraryEntry, ...] = ()
        self.source: SourceFacts | None = None
        self._problem: GardenError | None = None
        self._fit_problem: GardenError | None = None
        self.receipts: tuple[QuantizationReceipt, ...] = ()
        self.reports: tuple[QualityReport, ...] = ()
        self.queue: tuple[JobRecord, ...] = ()
        self.table.choice_changed.connect(self.changed)
        self.batches.changed.connect(self._on_batches_changed)
        self.batches.recorded.connect(self._read_records)
        self.batches.said.connect(self.said)
        pump.on(JobChanged, self._on_job_changed)
        pump.on(LibraryChanged, self._on_library_changed)
        pump.on(MachineRead, self._on_machine_read)

    # What shows

    @property
    def bands(self) -> tuple[SizeBand, ...]:
        """Ranges of sizes that run in the same way on this machine."""
        return self._fits.bands

    @property
    def problem(self) -> GardenError | None:
        """Why the source, or what it can become, is not known."""
        return self._problem or self._fit_problem

    @property
    def waiting_losses(self) -> tuple[tuple[str, str], ...]:
        """Measurements to come: types, and what they will be measured against."""
        return self.batches.waiting_losses

    @property
    def all_types(self) -> bool:
        """Whether every type is offered, not only the usual ones."""
        return self._all_types

    @property
    def needs_consent(self) -> bool:
        """Whether the source is quantized already and the user has not agreed to a second loss."""
        return self.source is not None and self.source.refusal is not None and not self.consented

    @property
    def obstacle(self) -> str:
        """Why nothing can be started now; empty when it can."""
        source = self.source
        if source is None:
            return "Choose a model first."
        if source.refused is not None:
            return source.refused.sentence
        if not self.table.chosen:
            return "Choose at least one type."
        if self.needs_consent:
            return "This source is quantized already: agree to a second loss first."
        return ""

    @property
    def estimate(self) -> Estimate:
        """What the chosen types will take."""
        return estimate(self.table.chosen, self.source.entry if self.source else None, self.receipts)

    @property
    def unmeasured(self) -> tuple[LibraryEntry, ...]:
        """Results in the library whose loss was not measured yet."""
        return tuple(row.entry for row in self.table.rows if row.entry is not None and row.loss is None)

    def command(self) -> str:
        """The same work on the command line."""
        types = [row.quant_type for row in self.table.chosen]
        return self.source.command(types) if self.source is not None else ""

    # What the user does

    def load(self) -> None:
        """Read the library and what was made so far; without a choice, start from a full-precision model."""
        self._read_records()
        self._pump.run(lambda: read_entries(self._garden), self._on_entries, self._on_failed)
        self._pump.run(lambda: read_jobs(self._garden), self._on_jobs, self._on_failed)

    def choose_source(self, entry: LibraryEntry) -> None:
        """Make smaller versions of this model."""
        if self._dry_run is not None:
            self._dry_run.cancel()
        self._dry_run = self._fitting = None
        self._wanted = entry
        self.source, self.consented, self.busy = None, False, True
        self._problem = self._fit_problem = None
        self._forecasts, self._fits = {}, ResultFits(by_type={}, bands=())
        self.table.replace(())
        self.changed.emit()
        reading = self._reading = self._pump.run(
            lambda: read_source(self._garden, entry),
            lambda source: self._on_source(reading, source),
            lambda error: self._on_not_known(reading, error),
            receiver=self,
        )

    def set_consent(self, consented: bool) -> None:
        """Agree to a loss on top of the source's, or take that back."""
        self.consented = consented
        self.changed.emit()

    def set_measure_after(self, wanted: bool) -> None:
        """Measure the loss of what is made, or not."""
        self.measure_after = wanted
        self.queue_changed.emit()

    def show_all_types(self, wanted: bool) -> None:
        """Offer every type, or the usual ones."""
        if wanted != self._all_types:
            self._all_types = wanted
            self._forecast_missing()

    def choose_recommended(self) -> None:
        """Choose the one type that suits this machine best."""
        wanted = next((row.quant_type for row in self.table.rows if row.recommended), None)
        self.table.choose([wanted] if wanted else [])

    def choose_below(self, size_bytes: int) -> bool:
        """Choose the largest type whose file is no larger than this; False when none is."""
        sizes = {row.quant_type: row.forecast.size_bytes for row in self.table.rows if row.forecast}
        fitting = [name for name, size in sizes.items() if size <= size_bytes]
        if fitting:
            self.table.choose([max(fitting, key=sizes.__getitem__)])
        return bool(fitting)

    def quantize(self) -> None:
        """Start what is chosen."""
        if self.obstacle or self.source is None:
            return
        types = [row.quant_type for row in self.table.chosen]
        self.table.choose([])
        self.batches.start(self.source.entry, types, consented=self.consented, measure=self.measure_after)

    def measure(self, entries: Sequence[LibraryEntry]) -> None:
        """Measure how far these are from the source."""
        if self.source is not None and entries:
            self.batches.measure(self.source.entry, entries)

    def save_receipt(self, receipt: QuantizationReceipt, path: Path) -> None:
        """Write a receipt as JSON."""
        document = msgspec.json.format(msgspec.json.encode(receipt), indent=2)
        self._pump.run(
            lambda: write_atomically(path, document),
            lambda _done: self.said.emit(f"The receipt is in {path.name}.", ""),
            self._on_failed,
            receiver=self,
        )

    def cancel(self, job_id: str) -> None:
        """Stop work under way; nothing half-written stays."""
        self._pump.do(lambda: self._garden.activity.cancel(job_id), self._on_failed)

    # What came back

    def _on_entries(self, entries: tuple[LibraryEntry, ...]) -> None:
        self.entries = tuple(entry for entry in entries if entry.problem is None)
        self.listed = True
        if self._wanted is None and self.entries:
            self.choose_source(min(self.entries, key=distance_from_original))
            return
        there = self._wanted and entry_now(self._wanted.ref, self.entries)
        if self._wanted and there and there.ref.path != self._wanted.ref.path:
            # Its file was moved: what was chosen for it stays.
            self._wanted = there
            if self.source is None or self.busy:
                self.choose_source(there)
            else:
                self.source = dataclasses.replace(self.source, entry=there)
        self._refresh()

    def _on_source(self, reading: Handle[SourceFacts], source: SourceFacts) -> None:
        if reading is not self._reading:
            return
        self._reading = None
        self.source = source
        self.table.set_titles(source.base_type, source.context)
        if source.refused is not None:
            self.busy = False
            self.changed.emit()
            return
        self._forecast_missing()

    def _on_not_known(self, ended: Handle[Any], error: GardenError) -> None:
        """The latest reading or dry run has failed."""
        if ended in (self._reading, self._dry_run):
            self._reading = self._dry_run = None
            self._problem, self.busy = error, False
            self.changed.emit()

    def _forecast_missing(self) -> None:
        """Run the engine's dry run for types whose size is not known yet."""
        source = self.source
        if source is None or source.refused is not None:
            return
        missing = [name for name in self._types() if name not in self._forecasts]
        if not missing:
            self._refresh()
            return
        self._problem, self.busy = None, True
        self._refresh()
        if self._dry_run is not None:
            self._dry_run.cancel()
        handle = self._dry_run = self._garden.workshop.forecast(source.entry, missing)
        self._pump.watch(
            handle,
            lambda forecasts: self._on_forecasts(handle, source, forecasts),
            lambda error: self._on_not_known(handle, error),
            receiver=self,
        )

    def _on_forecasts(
        self, handle: Handle[Any], source: SourceFacts, forecasts: tuple[QuantizationForecast, ...]
    ) -> None:
        if handle is not self._dry_run:
            return
        self._dry_run = None
        self._forecasts.update({forecast.quant_type: forecast for forecast in forecasts})
        self._fit_results(source)

    def _fit_results(self, source: SourceFacts) -> None:
        forecasts = tuple(self._forecasts.values())
        handle = self._fitting = self._pump.run(
            lambda: forecast_results(self._garden, source, forecasts),
            lambda fits: self._on_fits(handle, fits),
            lambda error: self._on_not_fitted(handle, error),
            receiver=self,
        )

    def _on_machine_read(self, _event: MachineRead) -> None:
        if self.source is not None and self._forecasts and self._dry_run is None:
            self._fit_results(self.source)

    def _on_fits(self, handle: Handle[ResultFits], fits: ResultFits) -> None:
        if handle is self._fitting:
            self._fitting = None
            self._fits, self._fit_problem, self.busy = fits, None, self._dry_run is not None
            self._refresh()

    def _on_not_fitted(self, handle: Handle[ResultFits], error: GardenError) -> None:
        if handle is self._fitting:
            self._fitting = None
            # Fits that stand there already stay for want of newer ones.
            self._fit_problem, self.busy = None if self._fits.by_type else error, self._dry_run is not None
            self.changed.emit()

    def _types(self) -> list[str]:
        base = self.source.base_type if self.source else ""
        offered = OFFERED_TYPES if self._all_types else COMMON_TYPES
        return [name for name in offered if name != base]

    def _refresh(self) -> None:
        """Bring everything known together in the rows."""
        source = self.source
        if source is None or source.refused is not None:
            self.changed.emit()
            return
        before = {row.quant_type: row for row in self.table.rows}
        rows = [self._row(source, name, before.get(name)) for name in self._types()]
        best = recommended_type(rows, default_type(source.header.parameters))
        first_time = not any(row.forecast for row in before.values())
        for number, row in enumerate(rows):
            chosen = row.can_be_chosen and (row.chosen or (first_time and row.quant_type == best))
            rows[number] = dataclasses.replace(row, recommended=row.quant_type == best, chosen=chosen)
        self.table.replace(rows)
        self.changed.emit()

    def _row(self, source: SourceFacts, quant_type: str, before: QuantRow | None) -> QuantRow:
        forecast = self._forecasts.get(quant_type)
        entry = source.made(quant_type, self.entries)
        size = source.entry.ref.size_bytes or source.header.data_bytes
        return QuantRow(
            quant_type=quant_type,
            forecast=forecast,
            fit=self._fits.by_type.get(quant_type),
            entry=entry,
            job=self._job_of(source, quant_type),
            loss=own_loss(source, quant_type, self.reports),
            # Published losses are from full precision: they do not hold for a second loss.
            published=None if source.quantized else published_loss(quant_type),
            chosen=before.chosen if before else False,
            grows=forecast is not None and forecast.size_bytes >= size,
            requantized=source.quantized,
        )

    def _job_of(self, source: SourceFacts, quant_type: str) -> JobRecord | None:
        wanted = (JobKind.QUANTIZE, source.entry.ref.name, quant_type)
        # It waits from the click on; its record comes when it was written down.
        made = self.batches.makes(source.entry, quant_type)
        coming = JobRecord(id="", kind=wanted[0], title=wanted[1], subtitle=wanted[2]) if made else None
        return next((job for job in self.queue if (job.kind, job.title, job.subtitle) == wanted), coming)

    def _on_batches_changed(self) -> None:
        self._refresh()
        self.queue_changed.emit()

    @Slot()
    def _read_records(self) -> None:
        self._pump.run(lambda: read_records(self._garden), self._on_records, self._on_failed)

    def _on_records(self, records: tuple[tuple[QuantizationReceipt, ...], tuple[QualityReport, ...]]) -> None:
        self.receipts, self.reports = records
        self._refresh()

    def _on_jobs(self, jobs: Sequence[JobRecord]) -> None:
        """What was told of a job is newer than what was read."""
        told = [job for job in self.queue if job.id in self._heard]
        self._set_queue([*told, *(job for job in jobs if job.id not in self._heard)])

    def _on_job_changed(self, event: JobChanged) -> None:
        if event.job.kind in (JobKind.QUANTIZE, JobKind.QUALITY):
            self._heard.add(event.job.id)
            others = [job for job in self.queue if job.id != event.job.id]
            self._set_queue([*others, event.job])

    def _set_queue(self, jobs: Sequence[JobRecord]) -> None:
        under_way = (job for job in jobs if job.kind in (JobKind.QUANTIZE, JobKind.QUALITY) and not job.state.ended)
        self.queue = tuple(sorted(under_way, key=lambda job: (job.state is not JobState.RUNNING, job.created_at)))
        self._refresh()
        self.queue_changed.emit()

    def _on_library_changed(self, _event: LibraryChanged) -> None:
        if self.listed:
            self._pump.run(lambda: read_entries(self._garden), self._on_entries, self._on_failed)

    def _on_failed(self, error: GardenError) -> None:
        if not isinstance(error, CancelledByUser):
            self.said.emit(error.sentence, error.action)
