"""Discover: search the Hub, see what runs here, look into a repository, fetch a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from PySide6.QtCore import QModelIndex, Qt, Slot
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from garden.core.errors import HubUnreachableError, RateLimitedError
from garden.core.events import SettingsChanged
from garden.core.quantity import format_duration
from garden.gui.pages.filter_bar import SORTS, FilterBar
from garden.gui.pages.model_row_delegate import ModelRowDelegate
from garden.gui.pages.repository_view import RepositoryView
from garden.gui.pages.row_views import RowList
from garden.gui.pages.sort_menu import SortMenu
from garden.gui.viewmodels.free_space import free_bytes
from garden.gui.viewmodels.model_list import ModelRole
from garden.gui.viewmodels.repository import RepositoryViewModel
from garden.gui.viewmodels.search import SearchViewModel
from garden.gui.widgets.button import Kind
from garden.gui.widgets.field import Field
from garden.gui.widgets.label import Label
from garden.gui.widgets.page_header import PageHeader
from garden.gui.widgets.skeleton import Skeleton
from garden.gui.widgets.state_view import StateView
from garden.gui.widgets.themed_widget import Surface

if TYPE_CHECKING:
    from garden.core.library_entry import LibraryEntry
    from garden.gui.bridge.event_pump import EventPump
    from garden.gui.navigator import Navigator
    from garden.gui.theme.theme import ThemeController
    from garden.services.garden import Garden

#: A button of a state: label, kind, icon, what to call.
Action = tuple[str, Kind, str | None, Callable[[], None]]

#: Below this width of the page the list takes less.
_NARROW = 1_110
_NARROW_LIST = 380


class DiscoverPage(QWidget):
    """The page.

    Args:
        garden: Services.
        pump: Brings their answers to the Qt thread.
        navigator: The window.
        theme: Where colours come from.
    """

    def __init__(self, garden: Garden, pump: EventPump, navigator: Navigator, theme: ThemeController) -> None:
        super().__init__()
        self.setObjectName("page")
        self._garden = garden
        self._navigator = navigator
        self._theme = theme
        self._begun = False
        self.search = SearchViewModel(garden, pump, self)
        self.repository = RepositoryViewModel(garden, pump, self)
        self._pump = pump
        self.header = PageHeader(theme)
        self._field = Field(
            theme,
            "Search models, authors or owner/repo",
            name="search",
            label="Search the Hub",
            icon="search",
            key="Ctrl F",
            width=420,
        )
        self._host = Label(theme, style="small", color="text.muted", elide=Qt.TextElideMode.ElideRight)
        self._filters = FilterBar(theme)
        self._count = Label(theme, style="caption", color="text.muted", elide=Qt.TextElideMode.ElideRight)
        self._count.setObjectName("discover.count")
        self._sort = SortMenu(theme, SORTS, name="discover.sort")
        self._list = RowList(theme, name="models", label="Models")
        self._list.setProperty("dimsSelection", False)
        self._list.setItemDelegate(ModelRowDelegate(theme, "row_model", self._list))
        self._list.setModel(self.search.models)
        self._skeleton = Skeleton(theme, 58)
        self._state = StateView(theme, name="discover.state")
        self._lists = QStackedWidget()
        self._view = RepositoryView(self.repository, theme, garden.catalog.endpoint)
        self._build()
        self._connect()
        self._show_endpoint()
        self._on_search_changed()

    def _build(self) -> None:
        px = self._theme.theme.px
        self.header.add(self._field)
        self.header.add(self._host)
        for page in (self._list, self._skeleton, self._state):
            self._lists.addWidget(page)
        head = Surface(self._theme, "bg.sunken", edges="b")
        head.setFixedHeight(px(32))
        row = QHBoxLayout(head)
        row.setContentsMargins(px(16), 0, px(10), 1)
        row.setSpacing(px(8))
        row.addWidget(self._count)
        row.addStretch(1)
        row.addWidget(self._sort)
        self._left = QWidget()
        column = QVBoxLayout(self._left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(head)
        column.addWidget(self._lists, 1)
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.setHandleWidth(1)
        self._splitter.setChildrenCollapsible(False)
        self._left.setMinimumWidth(px(320))
        self._view.setMinimumWidth(px(480))
        self._splitter.addWidget(self._left)
        self._splitter.addWidget(self._view)
        self._splitter.setStretchFactor(0, 0)
        self._splitter.setStretchFactor(1, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self.header)
        outer.addWidget(self._filters)
        outer.addWidget(self._splitter, 1)

    def _connect(self) -> None:
        self._field.edited.connect(self.search.set_text)
        self._field.entered.connect(self._on_entered)
        self._filters.narrowed.connect(self._on_narrowed)
        self._filters.only_running_changed.connect(self.search.set_only_running)
        self._filters.cleared.connect(self.search.clear_filters)
        self._sort.chosen.connect(self.search.set_sort)
        self.search.changed.connect(self._on_search_changed)
        self.search.busy_changed.connect(self._on_search_changed)
        self.search.repository_requested.connect(self.open_repository)
        self.search.models.modelReset.connect(self._on_rows_reset)
        self._list.selectionModel().currentRowChanged.connect(self._on_row_chosen)
        self._list.row_entered.connect(self._on_row_entered)
        self.repository.selected_changed.connect(self._on_plan_changed)
        self._view.compare_wanted.connect(self._on_compare)
        self._view.said.connect(self._navigator.notify)
        self._pump.on(SettingsChanged, self._on_settings_changed)

    # What the window asks

    def focus_search(self) -> None:
        """Put the cursor into the search field."""
        self._field.line.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._field.line.selectAll()

    @Slot(str)
    def open_repository(self, repo_id: str) -> None:
        """Show a repository, in the list or not."""
        self._field.set_text(repo_id if self.search.models.row_of(repo_id) < 0 else self._field.text)
        self._select_quietly(repo_id)
        self.repository.open(repo_id)

    def search_for(self, text: str) -> None:
        """Search for words."""
        self._field.set_text(text)
        self.search.submit(text)

    def showEvent(self, event: QShowEvent) -> None:
        """The first time, show what was seen last and ask for what is new."""
        super().showEvent(event)
        if not self._begun:
            self._begun = True
            self.search.begin()
            self._read_disk()
        self._on_plan_changed()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the list its width; a narrow page gives it less."""
        super().resizeEvent(event)
        sizes = self._theme.theme
        wanted = sizes.px(_NARROW_LIST) if event.size().width() < sizes.px(_NARROW) else sizes.size("discover_list")
        if event.oldSize().width() < 0 or self._left.width() in (
            sizes.px(_NARROW_LIST),
            sizes.size("discover_list"),
        ):
            self._splitter.setSizes([wanted, max(1, event.size().width() - wanted - 1)])

    # What the view models say

    @Slot()
    def _on_search_changed(self) -> None:
        search = self.search
        query = search.query
        self._filters.show_filters(
            task=query.task,
            license_id=query.license,
            max_parameters=query.max_parameters,
            only_running=search.models.only_running,
        )
        self._sort.show_sort(query.sort)
        self._count.setText(self._count_text())
        rows = search.models.rowCount()
        if rows:
            self._lists.setCurrentWidget(self._list)
        elif search.busy or (not search.answered and search.problem is None):
            self._lists.setCurrentWidget(self._skeleton)
        elif search.problem is not None:
            self._show_problem()
        else:
            self._show_nothing()

    def _count_text(self) -> str:
        search = self.search
        shown, loaded = search.models.rowCount(), search.models.loaded
        if search.problem is not None and shown:
            return search.problem.sentence
        if search.from_index:
            text = f"{loaded} seen before"
        else:
            text = f"{shown} of {loaded} loaded" if shown != loaded else f"{loaded} loaded"
        return f"{text}, searching" if search.busy and shown else text

    def _show_problem(self) -> None:
        problem = self.search.problem
        if isinstance(problem, RateLimitedError):
            seconds = self.search.seconds_until_retry
            wait = f"It goes on by itself in {format_duration(seconds)}. " if seconds else ""
            signed_in = self._garden.settings.signed_in
            self._state.show_state(
                "clock",
                "The Hub asks for a pause",
                wait + ("" if signed_in else "With a token the limit is higher."),
                mood="warning",
                actions=() if signed_in else (("Sign in", "default", "user", self._on_sign_in),),
            )
        elif isinstance(problem, HubUnreachableError):
            offline = self._garden.settings.offline
            title = "Working offline" if offline else problem.sentence.rstrip(".")
            retry: Action = ("Try again", "default", "retry", self.search.search)
            online: Action = ("Go online", "default", "discover", self._on_go_online)
            self._state.show_state("offline", title, problem.action, actions=(online if offline else retry,))
        elif problem is not None:
            self._state.show_error(problem, self.search.search)
        self._lists.setCurrentWidget(self._state)

    def _show_nothing(self) -> None:
        search = self.search
        narrowing = search.narrowing
        clear: Action = ("Clear all", "ghost", None, search.clear_filters)
        if search.models.only_running and search.models.loaded:
            self._state.show_state(
                "search",
                "No model found runs here",
                f"{search.models.loaded} match without “Runs here”.",
                actions=(("Drop “Runs here”", "default", None, lambda: search.set_only_running(False)), clear),
            )
        elif narrowing:
            filters = f"all {len(narrowing)} filters" if len(narrowing) > 1 else f"the filter “{narrowing[0]}”"
            self._state.show_state("search", f"No model matches {filters}", actions=(clear,))
        else:
            self._state.show_state(
                "search", "Nothing found", "The Hub knows no GGUF model of this name. Names are matched, not texts."
            )
        self._lists.setCurrentWidget(self._state)

    @Slot()
    def _on_rows_reset(self) -> None:
        """Keep the repository that is open selected; open the first one when none is."""
        if self.repository.repo_id is not None:
            self._select_quietly(self.repository.repo_id)
        elif self.search.models.rowCount() and not self.search.from_index:
            self._list.setCurrentIndex(self.search.models.index(0))

    def _select_quietly(self, repo_id: str) -> None:
        selection = self._list.selectionModel()
        blocked = selection.blockSignals(True)
        row = self.search.models.row_of(repo_id)
        if row >= 0:
            self._list.setCurrentIndex(self.search.models.index(row))
        else:
            self._list.clearSelection()
        selection.blockSignals(blocked)
        self._list.viewport().update()

    @Slot()
    def _on_plan_changed(self) -> None:
        """The memory meter shows what the chosen file would take, while this page is in front."""
        if not self.isVisible():
            return
        row = self.repository.selected
        devices = row.forecast.devices if row is not None and row.forecast is not None else ()
        ram = sum(device.required_bytes for device in devices if device.kind == "ram")
        gpu = sum(device.required_bytes for device in devices if device.kind == "gpu")
        self._navigator.plan_memory(ram, gpu)

    # What the user does

    @Slot()
    def _on_entered(self) -> None:
        self.search.submit(self._field.text)

    @Slot(object, object, object)
    def _on_narrowed(self, task: str | None, license_id: str | None, max_parameters: int | None) -> None:
        self.search.narrow(task=task, license_id=license_id, max_parameters=max_parameters)

    @Slot(QModelIndex, QModelIndex)
    def _on_row_chosen(self, current: QModelIndex, _previous: QModelIndex) -> None:
        repo_id = current.data(ModelRole.REPO_ID)
        if isinstance(repo_id, str):
            self.repository.open(repo_id)

    @Slot(QModelIndex)
    def _on_row_entered(self, _index: QModelIndex) -> None:
        self._view.focus_files()

    @Slot(object)
    def _on_compare(self, entries: tuple[LibraryEntry, ...]) -> None:
        self._navigator.compare(entries)

    @Slot()
    def _on_sign_in(self) -> None:
        self._navigator.show_page("settings")

    @Slot()
    def _on_go_online(self) -> None:
        self._garden.settings.change(offline=False)
        self.search.search()

    def _on_settings_changed(self, _event: SettingsChanged) -> None:
        self._show_endpoint()

    def _show_endpoint(self) -> None:
        offline = ", offline" if self._garden.settings.offline else ""
        self._host.setText(f"{urlsplit(self._garden.catalog.endpoint).netloc}{offline}")
        self._host.updateGeometry()

    def _read_disk(self) -> None:
        self._pump.run(free_bytes, self._view.show_disk, lambda _error: self._view.show_disk(None))
