"""One repository of the Hub: its files, how each will run here, its card, its downloads."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from garden.core.catalog import Repository, RepositoryFile
from garden.core.errors import CancelledByUser, GardenError
from garden.core.events import FitDecided, LibraryChanged, MachineRead, SpeedsChanged, WhatIfChanged
from garden.core.job_record import JobRecord
from garden.core.library_entry import LibraryEntry
from garden.core.load_choice import LoadChoice
from garden.core.run_configuration import DEFAULT_CONTEXT_LENGTH, LoadParameters
from garden.gui.viewmodels.family import FamilyViewModel, QuantizationsViewModel
from garden.gui.viewmodels.file_downloads import FileDownloads
from garden.gui.viewmodels.file_measuring import FileMeasuring
from garden.gui.viewmodels.file_table import FileRow, FileTableModel
from garden.gui.viewmodels.load_options import LoadOptions
from garden.gui.viewmodels.row_forecasts import RowForecasts, recommended_rows, rows_with_entries
from garden.gui.viewmodels.trust import TrustViewModel
from garden.services.hub_files import hub_ref
from garden.services.load_plan import LoadPlan, load_plan, wanted_load

if TYPE_CHECKING:
    from garden.fit.projector import Projector
    from garden.gguf.header import GgufHeader
    from garden.gui.bridge.event_pump import EventPump
    from garden.jobs.handle import Handle
    from garden.services.garden import Garden

#: Headers read at the same time; each is one or more requests to the Hub.
_HEADERS_AT_ONCE = 2

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
        card_changed: The card came or failed.
        download_ended: A download ended: what to say, and what helps.
    """

    changed = Signal()
    selected_changed = Signal()
    load_changed = Signal()
    card_changed = Signal()
    download_ended = Signal(str, str)

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self.files = FileTableModel(self)
        self.repo_id: str | None = None
        self.repository: Repository | None = None
        self.problem: GardenError | None = None
        self.card: str | None = None
        self.card_problem: GardenError | None = None
        self.family = FamilyViewModel(garden, pump, self)
        self.quantizations = QuantizationsViewModel(garden, pump, self)
        self.trust = TrustViewModel(garden, pump, self)
        self.options = LoadOptions(self)
        self.options.changed.connect(self._on_options_changed)
        self._selected: str | None = None
        self._chosen_by_hand = False
        self._page: Handle[Repository] | None = None
        self._card: Handle[str] | None = None
        self._unread: deque[str] = deque()
        self._reading: dict[str, Handle[GgufHeader]] = {}
        self._forecasts = RowForecasts(garden, self._load)
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
        for row in self.files.rows:
            if row.header is not None and row.header.context_length:
                return row.header.context_length
        return self.repository.summary.context_length if self.repository else None

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

    def plan(self, row: FileRow) -> LoadPlan | None:
        """What would be loaded and what it comes to; None until the header was read."""
        if self.repository is None or row.header is None:
            return None
        model = hub_ref(self.repository, row.file)
        machine = self._garden.what_if.snapshot
        return load_plan(self._garden.fit, model, row.header, self._choice, row.forecast, machine)

    # What the user does

    def open(self, repo_id: str) -> None:
        """Show a repository; the one that is shown stays as it is."""
        if repo_id != self.repo_id:
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
        if any(row.header is not None for row in self.files.rows):
            self._forecast_all()

    def select(self, filename: str) -> None:
        """Make a file the subject of the detail panel."""
        self._chosen_by_hand = True
        if filename != self._selected:
            self._selected = filename
            self.selected_changed.emit()

    def measure(self) -> None:
        """Measure the speed of the selected file on a shorter copy of it."""
        row = self.selected
        if row is not None and row.header is not None and self.repository is not None:
            self.measuring.measure(self.repository, row.file, self._load(row.header))

    def read_card(self) -> None:
        """Fetch the model card once."""
        if self.repository is None or self._card is not None or self.card is not None:
            return
        self.card_problem = None
        card = self._card = self._garden.catalog.card(self.repository.summary.repo_id, self.repository.revision)
        self._pump.watch(
            card,
            lambda text: self._on_card(card, text, None),
            lambda error: self._on_card(card, None, error),
            receiver=self,
        )
        self.card_changed.emit()

    def download(self, filename: str) -> None:
        """Fetch a file, unless it is here or on its way; one that was paused goes on."""
        number = self.files.row_of(filename)
        if self.repository is None or number < 0:
            return
        row = self.files.rows[number]
        if row.entry is not None or row.downloading:
            return
        self._downloads.begin(self.repository, row.file)

    def cancel_download(self, filename: str) -> None:
        """Stop fetching a file; what is here is kept for the next time."""
        if self.repo_id is not None:
            self._downloads.cancel(self.repo_id, filename)

    # What came back

    def _forget(self) -> None:
        for handle in (self._page, self._card, *self._reading.values()):
            if handle is not None:
                handle.cancel()
        self._page = self._card = None
        for asked in (self.family, self.quantizations, self.trust):
            asked.forget()
        self._unread.clear()
        self._reading.clear()
        self.repository = self.problem = self.card = self.card_problem = None
        self._selected = None
        self._chosen_by_hand = False
        self.options.begin_another()
        self._forecasts.projector = None
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
        self.files.replace([FileRow(file=file, job=self._downloads.job(repo_id, file.filename)) for file in files])
        self._show_entries(entries)
        # The middle of the ladder is what most people take: its header comes first.
        middle = sorted(files, key=lambda file: (file.quant_type != "Q4_K_M", file.size_bytes))
        self._unread.extend(file.filename for file in middle)
        self.changed.emit()
        self._read_headers()
        projector = self._garden.fit.remote_projector(repository)
        self._pump.watch(projector, lambda found: self._on_projector(repository, found), lambda _: None, receiver=self)

    def _on_page_failed(self, page: Handle[Repository], error: GardenError) -> None:
        if page is self._page:
            self._page = None
            self.problem = error
            self.changed.emit()

    def _read_headers(self) -> None:
        while self.repository is not None and self._unread and len(self._reading) < _HEADERS_AT_ONCE:
            filename = self._unread.popleft()
            file = self.files.rows[self.files.row_of(filename)].file
            self._read_header(self.repository, file)

    def _read_header(self, repository: Repository, file: RepositoryFile) -> None:
        handle, sketch = self._forecasts.read(repository, file)
        self._reading[file.filename] = handle
        self._pump.watch(sketch, lambda header: self._on_sketch(repository, header), lambda _: None, receiver=self)
        self._pump.watch(
            handle,
            lambda header: self._on_header(file.filename, handle, header, None),
            lambda error: self._on_header(file.filename, handle, None, error),
            receiver=self,
        )

    def _on_sketch(self, repository: Repository, sketch: GgufHeader) -> None:
        if self.repository is repository:
            self.files.update_rows(self._forecasts.sketched(repository, self.files.rows, sketch))

    def _on_projector(self, repository: Repository, projector: Projector | None) -> None:
        if self.repository is repository and projector is not None:
            self._forecasts.projector = projector
            self._forecast_all()

    def _on_header(
        self, filename: str, handle: Handle[GgufHeader], header: GgufHeader | None, error: GardenError | None
    ) -> None:
        if self._reading.get(filename) is not handle:
            return
        del self._reading[filename]
        number = self.files.row_of(filename)
        if header is not None and self.repository is not None:
            file = self.files.rows[number].file
            forecast = self._forecasts.forecast(self.repository, file, header)
            self.files.update_row(number, header=header, forecast=forecast)
            self._recommend()
            self.load_changed.emit()
        elif error is not None and not isinstance(error, CancelledByUser):
            self.files.update_row(number, problem=error.sentence)
            self._recommend()
        if filename == self._selected:
            self.selected_changed.emit()
        self._read_headers()

    def _load(self, header: GgufHeader) -> LoadParameters:
        return wanted_load(self._garden.fit, header, self._choice, self._garden.what_if.snapshot)

    @property
    def _choice(self) -> LoadChoice:
        # One context for all files: a header without the trained one must not show another figure than its siblings.
        return self.options.choice.with_values(context_length=self.context_length)

    @Slot()
    def _on_options_changed(self) -> None:
        self._forecast_all()
        self.load_changed.emit()

    def _forecast_all(self) -> None:
        if self.repository is not None:
            self.files.update_rows(self._forecasts.anew(self.repository, self.files.rows))
        self._recommend()
        self.selected_changed.emit()

    def _recommend(self) -> None:
        """Mark the file to take, once every header was read; it is selected until the user selects another.

        Until then the first file that is known is selected, so that nothing jumps while headers come in.
        """
        rated = tuple((row.file, row.forecast) for row in self.files.rows if row.forecast and row.header)
        whole = not self._unread and not self._reading
        best = self._garden.fit.recommend(rated) if whole else None
        self.files.update_rows(recommended_rows(self.files.rows, best))
        if self._chosen_by_hand or (not whole and self._selected is not None):
            return
        # Where nothing runs, the smallest comes nearest.
        nearest = min((file for file, _forecast in rated), key=lambda file: file.size_bytes, default=None)
        choice = best or nearest
        if choice is not None and choice.filename != self._selected:
            self._selected = choice.filename
            self.selected_changed.emit()

    def _on_card(self, card: Handle[str], text: str | None, error: GardenError | None) -> None:
        if card is not self._card:
            return
        self._card = None
        self.card, self.card_problem = text, error
        self.card_changed.emit()

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
