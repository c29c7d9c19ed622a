"""The right side of Discover: one repository with its files and its card."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QModelIndex, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from garden.core.catalog import ModelSummary
from garden.core.errors import GatedError, HubUnreachableError, NotFoundError
from garden.gui.pages.access_states import show_gated, show_unauthorized
from garden.gui.pages.cancel_question import CancelQuestion
from garden.gui.pages.card_view import CardView
from garden.gui.pages.family_view import FamilyView
from garden.gui.pages.file_detail import FileDetail
from garden.gui.pages.file_row_delegate import FileRowDelegate
from garden.gui.pages.load_bar import LoadBar
from garden.gui.pages.load_opener import LoadOpener
from garden.gui.pages.repository_head import RepositoryHead
from garden.gui.pages.row_table import RowTable
from garden.gui.pages.tab_bar import TabBar
from garden.gui.pages.trust_view import TrustView
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.asked_when_seen import AskedWhenSeen
from garden.gui.viewmodels.file_table import FileColumn, FileRole, FileRow
from garden.gui.viewmodels.repository import RepositoryViewModel
from garden.gui.widgets.label import Label
from garden.gui.widgets.skeleton import Skeleton
from garden.gui.widgets.state_view import StateView
from garden.gui.widgets.themed_widget import Surface
from garden.services.load_plan import LoadPlan

#: Columns of FileColumn, gaps included: type, size, memory (grows), verdict, speed, action.
_WIDTHS = (20 + 150, 56, None, 14 + 112, 14 + 52, 14 + 28 + 16)
_INSETS = (20, 0, 14, 14, 0, 0)
_LEGEND = (("memory.weights", "Weights"), ("memory.kv", "KV cache"), ("memory.compute", "Compute"))

_NO_FAMILY = (
    "No relatives are known",
    "Its card names no model that it was made from, and no other card names it.",
)
_NO_RUNNABLE = (
    "No GGUF files here",
    "Garden runs GGUF files, and no repository says that it holds this model as such.",
)


class RepositoryView(Surface):
    """Shows what RepositoryViewModel holds.

    Signals:
        compare_wanted: Files of this repository that are here are to be tried: their entries, and how each is loaded
            by its path.
        repository_wanted: Another repository is to be opened.
        said: Something to say: a sentence and what helps.
        sign_in_wanted: A token would help, or another one.
        without_token_wanted: The token is not accepted, and the user goes on without one.
    """

    compare_wanted = Signal(object, object)
    repository_wanted = Signal(str)
    said = Signal(str, str)
    sign_in_wanted = Signal()
    without_token_wanted = Signal()

    def __init__(
        self,
        view_model: RepositoryViewModel,
        theme: ThemeController,
        endpoint: Callable[[], str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, "bg.surface", parent=parent)
        self._view_model = view_model
        self._endpoint = endpoint
        self._disk_free: int | None = None
        self._head = RepositoryHead(theme)
        self._tabs = TabBar(theme, name="repository.tabs", label="Parts of the repository")
        self._tabs.addTab("Files")
        self._tabs.addTab("Card")
        self._tabs.addTab("Lineage")
        self._tabs.addTab("Trust")
        self._load = LoadBar(theme)
        self._opener = LoadOpener(theme, self._load, view_model.options, self._plan_at_hand)
        self._table = RowTable(
            theme,
            height="row_file",
            widths=_WIDTHS,
            insets=_INSETS,
            legend=(FileColumn.MEMORY, _LEGEND),
            name="files",
            label="Files of the repository",
        )
        self._table.setProperty("dimsSelection", False)
        self._table.setItemDelegate(FileRowDelegate(theme, "row_file", self._table))
        self._table.setModel(view_model.files)
        self._table.apply_sizes()
        self._detail = FileDetail(theme)
        self._cancelling = CancelQuestion(theme, self, view_model)
        self._card = CardView(theme)
        self._family = FamilyView(view_model.family, theme, name="repository.family", nothing=_NO_FAMILY)
        self._trust = TrustView(view_model.trust, theme)
        self._runnable = FamilyView(view_model.quantizations, theme, name="repository.runnable", nothing=_NO_RUNNABLE)
        self._no_files = Label(theme, color="text.secondary")
        self._no_files.setObjectName("repository.no_files")
        self._state = StateView(theme, name="repository.state")
        self._gated = StateView(theme, name="repository.gated")
        self._pages = QStackedWidget()
        self._bodies = QStackedWidget()
        self._build(theme)
        self._connect()
        self._on_changed()

    def _build(self, theme: ThemeController) -> None:
        px = theme.theme.px
        files = QWidget()
        column = QVBoxLayout(files)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._load)
        column.addWidget(self._table, 1)
        self._detail_edge = Surface(theme, "border.default")
        self._detail_edge.setFixedHeight(1)
        column.addWidget(self._detail_edge)
        column.addWidget(self._detail)
        self._bodies.addWidget(files)
        self._bodies.addWidget(self._card)
        self._bodies.addWidget(self._family)
        self._bodies.addWidget(self._trust)
        self._elsewhere = QWidget()
        around = QVBoxLayout(self._elsewhere)
        around.setContentsMargins(0, px(12), 0, 0)
        around.setSpacing(px(4))
        self._no_files.setContentsMargins(px(16), 0, px(16), 0)
        around.addWidget(self._no_files)
        around.addWidget(self._runnable, 1)
        self._bodies.addWidget(self._elsewhere)
        self._bodies.addWidget(self._gated)
        body = QWidget()
        inner = QVBoxLayout(body)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(0)
        inner.addWidget(self._head)
        tabs = QHBoxLayout()
        tabs.setContentsMargins(px(20), 0, 0, 0)
        tabs.setSpacing(0)
        tabs.addWidget(self._tabs)
        band = Surface(theme, "bg.surface", edges="b")
        band.setContentsMargins(0, 0, 0, 0)
        band.setLayout(tabs)
        inner.addWidget(band)
        inner.addWidget(self._bodies, 1)
        self._skeleton = Skeleton(theme, 46)
        for page in (body, self._skeleton, self._state):
            self._pages.addWidget(page)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._pages)

    def _connect(self) -> None:
        view_model = self._view_model
        view_model.changed.connect(self._on_changed)
        view_model.selected_changed.connect(self._on_selected_changed)
        view_model.load_changed.connect(self._on_load_changed)
        view_model.card.changed.connect(self._on_card_changed)
        view_model.download_ended.connect(self.said)
        view_model.measuring.said.connect(self.said)
        self._tabs.currentChanged.connect(self._on_tab_changed)
        self._opener.copied.connect(self._on_copied)
        self._table.selectionModel().currentRowChanged.connect(self._on_row_chosen)
        self._table.clicked.connect(self._on_cell_clicked)
        self._table.row_entered.connect(self._on_row_entered)
        self._detail.download_wanted.connect(self._on_download)
        self._detail.pause_wanted.connect(self._on_pause)
        self._detail.cancel_wanted.connect(self._on_cancel)
        self._detail.measure_wanted.connect(view_model.measure)
        self._detail.measure_cancel_wanted.connect(self._on_measure_cancelled)
        self._detail.compare_wanted.connect(self._on_try)
        self._detail.copied.connect(self._on_copied)
        self._head.browse.clicked.connect(self._on_browse)
        self._head.compare.clicked.connect(self._on_compare)
        self._card.link_opened.connect(self._on_link)
        for relatives in (self._family, self._runnable):
            relatives.opened.connect(self.repository_wanted)

    def show_disk(self, free_bytes: int | None) -> None:
        """Say how much room there is where downloads go."""
        self._disk_free = free_bytes
        self._on_selected_changed()

    def focus_files(self) -> None:
        """Put the keyboard into the table."""
        self._table.setFocus(Qt.FocusReason.OtherFocusReason)

    @property
    def row(self) -> FileRow | None:
        """The file that is chosen."""
        return self._view_model.selected

    # What the view model says

    @Slot()
    def _on_changed(self) -> None:
        view_model = self._view_model
        if view_model.repository is not None:
            self._head.show_summary(view_model.repository.summary, view_model.trained_context)
            self._tabs.set_count(0, len(view_model.files.rows) or None)
            self._span_beside()
            self._tabs.setCurrentIndex(0)
            self._bodies.setCurrentIndex(0)
            self._card.clear()
            self._pages.setCurrentIndex(0)
            self._on_load_changed()
            self._on_selected_changed()
            if not view_model.files.rows:
                self._show_no_files()
        elif view_model.busy:
            self._pages.setCurrentWidget(self._skeleton)
        else:
            self._show_problem()

    def _span_beside(self) -> None:
        """What is told of files beside the models takes all columns right of their size."""
        files = self._view_model.files
        self._table.clearSpans()
        for row in range(len(files.rows), len(files.rows) + len(files.beside)):
            self._table.setSpan(row, FileColumn.MEMORY, 1, len(FileColumn) - FileColumn.MEMORY)

    def _show_no_files(self) -> None:
        """Say what is here instead, and lead to repositories that hold this model as something that runs."""
        repository = self._view_model.repository
        if repository is None:
            return
        self._no_files.setText(self._view_model.quantizations.why(repository))
        self._bodies.setCurrentWidget(self._elsewhere)
        self._view_model.quantizations.read(repository)

    def _show_problem(self) -> None:
        problem = self._view_model.problem
        if problem is None:
            self._state.show_state("discover", "Choose a model", "Its files and how each will run here show up here.")
        elif isinstance(problem, GatedError):
            self._say_gated(self._state, ModelSummary(repo_id=self._view_model.repo_id or ""), problem)
        elif show_unauthorized(
            self._state, problem, sign_in=self.sign_in_wanted.emit, without=self.without_token_wanted.emit
        ):
            pass
        elif isinstance(problem, HubUnreachableError):
            self._state.show_error(problem, self._view_model.reload, icon="offline")
        elif isinstance(problem, NotFoundError):
            self._state.show_state("search", problem.sentence.rstrip("."), problem.action)
        else:
            self._state.show_error(problem, self._view_model.reload)
        self._pages.setCurrentWidget(self._state)

    def _show_gated(self) -> None:
        """In the place of files of which no header may be read."""
        repository, gated = self._view_model.repository, self._view_model.headers.gated
        if repository is not None and gated is not None and self._tabs.currentIndex() == 0:
            self._say_gated(self._gated, repository.summary, gated)
            self._bodies.setCurrentWidget(self._gated)

    def _say_gated(self, state: StateView, summary: ModelSummary, gated: GatedError) -> None:
        again: Callable[[], None] = self._view_model.reload
        show_gated(state, summary, gated, ask=self._on_browse, sign_in=self.sign_in_wanted.emit, again=again)

    @Slot()
    def _on_load_changed(self) -> None:
        view_model = self._view_model
        self._load.show_load(view_model.context_length, view_model.largest_context, *view_model.kv_types)

    @Slot()
    def _on_selected_changed(self) -> None:
        row = self._view_model.selected
        self._show_gated()
        self._detail.setVisible(row is not None)
        self._detail_edge.setVisible(row is not None)
        self._head.compare.setVisible(bool(self._here()))
        if row is None:
            return
        self._opener.show_plan(self._view_model.plan)
        measuring = self._view_model.measuring.of(self._view_model.repository, row.file, row.load)
        self._detail.show_row(row, self._view_model.line(row), self._disk_free, measuring)
        number = self._view_model.files.row_of(row.file.filename)
        if self._table.currentIndex().row() != number:
            if not self._view_model.chosen_by_hand:
                self._table.scrollToTop()
            self._table.selectRow(number)

    @Slot()
    def _on_card_changed(self) -> None:
        card, repository = self._view_model.card, self._view_model.repository
        if card.text is not None:
            self._card.show_card(card.text, repository.summary.license if repository is not None else None)
        elif card.problem is not None:
            self._card.show_problem(card.problem, card.read_again)
        else:
            self._card.show_loading()

    # What the user does

    def _plan_at_hand(self) -> LoadPlan | None:
        return self._view_model.plan

    @Slot()
    def _on_copied(self) -> None:
        self.said.emit("The command line was copied.", "")

    @Slot(int)
    def _on_tab_changed(self, tab: int) -> None:
        self._bodies.setCurrentIndex(tab)
        if tab == 0 and self._view_model.repository is not None and not self._view_model.files.rows:
            self._show_no_files()
        elif self._view_model.repository is not None and (asked := self._asked_by(tab)) is not None:
            asked.read(self._view_model.repository)
        self._show_gated()

    def _asked_by(self, tab: int) -> AskedWhenSeen | None:
        view_model = self._view_model
        return {1: view_model.card, 2: view_model.family, 3: view_model.trust}.get(tab)

    @Slot(QModelIndex, QModelIndex)
    def _on_row_chosen(self, current: QModelIndex, _previous: QModelIndex) -> None:
        row = current.data(FileRole.ROW)
        selected = self._view_model.selected
        if isinstance(row, FileRow) and (selected is None or row.file.filename != selected.file.filename):
            self._view_model.select(row.file.filename)

    @Slot(QModelIndex)
    def _on_cell_clicked(self, index: QModelIndex) -> None:
        if index.column() == FileColumn.ACTION:
            self._act(index)

    @Slot(QModelIndex)
    def _on_row_entered(self, index: QModelIndex) -> None:
        self._act(index)

    def _act(self, index: QModelIndex) -> None:
        row = index.data(FileRole.ROW)
        if not isinstance(row, FileRow) or row.entry is not None:
            return
        act = self._view_model.pause_download if row.downloading else self._view_model.download
        act(row.file.filename)

    @Slot()
    def _on_download(self) -> None:
        if (row := self.row) is not None:
            self._view_model.download(row.file.filename)

    @Slot()
    def _on_measure_cancelled(self) -> None:
        row, repository = self.row, self._view_model.repository
        if row is not None and repository is not None:
            self._view_model.measuring.stop(repository, row.file)

    @Slot()
    def _on_pause(self) -> None:
        if (row := self.row) is not None:
            self._view_model.pause_download(row.file.filename)

    @Slot()
    def _on_cancel(self) -> None:
        if (row := self.row) is not None:
            self._cancelling.ask(row)

    @Slot()
    def _on_try(self) -> None:
        if (row := self.row) is not None and row.entry is not None:
            self._compare([row])

    @Slot()
    def _on_compare(self) -> None:
        self._compare(self._here()[:4])

    def _here(self) -> Sequence[FileRow]:
        return [row for row in self._view_model.files.rows if row.entry is not None]

    def _compare(self, rows: Sequence[FileRow]) -> None:
        entries = tuple(row.entry for row in rows if row.entry is not None)
        loads = {
            row.entry.ref.path: load
            for row in rows
            if row.entry is not None and row.entry.ref.path and (load := self._view_model.load_here(row)) is not None
        }
        self.compare_wanted.emit(entries, loads)

    @Slot()
    def _on_browse(self) -> None:
        if self._view_model.repo_id is not None:
            self._on_link(f"{self._endpoint()}/{self._view_model.repo_id}")

    @Slot(str)
    def _on_link(self, address: str) -> None:
        if address.startswith(("https://", "http://")):
            QDesktopServices.openUrl(QUrl(address))
