"""Discover: search the Hub, see what runs here, look into a repository, fetch a file."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from garden.core.events import SettingsChanged
from garden.gui.pages.filter_bar import FilterBar
from garden.gui.pages.model_list_pane import ModelListPane
from garden.gui.viewmodels.named_file import named_file
from garden.gui.viewmodels.search import SearchViewModel
from garden.gui.widgets.field import Field
from garden.gui.widgets.label import Label
from garden.gui.widgets.page_header import PageHeader
from garden.gui.widgets.themed_widget import Surface

if TYPE_CHECKING:
    from collections.abc import Mapping

    from garden.core.library_entry import LibraryEntry
    from garden.core.run_configuration import LoadParameters
    from garden.core.saved_search import SavedSearch
    from garden.gui.bridge.event_pump import EventPump
    from garden.gui.navigator import Navigator
    from garden.gui.pages.repository_view import RepositoryView
    from garden.gui.theme.theme import ThemeController
    from garden.gui.viewmodels.repository import RepositoryViewModel
    from garden.services.garden import Garden

#: Below this width of the page the list takes less.
_NARROW = 1_110
_NARROW_LIST = 380

#: Least widths of list and repository; where there is not even so much, they share what there is.
_LEAST_LIST, _LEAST_REPOSITORY = 320, 480

#: Authors that the filter offers at most.
_AUTHORS = 16


class DiscoverPage(QWidget):
    """The page. Its left side stands first; the right one is built once that was painted, or when it is needed.

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
        self._pump = pump
        self._navigator = navigator
        self._theme = theme
        self._begun = False
        self._wanted_file = ""
        self._side: tuple[RepositoryViewModel, RepositoryView] | None = None
        self.search = SearchViewModel(garden, pump, self)
        self.search.read_seen()
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
        self._host.setObjectName("discover.host")
        self._filters = FilterBar(theme)
        self._models = ModelListPane(self.search, garden.settings, theme)
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._build()
        self._connect()
        self._asked_at = self._way_out()
        self._show_endpoint()

    def _build(self) -> None:
        self.header.add(self._field)
        self.header.add(self._host)
        self._splitter.setHandleWidth(1)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.addWidget(self._models)
        self._splitter.addWidget(Surface(self._theme, "bg.surface"))
        self._splitter.setStretchFactor(0, 0)
        self._splitter.setStretchFactor(1, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self.header)
        outer.addWidget(self._filters)
        outer.addWidget(self._splitter, 1)

    def _connect(self) -> None:
        self._field.edited.connect(self._on_edited)
        self._field.pasted.connect(self.search.paste)
        self._field.entered.connect(self._on_entered)
        self._filters.changed.connect(self.search.change)
        self._filters.saved_wanted.connect(self._on_saved_wanted)
        self._filters.authors_wanted.connect(self._on_authors_wanted)
        self.search.changed.connect(self._on_search_changed)
        self.search.repository_requested.connect(self._on_address)
        self._models.chosen.connect(self._on_chosen)
        self._models.left.connect(self._on_left)
        self._models.entered.connect(self._on_list_entered)
        self._models.sign_in_wanted.connect(self._on_settings_wanted)
        self._models.without_token_wanted.connect(self._on_without_token)
        self._models.online_wanted.connect(self._on_go_online)
        self._models.settings_wanted.connect(self._on_settings_wanted)
        self._pump.on(SettingsChanged, self._on_settings_changed)
        self._theme.changed.connect(self._on_theme_changed)

    # The right side

    @property
    def repository(self) -> RepositoryViewModel:
        """The repository that is open."""
        return self._right_side()[0]

    def _right_side(self) -> tuple[RepositoryViewModel, RepositoryView]:
        if self._side is None:
            from garden.gui.pages.repository_view import RepositoryView
            from garden.gui.viewmodels.repository import RepositoryViewModel

            view_model = RepositoryViewModel(self._garden, self._pump, self)
            view = RepositoryView(view_model, self._theme, lambda: self._garden.catalog.endpoint)
            placeholder = self._splitter.replaceWidget(1, view)
            if placeholder is not None:
                placeholder.deleteLater()
            view.show()
            self._share_width()
            view_model.selected_changed.connect(self._on_plan_changed)
            view_model.headers.came.connect(self._on_header)
            view_model.changed.connect(self._choose_wanted_file)
            view_model.load_changed.connect(self._on_plan_changed)
            view.compare_wanted.connect(self._on_compare)
            view.repository_wanted.connect(self.open_repository)
            view.said.connect(self._navigator.notify)
            view.sign_in_wanted.connect(self._on_settings_wanted)
            view.without_token_wanted.connect(self._on_without_token)
            self._side = view_model, view
            self._read_disk(view)
        return self._side

    def _read_disk(self, view: RepositoryView) -> None:
        from garden.gui.viewmodels.free_space import free_bytes

        self._pump.run(free_bytes, view.show_disk, lambda _error: view.show_disk(None), receiver=view)

    # What the window asks

    def focus_search(self) -> None:
        """Put the cursor into the search field."""
        self._field.line.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._field.line.selectAll()

    @Slot(str)
    @Slot(str, str)
    def open_repository(self, repo_id: str, file: str = "") -> None:
        """Show a repository, in the list or not; a file that is named, or a type, is chosen once it is known."""
        self._models.mark(repo_id)
        if self.search.models.row_of(repo_id) < 0:
            self._field.set_text(repo_id)
            self.search.look_for(repo_id)
        self._wanted_file = file
        self.repository.open(repo_id)
        self._choose_wanted_file()

    @Slot()
    def _choose_wanted_file(self) -> None:
        """The file that an address has named, unless the page is still under way or has no such file."""
        if not self._wanted_file or self._side is None or self.repository.repository is None:
            return
        wanted, self._wanted_file = self._wanted_file, ""
        filename = named_file([row.file for row in self.repository.files.rows], wanted)
        if filename is not None:
            self.repository.select(filename)

    def search_for(self, text: str) -> None:
        """Search for words."""
        self._field.set_text(text)
        self.search.submit(text)

    def showEvent(self, event: QShowEvent) -> None:
        """The first time, show what was seen last and, once that stands, ask for what is new."""
        super().showEvent(event)
        if not self._begun:
            self._begun = True
            self.search.show_seen()
            self._models.call_after_paint(self._on_painted)
        elif self._side is not None:
            self._side[0].refresh()
        self._on_plan_changed()

    @Slot()
    def _on_painted(self) -> None:
        if not self.search.asked:
            self.search.search()
        self._right_side()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the list its width; a narrow page gives it less."""
        super().resizeEvent(event)
        self._limit_widths()
        # A width that the user dragged to stays.
        if event.oldSize().width() < 0 or self._models.width() in self._usual_widths():
            self._share_width()

    def _limit_widths(self) -> None:
        px, room = self._theme.theme.px, self.width() - self._splitter.handleWidth()
        least = px(_LEAST_LIST), px(_LEAST_REPOSITORY)
        shrink = min(1.0, room / sum(least))
        for number, width in enumerate(least):
            if (side := self._splitter.widget(number)) is not None:
                side.setMinimumWidth(int(width * shrink))

    def _usual_widths(self) -> tuple[int, int]:
        sizes = self._theme.theme
        return sizes.px(_NARROW_LIST), sizes.size("discover_list")

    @Slot()
    def _on_theme_changed(self) -> None:
        """Another text size, another share; where the user had dragged the border to no longer fits it."""
        self._share_width()

    def _share_width(self) -> None:
        narrow, wide = self._usual_widths()
        wanted = narrow if self.width() < self._theme.theme.px(_NARROW) else wide
        self._limit_widths()
        self._splitter.setSizes([wanted, max(1, self.width() - wanted - 1)])

    # What the view models say

    @Slot()
    def _on_search_changed(self) -> None:
        self._filters.show_query(self.search.query)

    @Slot()
    def _on_authors_wanted(self) -> None:
        self._filters.offer_authors(self.search.models.most_frequent(lambda row: row.summary.author, _AUTHORS))

    @Slot()
    def _on_saved_wanted(self) -> None:
        # Only when it is asked for.
        from garden.gui.pages.saved_search_popover import open_saved_searches

        open_saved_searches(
            self._filters.save_button,
            self._theme,
            self._pump,
            self._garden.saved_searches,
            self.search.query,
            opened=self._on_saved_opened,
            notify=self._navigator.notify,
        )

    def _on_saved_opened(self, saved: SavedSearch) -> None:
        query = saved.query
        self._field.set_text(query.text)
        self.search.change(query)

    @Slot(str)
    def _on_header(self, _filename: str) -> None:
        """Once all headers of a repository were read, its row is no guess any more."""
        if self._side is not None and self._side[0].headers.whole and self._side[0].repo_id is not None:
            self.search.ratings.rate_again(self._side[0].repo_id)

    @Slot()
    def _on_plan_changed(self) -> None:
        """The memory meter shows what the chosen file would take, while this page is in front."""
        if self._side is None:
            return
        if not self.isVisible():
            return
        from garden.gui.viewmodels.relay_plan import planned_bytes

        row = self._side[0].selected
        forecast = row.forecast if row is not None else None
        self._navigator.plan_memory(*planned_bytes([forecast], relay=False))

    # What the user does

    @Slot(str)
    def _on_edited(self, text: str) -> None:
        if self._side is not None and self._side[0].problem is not None:
            # It was said of what stood here before.
            self._models.mark(None)
            self._on_left()
        self.search.set_text(text)

    @Slot()
    def _on_entered(self) -> None:
        self.search.submit(self._field.text)

    @Slot(str, str)
    def _on_address(self, repo_id: str, file: str) -> None:
        self._field.set_text(repo_id)
        self.open_repository(repo_id, file)

    @Slot()
    def _on_left(self) -> None:
        """Nothing of the list is open any more."""
        self._wanted_file = ""
        self.repository.open(None)

    @Slot(str)
    def _on_chosen(self, repo_id: str) -> None:
        self._wanted_file = ""
        self.repository.open(repo_id)

    @Slot()
    def _on_list_entered(self) -> None:
        self._right_side()[1].focus_files()

    @Slot(object, object)
    def _on_compare(self, entries: tuple[LibraryEntry, ...], loads: Mapping[str, LoadParameters]) -> None:
        self._navigator.compare(entries, loads)

    @Slot()
    def _on_settings_wanted(self) -> None:
        self._navigator.show_page("settings.hub")

    @Slot()
    def _on_without_token(self) -> None:
        self._garden.settings.set_token_aside()

    @Slot()
    def _on_go_online(self) -> None:
        self._pump.run(
            lambda: self._garden.settings.change(offline=False),
            lambda _settings: None,
            lambda error: self._navigator.notify(error.sentence, error.action),
            receiver=self,
            ahead=True,
        )

    def _on_settings_changed(self, _event: SettingsChanged) -> None:
        self._show_endpoint()
        asked_at = self._way_out()
        if asked_at != self._asked_at:
            # Another Hub, another account, or none: what stands there is not what is there now.
            elsewhere, self._asked_at = asked_at[:2] != self._asked_at[:2], asked_at
            if elsewhere:
                self.search.forget()
                if self._side is not None:
                    self._side[0].reload()
            if self.search.asked:
                self.search.search()

    def _way_out(self) -> tuple[str, tuple[int, bool], bool]:
        settings = self._garden.settings
        return settings.endpoint, settings.sign_ins, settings.offline

    def _show_endpoint(self) -> None:
        offline = ", offline" if self._garden.settings.offline else ""
        self._host.setText(f"{urlsplit(self._garden.settings.endpoint).netloc}{offline}")
        self._host.updateGeometry()
