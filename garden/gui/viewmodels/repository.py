"""One repository of the Hub: its files, how each will run here, its card, its downloads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from garden.core.catalog import Repository
from garden.core.errors import GardenError
from garden.core.events import FitDecided, LibraryChanged, MachineRead, SpeedsChanged, WhatIfChanged
from garden.core.job_record import JobRecord
from garden.core.library_entry import LibraryEntry
from garden.core.load_choice import LoadChoice
from garden.core.run_configuration import DEFAULT_CONTEXT_LENGTH, LoadParameters, RunConfiguration
from garden.fit.default_load import with_found_layers
from garden.gui.viewmodels.family import QuantizationsViewModel, whole_family
from garden.gui.viewmodels.file_downloads import FileDownloads
from garden.gui.viewmodels.file_headers import FileHeaders
from garden.gui.viewmodels.file_measuring import FileMeasuring
from garden.gui.viewmodels.file_table import FileRow, FileTableModel
from garden.gui.viewmodels.latest_only import REST_MS, LatestOnly
from garden.gui.viewmodels.load_options import LoadOptions
from garden.gui.viewmodels.repository_card import RepositoryCard
from garden.gui.viewmodels.row_forecasts import (
    RatingQuestion,
    Ratings,
    rated_rows,
    recommended_rows,
    rows_with_entries,
)
from garden.gui.viewmodels.trust import TrustViewModel
from garden.services.files_beside import files_beside
from garden.services.hub_files import hub_ref
from garden.services.load_plan import LoadPlan, line_of, wanted_load

if TYPE_CHECKING:
    from garden.fit.projector import Projector
    from garden.gui.bridge.event_pump import EventPump
    from garden.jobs.handle import Handle
    from garden.services.garden import Garden

#: Smallest context that the slider offers.
SMALLEST_CONTEXT = 2_048

#: What this machine knows beside a repository's page: jobs and models of any repository.
_Around = tuple[Sequence[JobRecord], Sequence[LibraryEntry]]


class RepositoryViewModel(QObject):
    """What the right side of Discover shows.

    Signals:
        changed: Another repository is shown, or this one's page came or failed.
        selected_changed: Another file is selected, or new facts of the selected one are known.
        load_changed: Context or cache types changed.
        download_ended: A download ended: what to say, and what helps.
    """

    changed = Signal()
    selected_changed = Signal()
    load_changed = Signal()
    download_ended = Signal(str, str)

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self.files = FileTableModel(self)
        self.repo_id: str | None = None
        self.repository: Repository | None = None
        self.problem: GardenError | None = None
        self.card = RepositoryCard(garden, pump, self)
        self.family = whole_family(garden, pump, self)
        self.quantizations = QuantizationsViewModel(garden, pump, self)
        self.trust = TrustViewModel(garden, pump, self)
        self.options = LoadOptions(self)
        self.options.changed.connect(self._on_options_changed)
        self._selected: str | None = None
        self._chosen_by_hand = False
        self._page: Handle[Repository] | None = None
        self.headers = FileHeaders(garden, pump, self)
        self.headers.came.connect(self._forecast_all)
        self.headers.failed.connect(self._on_unreadable)
        self.headers.barred.connect(self.selected_changed)
        self._projector: Projector | None = None
        self._planning = LatestOnly(pump, self)
        # While a knob moves the engine is not asked about each place that it passes.
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._forecast_all)
        self._plan: LoadPlan | None = None
        self._downloads = FileDownloads(garden, pump, self)
        self._downloads.moved.connect(self._on_download_moved)
        self._downloads.fetched.connect(self._on_fetched)
        self._downloads.failed.connect(self.download_ended)
        pump.on(LibraryChanged, self._on_library_changed)
        self.measuring = FileMeasuring(garden, pump, self)
        self.measuring.moved.connect(self.selected_changed)
        pump.on(MachineRead, self._on_rating_changed)
        pump.on(FitDecided, self._on_rating_changed)
        pump.on(SpeedsChanged, self._on_rating_changed)
        pump.on(WhatIfChanged, self._on_rating_changed)

    # What is shown

    @property
    def busy(self) -> bool:
        """Whether the repository's page is under way."""
        return self._page is not None

    @property
    def chosen_by_hand(self) -> bool:
        """Whether the user has selected the file."""
        return self._chosen_by_hand

    @property
    def selected(self) -> FileRow | None:
        """The file that the detail panel is about."""
        number = self.files.row_of(self._selected) if self._selected else -1
        return self.files.rows[number] if number >= 0 else None

    @property
    def trained_context(self) -> int | None:
        """The context that the model was trained for."""
        trained = (row.header.context_length for row in self.files.rows if row.header is not None)
        return next(filter(None, trained), self.repository.summary.context_length if self.repository else None)

    @property
    def largest_context(self) -> int:
        """Upper end of the slider."""
        return max(self.trained_context or DEFAULT_CONTEXT_LENGTH, SMALLEST_CONTEXT)

    @property
    def context_length(self) -> int:
        """What is chosen, else what the settings say, else 16,384; at most what the model was trained for."""
        usual = self._garden.settings.current.context_length or DEFAULT_CONTEXT_LENGTH
        return min(self.options.choice.context_length or usual, self.largest_context)

    @property
    def kv_types(self) -> tuple[str, str]:
        """Types of the K and the V cache."""
        choice, usual = self.options.choice, self._garden.settings.current.kv_type
        return choice.type_k or usual, choice.type_v or usual

    @property
    def plan(self) -> LoadPlan | None:
        """How the selected file would be loaded and what it comes to; a moment later than the selection changes."""
        return self._plan

    @property
    def settled(self) -> bool:
        """Whether all that is shown is of what is chosen now."""
        return not self._planning.busy and not self._rest.isActive()

    def line(self, row: FileRow) -> str:
        """The command line of llama-server for what a row says; empty until its header was read."""
        if self.repository is None or row.header is None or row.load is None:
            return ""
        return line_of(RunConfiguration(model=hub_ref(self.repository, row.file), load=row.load))

    def load_here(self, row: FileRow) -> LoadParameters | None:
        """How a file is loaded on this machine with what is chosen now; None until its header was read.

        Where what the row says is of another choice, or of another machine, the number of layers is left to be found.
        """
        if row.header is None:
            return None
        if self._garden.what_if.chosen is not None:
            return wanted_load(self._garden.fit, row.header, self._choice.anywhere)
        wanted = wanted_load(self._garden.fit, row.header, self._choice)
        known = row.forecast is not None and row.load == with_found_layers(wanted, row.forecast)
        return row.load if known else wanted

    # What the user does

    def open(self, repo_id: str | None) -> None:
        """Show a repository, or (None) no one any more; the one that is shown stays as it is."""
        if repo_id is None:
            self._forget()
            self.repo_id = None
            self.changed.emit()
        elif repo_id != self.repo_id:
            self.reload(repo_id)

    def reload(self, repo_id: str | None = None) -> None:
        """Read the repository's page from the Hub (again)."""
        repo_id = repo_id or self.repo_id
        if repo_id is None:
            return
        self._forget()
        self.repo_id = repo_id
        page = self._page = self._garden.catalog.repository(repo_id)
        self._pump.watch(
            page,
            lambda repository: self._on_page(page, repository),
            lambda error: self._on_page_failed(page, error),
            receiver=self,
        )
        self.changed.emit()

    def refresh(self) -> None:
        """Forecast again with the memory that is free now."""
        self._forecast_all()

    def select(self, filename: str) -> None:
        """Make a file the subject of the detail panel."""
        self._chosen_by_hand = True
        if filename != self._selected:
            self._select(filename)

    def measure(self) -> None:
        """Measure the speed of the selected file on a shorter copy of it."""
        row = self.selected
        if row is not None and row.header is not None and self.repository is not None:
            load = wanted_load(self._garden.fit, row.header, self._choice, self._garden.what_if.snapshot)
            self.measuring.measure(self.repository, row.file, load)

    def download(self, filename: str) -> None:
        """Fetch a file, unless it is here or on its way; one that was paused goes on."""
        number = self.files.row_of(filename)
        row = self.files.rows[number] if number >= 0 else None
        if self.repository is not None and row is not None and row.entry is None and not row.downloading:
            self._downloads.begin(self.repository, row.file)

    def pause_download(self, filename: str) -> None:
        """Stop fetching a file for now; what came is kept, and ``download`` goes on with it."""
        self._downloads.pause(self.repo_id or "", filename)

    def cancel_download(self, filename: str) -> None:
        """Stop fetching a file for good and clear away what came of it."""
        self._downloads.cancel(self.repo_id or "", filename)

    # What came back

    def _forget(self) -> None:
        if self._page is not None:
            self._page.cancel()
        for asked in (self.card, self.family, self.quantizations, self.trust):
            asked.forget()
        self._page = self.repository = self.problem = self._selected = None
        self._chosen_by_hand = False
        self.options.begin_another()
        self.headers.forget()
        self._rest.stop()
        self._projector = self._plan = None
        self.files.replace(())

    def _on_page(self, page: Handle[Repository], repository: Repository) -> None:
        if page is not self._page:
            return
        self._pump.run(
            self._look_around,
            lambda around: self._on_looked_around(page, repository, around),
            lambda error: self._on_page_failed(page, error),
            receiver=self,
        )

    def _look_around(self) -> _Around:
        """Away from the Qt thread: what this machine knows of its models, and what will forecast."""
        assert self._garden.fit is not None
        return self._garden.activity.jobs(), self._garden.library.entries()

    def _on_looked_around(self, page: Handle[Repository], repository: Repository, around: _Around) -> None:
        if page is not self._page:
            return
        self._page = None
        self.repository = repository
        files = [file for file in repository.files if file.kind == "model"]
        jobs, entries = around
        self._downloads.take(jobs)
        repo_id = repository.summary.repo_id
        rows = [FileRow(file=file, job=self._downloads.job(repo_id, file.filename)) for file in files]
        self.files.replace(rows, files_beside(repository))
        self._show_entries(entries)
        self.changed.emit()
        self.headers.read(repository, files)
        projector = self._garden.fit.remote_projector(repository)
        self._pump.watch(projector, lambda found: self._on_projector(repository, found), lambda _: None, receiver=self)

    def _on_page_failed(self, page: Handle[Repository], error: GardenError) -> None:
        if page is self._page:
            self._page = None
            self.problem = error
            self.changed.emit()

    @Slot(str, str)
    def _on_unreadable(self, filename: str, why: str) -> None:
        self.files.update_row(self.files.row_of(filename), problem=why)
        self._recommend(self.files.rows)
        if filename == self._selected:
            self.selected_changed.emit()

    def _on_projector(self, repository: Repository, projector: Projector | None) -> None:
        if self.repository is repository and projector is not None:
            self._projector = projector
            self._forecast_all()

    @property
    def _choice(self) -> LoadChoice:
        # One context for all files: a header without the trained one must not show another figure than its siblings.
        return self.options.choice.with_values(context_length=self.context_length)

    @Slot()
    def _on_options_changed(self) -> None:
        self._rest.start()
        self._forecast_all()
        self.load_changed.emit()

    @Slot()
    def _forecast_all(self) -> None:
        """Have everything forecast that is known by now, away from the Qt thread; all rows move together."""
        headers, garden = self.headers, self._garden
        if self.repository is None or not (headers.known or headers.sketch):
            return
        question = RatingQuestion(
            repository=self.repository,
            files=[row.file for row in self.files.rows if not row.problem],
            headers=dict(headers.known),
            sketch=headers.sketch,
            projector=self._projector,
            choice=self._choice,
            selected=self._selected,
            ask_engine=not self._rest.isActive(),
        )
        self._planning.ask(lambda: question.answer(garden), self._on_rated)

    def _on_rated(self, ratings: Ratings) -> None:
        if self.repository is not ratings.repository:
            return
        rows = rated_rows(self.files.rows, ratings)
        come = any(
            row.header is not None and now.header is None for row, now in zip(rows, self.files.rows, strict=True)
        )
        if ratings.plan is not None and ratings.selected == self._selected:
            self._plan = ratings.plan
        self._recommend(rows)
        if come:
            # What the model was trained for may be known only now.
            self.load_changed.emit()
        self.selected_changed.emit()

    def _recommend(self, rows: Sequence[FileRow]) -> None:
        """Show the rows; mark the file to take, once every header was read. It is selected until the user selects one.

        Until then the first file that is known is selected, so that nothing jumps while headers come in.
        """
        rated = tuple((row.file, row.forecast) for row in rows if row.forecast and row.header)
        waiting = any(row.file.filename in self.headers.known and row.header is None for row in rows)
        whole = self.headers.whole and not waiting
        best = self._garden.fit.recommend(rated, self.options.choice) if whole else None
        self.files.update_rows(recommended_rows(rows, best))
        if self._chosen_by_hand or (not whole and self._selected is not None):
            return
        # Where nothing runs, the smallest comes nearest.
        nearest = min((file for file, _forecast in rated), key=lambda file: file.size_bytes, default=None)
        choice = best or nearest
        if choice is not None and choice.filename != self._selected:
            self._select(choice.filename)

    def _select(self, filename: str) -> None:
        self._selected = filename
        # Its plan follows; until then the one before stands there.
        self._forecast_all()
        self.selected_changed.emit()

    @Slot(str, str)
    def _on_download_moved(self, repo_id: str, filename: str) -> None:
        number = self.files.row_of(filename) if repo_id == self.repo_id else -1
        if number < 0:
            return
        self.files.update_row(number, job=self._downloads.job(repo_id, filename))
        if filename == self._selected:
            self.selected_changed.emit()

    @Slot(object)
    def _on_fetched(self, entry: LibraryEntry) -> None:
        name = " ".join(part for part in (entry.ref.name, entry.ref.quant_type) if part)

        def marked(entries: Sequence[LibraryEntry]) -> None:
            self._show_entries(entries)
            self.download_ended.emit(f"{name} is in the library.", "")

        self._pump.run(self._garden.library.entries, marked, self._on_failed, receiver=self)

    def _on_failed(self, error: GardenError) -> None:
        self.download_ended.emit(error.sentence, error.action)

    def _on_library_changed(self, _event: LibraryChanged) -> None:
        if self.repository is not None:
            self._pump.run(self._garden.library.entries, self._show_entries, self._on_failed)

    def _show_entries(self, entries: Sequence[LibraryEntry]) -> None:
        self.files.update_rows(rows_with_entries(self.files.rows, self.repo_id, entries))
        self.selected_changed.emit()

    def _on_rating_changed(self, _event: MachineRead | FitDecided | SpeedsChanged | WhatIfChanged) -> None:
        """Memory, machine, what the engine said or what is known of speeds changed: so may every forecast."""
        self.refresh()
