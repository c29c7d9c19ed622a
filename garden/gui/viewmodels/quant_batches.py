"""Types that were started together, and the measurement of their losses when the last of them is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from garden.core.errors import AlreadyThereError, CancelledByUser, GardenError
from garden.core.library_entry import LibraryEntry
from garden.core.receipt import QuantizationReceipt

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.jobs.handle import Handle
    from garden.services.garden import Garden


@dataclass(eq=False, slots=True)
class Batch:
    """Types of one source that were started together.

    Attributes:
        source: What they are made of.
        quant_types: What is made.
        measure: Whether their losses are measured afterwards.
        pending: Those that are not there yet.
        made: Receipts of those that are.
    """

    source: LibraryEntry
    quant_types: tuple[str, ...]
    measure: bool
    pending: set[str]
    made: list[QuantizationReceipt] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Taken:
    """A type that was not made, since a file of its name is there.

    Attributes:
        source: What it would have been made of.
        quant_type: The type.
        consented: The user agreed to a loss on top of the source's.
        measure: Its loss was to be measured afterwards.
        error: Says which file.
    """

    source: LibraryEntry
    quant_type: str
    consented: bool
    measure: bool
    error: AlreadyThereError


class QuantBatches(QObject):
    """Starts quantizations and what follows from them.

    Signals:
        taken: A type was not made (Taken); ``replace`` makes it all the same.
        changed: A batch began or ended.
        recorded: A receipt or a measured loss was stored.
        said: Something failed: a sentence, and what helps.
    """

    changed = Signal()
    recorded = Signal()
    said = Signal(str, str)
    taken = Signal(object)

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._batches: list[Batch] = []

    @property
    def waiting_losses(self) -> tuple[tuple[str, str], ...]:
        """Measurements to come: types, and what they will be measured against."""
        return tuple(
            (", ".join(batch.quant_types), batch.source.ref.quant_type or "source")
            for batch in self._batches
            if batch.measure
        )

    def start(
        self,
        source: LibraryEntry,
        quant_types: Sequence[str],
        *,
        consented: bool,
        measure: bool,
        replace: bool = False,
    ) -> None:
        """Make these types of a source.

        Args:
            source: What to make them of.
            quant_types: What to make.
            consented: The user agreed to a loss on top of the source's.
            measure: Measure the losses afterwards.
            replace: The user agreed to lose files of the same names.
        """
        batch = Batch(source, tuple(quant_types), measure, set(quant_types))
        self._batches.append(batch)
        for quant_type in batch.quant_types:
            self._start_one(batch, quant_type, consented, replace)
        self.changed.emit()

    def replace(self, taken: Taken) -> None:
        """Make a type all the same."""
        self.start(taken.source, (taken.quant_type,), consented=taken.consented, measure=taken.measure, replace=True)

    def makes(self, source: LibraryEntry, quant_type: str) -> bool:
        """Whether this type of a source was asked for and is not there yet."""
        return any(batch.source.ref == source.ref and quant_type in batch.pending for batch in self._batches)

    def measure(self, base: LibraryEntry, entries: Sequence[LibraryEntry]) -> None:
        """Measure how far these are from their base."""
        self._pump.begin(
            lambda: self._garden.workshop.quality(base, entries),
            lambda _reports: self.recorded.emit(),
            self._on_failed,
            receiver=self,
        )

    def _start_one(self, batch: Batch, quant_type: str, consented: bool, replace: bool) -> None:
        def start() -> Handle[QuantizationReceipt]:
            return self._garden.workshop.quantize(batch.source, quant_type, allow_requantize=consented, replace=replace)

        def not_made(error: GardenError) -> None:
            self._end_one(batch, quant_type)
            if isinstance(error, AlreadyThereError):
                self.taken.emit(Taken(batch.source, quant_type, consented, batch.measure, error))
            else:
                self._on_failed(error)

        self._pump.begin(start, lambda receipt: self._on_made(batch, quant_type, receipt), not_made, receiver=self)

    def _on_made(self, batch: Batch, quant_type: str, receipt: QuantizationReceipt) -> None:
        batch.made.append(receipt)
        self.recorded.emit()
        self._end_one(batch, quant_type)

    def _end_one(self, batch: Batch, quant_type: str) -> None:
        batch.pending.discard(quant_type)
        if batch.pending:
            self.changed.emit()
            return
        self._batches.remove(batch)
        if batch.made and batch.measure:
            paths = [Path(receipt.path) for receipt in batch.made]
            self._pump.run(
                lambda: [self._garden.library.describe(path) for path in paths],
                lambda entries: self.measure(batch.source, entries),
                self._on_failed,
                receiver=self,
            )
        self.changed.emit()

    def _on_failed(self, error: GardenError) -> None:
        if not isinstance(error, CancelledByUser):
            self.said.emit(error.sentence, error.action)
