"""Making smaller versions of a model: exact sizes before, a receipt after, the loss measured."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from garden.core.errors import RefusedError
from garden.core.job_record import JobKind, JobRecord
from garden.core.library_entry import LibraryEntry
from garden.core.messages import Progress
from garden.core.model_ref import ModelRef
from garden.core.paths import user_path
from garden.core.receipt import QualityReport, QuantizationForecast, QuantizationReceipt
from garden.jobs.handle import Handle
from garden.jobs.job_context import JobContext
from garden.jobs.job_runner import JobRunner
from garden.jobs.pool import TaskPool
from garden.process.scratch_folder import sweep_scratch_folders
from garden.quantization.child_task import forecast_quantizations, local_path, measure_quality, run_quantization
from garden.quantization.claim import sweep_leftovers
from garden.quantization.lineage import LINEAGE_KEY, lineage_after
from garden.quantization.offered_types import check_type
from garden.quantization.own_runs import expected_run
from garden.quantization.plan import QuantizationRequest, check_free, check_source, destination_name
from garden.services.fit import FitService
from garden.services.library import LibraryService
from garden.services.machine import MachineService
from garden.services.settings import SettingsService
from garden.store.document import from_document, to_document
from garden.store.quality_reports import QualityReports
from garden.store.receipts import Receipts


@dataclass(frozen=True, slots=True, kw_only=True)
class _QuantizeOrder:
    """One quantization as it was asked for: what its record keeps, so that it can be begun again."""

    source: ModelRef
    quant_type: str
    destination: str
    allow_requantize: bool
    keep: bool
    replace: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _MeasureOrder:
    """One measurement as it was asked for."""

    base: ModelRef
    quants: tuple[ModelRef, ...]
    text: str | None
    windows: int
    keep: bool


class WorkshopService:
    """Quantizes and measures.

    Args:
        fit: Reads the source's header.
        library: Takes in what was made.
        machine: How many threads.
        settings: The models folder.
        receipts: What was made here.
        reports: What was measured here.
        jobs: Runs the work.
        pool: Runs dry runs.
    """

    def __init__(
        self,
        fit: FitService,
        library: LibraryService,
        machine: MachineService,
        settings: SettingsService,
        receipts: Receipts,
        reports: QualityReports,
        jobs: JobRunner,
        pool: TaskPool,
    ) -> None:
        self._fit = fit
        self._library = library
        self._machine = machine
        self._settings = settings
        self._receipts = receipts
        self._reports = reports
        self._jobs = jobs
        self._pool = pool
        jobs.on_resume(JobKind.QUANTIZE, self._quantize_again)
        jobs.on_resume(JobKind.QUALITY, self._measure_again)

    def check(self, source: LibraryEntry, *, allow_requantize: bool = False) -> None:
        """Refuse what would make a useless file, or a worse one without the user knowing.

        Raises:
            NotFoundError: The source is gone.
            RefusedError: With what it would cost, and how to go on.
        """
        local_path(source.ref)
        check_source(self._fit.header(source.ref), allow_requantize)

    def forecast(self, source: LibraryEntry, quant_types: Sequence[str]) -> Handle[tuple[QuantizationForecast, ...]]:
        """What each type would make of a source, to the byte; nothing is written."""

        def work(cancelled: threading.Event) -> tuple[QuantizationForecast, ...]:
            return forecast_quantizations(source.ref, quant_types, cancelled=cancelled)

        return self._pool.submit(work)

    def destination(self, source: LibraryEntry, quant_type: str) -> Path:
        """Where a result goes unless the user says otherwise: into the models folder, beside its siblings."""
        folder = self._settings.models_dir / (source.ref.name or "models")
        return folder / destination_name(source.ref, quant_type)

    def quantize(
        self,
        source: LibraryEntry,
        quant_type: str,
        *,
        destination: Path | None = None,
        allow_requantize: bool = False,
        replace: bool = False,
        keep: bool = True,
    ) -> Handle[QuantizationReceipt]:
        """Make one file.

        Args:
            source: What to read.
            quant_type: What to make.
            destination: Where to, into the models folder when None.
            allow_requantize: The user consents to a loss on top of the source's.
            replace: The user consents to lose a file of that name that Garden made; no other is ever replaced.
            keep: Take the result into the library and its receipt into the records.

        Raises:
            RefusedError: The type or the source is refused.
            AlreadyThereError: A file has that name, and ``replace`` is off.
        """
        quant_type = check_type(quant_type)
        self.check(source, allow_requantize=allow_requantize)
        target = user_path(destination) if destination else self.destination(source, quant_type)
        if not replace:
            check_free(target)
        order = _QuantizeOrder(
            source=source.ref,
            quant_type=quant_type,
            destination=str(target),
            allow_requantize=allow_requantize,
            replace=replace,
            keep=keep,
        )
        return self._jobs.submit(
            JobKind.QUANTIZE,
            source.ref.name,
            quant_type,
            self._quantize_work(order),
            target=to_document(order) if keep else "",
            reads=_paths_of(source),
        )

    def _quantize_again(self, record: JobRecord) -> Callable[[JobContext], QuantizationReceipt]:
        return self._quantize_work(from_document(record.target, _QuantizeOrder))

    def _quantize_work(self, order: _QuantizeOrder) -> Callable[[JobContext], QuantizationReceipt]:
        def work(job: JobContext) -> QuantizationReceipt:
            def report(progress: Progress) -> None:
                job.progress(progress.done, progress.total, progress.note)

            if not order.replace:
                # It may have waited long for its turn.
                check_free(Path(order.destination))
            expected = expected_run(self._receipts.list(), order.source.path, order.quant_type)
            forecast = forecast_quantizations(order.source, (order.quant_type,), cancelled=job.cancelled)[0]
            receipt = run_quantization(
                QuantizationRequest(
                    source=order.source,
                    quant_type=order.quant_type,
                    destination=Path(order.destination),
                    allow_requantize=order.allow_requantize,
                ),
                threads=self._threads,
                forecast_size_bytes=forecast.size_bytes,
                on_progress=report,
                cancelled=job.cancelled,
            )
            receipt = dataclasses.replace(
                receipt,
                forecast_bits_per_weight=forecast.bits_per_weight,
                forecast_seconds=expected.seconds if expected else None,
                forecast_peak_memory_bytes=expected.peak_memory_bytes if expected else None,
            )
            job.result_path, job.result_bytes = receipt.path, receipt.size_bytes
            if order.keep:
                self._receipts.save(receipt)
                self._library.made(Path(receipt.path), receipt.sha256)
            return receipt

        return work

    def quality(
        self,
        base: LibraryEntry,
        quants: Sequence[LibraryEntry],
        *,
        text: Path | None = None,
        windows: int = 8,
        keep: bool = True,
    ) -> Handle[tuple[QualityReport, ...]]:
        """Measure how far quants are from their base on a text (the bundled one when None).

        Raises:
            RefusedError: A quant is the base itself.
        """
        for quant in quants:
            if _same_file(base.ref, quant.ref):
                raise RefusedError(
                    f"“{Path(quant.ref.path or '').name}” is the same file as the base: it lost nothing.",
                    "Name a file that was made from the base.",
                )
        order = _MeasureOrder(
            base=base.ref,
            quants=tuple(quant.ref for quant in quants),
            text=str(user_path(text)) if text is not None else None,
            windows=windows,
            keep=keep,
        )
        subtitle = ", ".join(quant.ref.quant_type or quant.ref.name for quant in quants)
        return self._jobs.submit(
            JobKind.QUALITY,
            f"Loss of {base.ref.name}",
            subtitle,
            self._measure_work(order),
            target=to_document(order) if keep else "",
            reads=_paths_of(base, *quants),
            unit="tokens",
        )

    def _measure_again(self, record: JobRecord) -> Callable[[JobContext], tuple[QualityReport, ...]]:
        return self._measure_work(from_document(record.target, _MeasureOrder))

    def _measure_work(self, order: _MeasureOrder) -> Callable[[JobContext], tuple[QualityReport, ...]]:
        def work(job: JobContext) -> tuple[QualityReport, ...]:
            def report(progress: Progress) -> None:
                job.progress(progress.done, progress.total, progress.note)

            reports = measure_quality(
                order.base,
                order.quants,
                threads=self._threads,
                text=Path(order.text) if order.text is not None else None,
                windows=order.windows,
                on_progress=report,
                cancelled=job.cancelled,
            )
            if order.keep:
                reports = self._identified(order, reports, job.cancelled)
                for measured in reports:
                    self._reports.save(measured)
            return reports

        return work

    def _identified(
        self, order: _MeasureOrder, reports: Sequence[QualityReport], cancelled: threading.Event
    ) -> tuple[QualityReport, ...]:
        """Reports that say of which files they are, so that they are found whatever these are called."""
        base_sha256 = self._library.hash_of(order.base, cancelled)
        return tuple(
            dataclasses.replace(
                report,
                base_sha256=base_sha256,
                made_type=quant.quant_type if self._is_made_from(quant, order.base, base_sha256) else None,
            )
            for report, quant in zip(reports, order.quants, strict=True)
        )

    def _is_made_from(self, quant: ModelRef, base: ModelRef, base_sha256: str | None) -> bool:
        """Whether a file was made here from this very base: its receipt says so, or it does itself."""
        receipt = None if quant.path is None else self._receipts.for_path(quant.path)
        if receipt is not None and receipt.source_sha256 == base_sha256:
            return True
        lineage = self._fit.header(quant).metadata.get(LINEAGE_KEY)
        return lineage == lineage_after(base, self._fit.header(base).metadata)

    def sweep(self) -> None:
        """Remove what killed quantizations and measurements left; those under way anywhere are left alone."""
        sweep_leftovers()
        sweep_scratch_folders()

    def receipts(self) -> tuple[QuantizationReceipt, ...]:
        """What was made here, the newest first."""
        return self._receipts.list()

    def reports(self) -> tuple[QualityReport, ...]:
        """What was measured here, the newest first."""
        return self._reports.list()

    @property
    def _threads(self) -> int:
        return self._machine.snapshot().cpu.physical_cores


def _same_file(one: ModelRef, other: ModelRef) -> bool:
    return (
        one.path is not None and other.path is not None and os.path.realpath(one.path) == os.path.realpath(other.path)
    )


def _paths_of(*entries: LibraryEntry) -> tuple[str, ...]:
    return tuple(entry.ref.path for entry in entries if entry.ref.path is not None)
