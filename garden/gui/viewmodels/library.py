"""The Library: what is on this machine, how it will run, and what can be done with it."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from garden.core.errors import CancelledByUser, GardenError
from garden.core.events import JobChanged, LibraryChanged, MachineRead, SpeedsChanged, WhatIfChanged
from garden.core.fit_forecast import Verdict
from garden.core.job_record import JobKind, JobState
from garden.core.library_entry import LibraryEntry
from garden.core.load_choice import LoadChoice
from garden.core.quantity import format_bytes
from garden.core.run_configuration import LoadParameters
from garden.gui.viewmodels.addition import Addition, add
from garden.gui.viewmodels.latest_only import REST_MS, LatestOnly
from garden.gui.viewmodels.library_checking import LibraryChecking
from garden.gui.viewmodels.library_measuring import LibraryMeasuring
from garden.gui.viewmodels.library_reading import ReadLibrary, read_library
from garden.gui.viewmodels.library_table import SEGMENTS, LibraryFilter, LibraryRow, LibraryTableModel
from garden.gui.viewmodels.load_options import LoadOptions
from garden.gui.viewmodels.readings import begin_scan
from garden.gui.viewmodels.wording import about
from garden.services.load_plan import LoadPlan, load_plan, wanted_load

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.services.garden import Garden
    from garden.services.removal_plan import RemovalPlan
    from garden.services.unfinished import RestingDownload


_UPSTREAM = {
    "same": "is what the Hub has",
    "changed": "was replaced on the Hub",
    "gone": "is no longer on the Hub",
}


class LibraryViewModel(QObject):
    """Keeps the table up to date and runs what the user asks for.

    Signals:
        changed: The list, or what is known of a model, changed.
        added: Files were taken; they will be listed (their paths).
        said: Something ended: a sentence, and what helps when it failed.
    """

    changed = Signal()
    added = Signal(object)
    said = Signal(str, str)

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._loaded = False
        self._reload_wanted = False
        self._reloading = False
        self._downloads: dict[str, JobState] = {}
        self.table = LibraryTableModel(self)
        self.shown = LibraryFilter(self)
        self.shown.setSourceModel(self.table)
        pump.on(LibraryChanged, self._on_library_changed)
        pump.on(MachineRead, self._on_machine_read)
        pump.on(SpeedsChanged, self._on_machine_read)
        pump.on(WhatIfChanged, self._on_machine_read)
        pump.on(JobChanged, self._on_job_changed)
        self.measuring = LibraryMeasuring(garden, pump, self)
        self.checking = LibraryChecking(garden, pump, self)
        self.checking.moved.connect(self.table.set_verifying)
        self.checking.ended.connect(self._reload)
        self.checking.said.connect(self.said)
        self.options = LoadOptions(self)
        self.options.changed.connect(self._plan_all)
        self._planning = LatestOnly(pump, self)
        # While a knob moves the engine is not asked about each place that it passes.
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._decide)

    @property
    def loaded(self) -> bool:
        """Whether the list has been read once."""
        return self._loaded

    @property
    def counts(self) -> Mapping[str, int]:
        """Models per segment."""
        origins = Counter(row.entry.origin for row in self.table.rows)
        return {name: sum(origins[origin] for origin in of) for name, (_word, of) in SEGMENTS.items()}

    @property
    def size_bytes(self) -> int:
        """All models together."""
        return sum(row.here_bytes for row in self.table.rows)

    @property
    def twice_bytes(self) -> int:
        """Bytes that lie here more than once, by hash; hard links and links count once."""
        return sum(row.entry.ref.size_bytes for row in self.table.rows if row.twin is not None)

    # What the user does

    def load(self) -> None:
        """Read the list as the index knows it, then look at the disk."""
        self._reload()
        self._pump.begin(lambda: begin_scan(self._garden), self._on_scanned, self._on_failed)

    def refresh(self) -> None:
        """Forecast again with the memory that is free now."""
        self._forecast([row.entry for row in self.table.rows if row.entry.problem is None])
        self._look_seldom()

    def add(self, paths: Sequence[Path]) -> None:
        """Take files, and the GGUF files of folders, into the list; they stay where they are."""
        self._pump.run(lambda: add(self._garden.library, paths), self._on_added, self._on_failed, receiver=self)

    def verify(self, entry: LibraryEntry) -> None:
        """Hash a model and compare with what the Hub promised."""
        self.checking.begin(entry)

    def verify_all(self) -> None:
        """Hash every model that was not checked yet."""
        for row in self.table.rows:
            if row.entry.verified is None and row.verifying is None and row.entry.problem is None:
                self.verify(row.entry)

    def find_loads(
        self,
        rows: Sequence[LibraryRow],
        then: Callable[[Sequence[LibraryEntry], Mapping[str, LoadParameters]], None],
    ) -> None:
        """Find how models are loaded on this machine with what is chosen now.

        Args:
            rows: The models.
            then: Called with them, and with their loads by path; at once where what the rows say is of that choice.
        """
        choice, entries = self.options.choice, tuple(row.entry for row in rows)
        if all((row.plan.choice if row.plan else LoadChoice()) == choice for row in rows):
            then(entries, _loads((row.entry, row.plan) for row in rows if row.plan is not None))
            return

        def work() -> Mapping[str, LoadParameters]:
            return _loads((entry, self._plan(entry, choice)) for entry in entries)

        self._pump.run(work, lambda loads: then(entries, loads), self._on_failed, receiver=self, ahead=True)

    def plan_removal(self, entry: LibraryEntry, then: Callable[[RemovalPlan], None]) -> None:
        """Count what removing a model would free, then go on with that."""
        self._pump.run(
            lambda: self._garden.library.removal(entry),
            then,
            lambda error: self._on_failed(error, entry.ref.name),
            receiver=self,
        )

    def remove(self, entry: LibraryEntry) -> None:
        """Move a model to the bin."""
        self._pump.run(
            lambda: self._garden.library.remove(entry),
            lambda plan: self.said.emit(plan.done_sentence, ""),
            lambda error: self._on_failed(error, entry.ref.name),
            receiver=self,
        )

    def forget(self, entry: LibraryEntry) -> None:
        """List a model no longer of which nothing is left, or which was added as a single file."""

        def work() -> None:
            if self._garden.library.is_single(entry):
                self._garden.library.forget(entry)
            else:
                self._garden.library.remove(entry)

        self._pump.run(
            work,
            lambda _none: self.said.emit(f"{entry.ref.name} is listed no longer.", ""),
            lambda error: self._on_failed(error, entry.ref.name),
            receiver=self,
        )

    def resume(self, resting: RestingDownload) -> None:
        """Let a download go on."""
        self._pump.run(
            lambda: self._garden.unfinished.resume(resting),
            lambda _none: self._reload(),
            lambda error: self._on_failed(error, resting.entry.ref.name),
            receiver=self,
        )

    def clear(self, resting: RestingDownload) -> None:
        """Do away with what is here of a download that did not end."""
        name = resting.entry.ref.name
        self._pump.run(
            lambda: self._garden.unfinished.clear(resting),
            lambda freed: self.said.emit(f"What was here of {name} is gone; {format_bytes(freed)} are free again.", ""),
            lambda error: self._on_failed(error, name),
            receiver=self,
        )

    def look_upstream(self, entry: LibraryEntry) -> None:
        """Ask the Hub whether a model was replaced there."""

        def told(entries: tuple[LibraryEntry, ...]) -> None:
            found = next((other for other in entries if other.ref.path == entry.ref.path), entry)
            # Without an answer it was removed meanwhile, and nobody waits for one.
            if found.upstream is not None:
                self.said.emit(f"{entry.ref.name} {_UPSTREAM[found.upstream.state]}.", "")

        self._pump.begin(
            lambda: self._garden.library.upstream.check([entry]),
            told,
            lambda error: self._on_failed(error, entry.ref.name),
            receiver=self,
        )

    def fetch_newer(self, entry: LibraryEntry) -> None:
        """Fetch what has replaced a model on the Hub, beside it."""
        self.said.emit(f"{entry.ref.name} is fetched beside the old one; Activity shows how far it is.", "")
        self._pump.begin(
            lambda: self._garden.library.upstream.fetch_newer(entry),
            lambda _entry: self._reload(),
            lambda error: self._on_failed(error, entry.ref.name),
            receiver=self,
        )

    # What came back

    def _reload(self) -> None:
        if self._reloading:
            self._reload_wanted = True
            return
        self._reloading = True
        self._pump.run(lambda: read_library(self._garden), self._on_read, self._on_read_failed)

    def _on_read(self, read: ReadLibrary) -> None:
        entries = read.entries
        self._reloading = False
        self._loaded = True
        known = {(row.entry.ref.path, row.entry.ref.filenames): row for row in self.table.rows}
        rows = []
        for entry in entries:
            before = known.get((entry.ref.path, entry.ref.filenames))
            rows.append(
                LibraryRow(
                    entry=entry,
                    forecast=before.forecast if before else None,
                    plan=before.plan if before else None,
                    verifying=before.verifying if before else None,
                    twin=read.twins.get(entry.ref.path or ""),
                    newer=read.newer.get(entry.ref.path or ""),
                    tells_commit=entry.ref.path in read.several,
                )
            )
        rows += [LibraryRow(entry=resting.entry, resting=resting) for resting in read.resting]
        self.table.replace(rows)
        self.changed.emit()
        self._forecast([row.entry for row in rows if row.forecast is None and row.entry.problem is None])
        self._read_again()

    def _on_read_failed(self, error: GardenError) -> None:
        self._reloading = False
        self._on_failed(error)
        self._read_again()

    def _read_again(self) -> None:
        if self._reload_wanted:
            self._reload_wanted = False
            self._reload()

    def _forecast(self, entries: list[LibraryEntry]) -> None:
        for entry in entries:
            self._forecast_one(entry)

    def _forecast_one(self, entry: LibraryEntry) -> None:
        choice = self.options.choice
        self._pump.run(
            lambda: self._plan(entry, choice, decided=True),
            lambda plan: self._on_planned(choice, [(entry, plan)]),
            lambda _error: None,
            receiver=self,
        )

    @Slot()
    def _plan_all(self) -> None:
        """Forecast all models with what is chosen, so that they move together; nothing waits for the engine."""
        choice, entries = self.options.choice, [row.entry for row in self.table.rows if row.entry.problem is None]

        def work() -> list[tuple[LibraryEntry, LoadPlan]]:
            plans = []
            for entry in entries:
                with contextlib.suppress(GardenError):
                    plans.append((entry, self._plan(entry, choice)))
            return plans

        self._planning.ask(work, lambda plans: self._on_planned(choice, plans))
        self._rest.start()

    @Slot()
    def _decide(self) -> None:
        """Now that the choice stands, have the engine say where the formula leaves a verdict open."""
        self._forecast(
            [row.entry for row in self.table.rows if row.forecast and row.forecast.verdict is Verdict.UNKNOWN]
        )

    def _plan(self, entry: LibraryEntry, choice: LoadChoice, *, decided: bool = False) -> LoadPlan:
        """Away from the Qt thread: how a model would be loaded.

        Args:
            entry: The model.
            choice: How it is to be loaded.
            decided: Wait for the engine where the formula leaves the verdict open.
        """
        fit, machine = self._garden.fit, self._garden.what_if.snapshot
        header = fit.header(entry.ref)
        load = wanted_load(fit, header, choice, machine)
        if machine is not None:
            forecast = fit.forecast_header(header, load, machine)
        else:
            forecast = (
                fit.forecast(entry, load) if decided else fit.forecast_here(entry.ref, header, load, ask_engine=False)
            )
        return load_plan(fit, entry.ref, header, choice, forecast, machine)

    def _on_planned(self, choice: LoadChoice, plans: Sequence[tuple[LibraryEntry, LoadPlan]]) -> None:
        # While a knob moves each answer is shown; one that comes after newer ones is not.
        if choice == self.options.choice or self._planning.busy:
            self.table.set_plans(plans)
            self.changed.emit()

    def _on_scanned(self, _entries: tuple[LibraryEntry, ...]) -> None:
        self._reload()
        self._look_seldom()

    def _look_seldom(self) -> None:
        """Whenever the list is opened, ask the Hub about what was not looked at for a day; the list tells the rest."""
        self._pump.begin(
            self._garden.library.upstream.check_seldom,
            lambda _entries: None,
            lambda _error: None,  # nobody has asked
        )

    def _on_added(self, addition: Addition) -> None:
        self.said.emit(addition.sentence, addition.action)
        self.added.emit(addition.paths)
        self._reload()

    def _on_failed(self, error: GardenError, name: str = "") -> None:
        if not isinstance(error, CancelledByUser):
            self.said.emit(about(name, error.sentence), error.action)

    def _on_library_changed(self, _event: LibraryChanged) -> None:
        if self._loaded:
            self._reload()

    def _on_machine_read(self, _event: MachineRead | SpeedsChanged | WhatIfChanged) -> None:
        """Free memory changed, or more is known of speeds: so may every forecast."""
        self.refresh()

    def _on_job_changed(self, event: JobChanged) -> None:
        job = event.job
        verified = job.kind is JobKind.VERIFY and job.state.ended
        # A download that rests has a row; one that goes on has none.
        turned = job.kind is JobKind.DOWNLOAD and self._downloads.get(job.id) is not job.state
        if job.kind is JobKind.DOWNLOAD:
            self._downloads[job.id] = job.state
        if (verified or turned) and self._loaded:
            self._reload()


def _loads(plans: Iterable[tuple[LibraryEntry, LoadPlan]]) -> Mapping[str, LoadParameters]:
    return {entry.ref.path: plan.here for entry, plan in plans if entry.ref.path is not None}
