"""The window: rail, pages, palette, notices; it carries requests of one page to another."""

from __future__ import annotations

import functools
import gc
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMainWindow, QStackedWidget, QWidget

from garden.core.errors import GardenError
from garden.core.events import SettingsChanged
from garden.gui.bridge.collector import Collector
from garden.gui.bridge.event_pump import EventPump
from garden.gui.dropping import dropped_paths
from garden.gui.first_paint import FirstPaint
from garden.gui.interrupted_downloads import follow_downloads
from garden.gui.look_elsewhere import LookElsewhere
from garden.gui.navigator import AcceptsModels, ComparesModels, OpensConversations
from garden.gui.page_list import BY_NAME, PAGES
from garden.gui.page_parts import focus_search, show_section
from garden.gui.viewmodels.memory import MemoryViewModel
from garden.gui.viewmodels.work_under_way import WorkUnderWay
from garden.gui.what_if_column import WhatIfColumn
from garden.gui.widgets.memory_meter import MemoryMeter, meter_lines
from garden.gui.widgets.rail import Rail, RailItem
from garden.gui.window_keys import WindowKeys
from garden.gui.window_state import load_window_state, save_window_state

if TYPE_CHECKING:
    from garden.core.job_record import JobRecord
    from garden.core.library_entry import LibraryEntry
    from garden.core.run_configuration import LoadParameters, RunConfiguration
    from garden.gui.command_list import CommandList
    from garden.gui.notice_bar import NoticeBar
    from garden.gui.pages.discover_page import DiscoverPage
    from garden.gui.pages.export_sheet import ExportSheet
    from garden.gui.pages.library_page import LibraryPage
    from garden.gui.theme.focus_ring import FocusRing
    from garden.gui.theme.theme import ThemeController
    from garden.gui.widgets.command_palette import CommandPalette
    from garden.services.garden import Garden

#: Below this width the rail shows icons alone.
_NARROW = 1_100

_FIRST_SIZE = (1_280, 800)


class MainWindow(QMainWindow):
    """The one window. Pages are built when they are first shown.

    Args:
        garden: Services; the window does not close them.
        theme: Where colours come from.
    """

    def __init__(self, garden: Garden, theme: ThemeController) -> None:
        super().__init__()
        self.setObjectName("mainWindow")
        self.setWindowTitle("Garden")
        self.setAcceptDrops(True)
        self.setMinimumSize(900, 600)
        self._garden = garden
        self._theme = theme
        self.pump = EventPump(garden.bus, self)
        self.memory = MemoryViewModel(garden, self.pump, self)
        self._work = WorkUnderWay(self.pump, self)
        self._elsewhere = LookElsewhere(garden, self.pump, self)
        self._pages: dict[str, QWidget] = {}
        self._current = ""
        state = load_window_state()
        self._collapsed_by_hand = state.rail_collapsed
        self._quitting = False
        self._painted = False
        self._for_user = False
        self._focus_ring: FocusRing | None = None
        self._export: ExportSheet | None = None
        self._palette: CommandPalette | None = None
        self._commands: CommandList | None = None
        items = [
            RailItem(page.name, page.title, page.icon, page.shortcut, below=page.name == "settings")
            for page in PAGES
            if page.name != "welcome"
        ]
        self._rail = Rail(theme, items)
        self._rail.chosen.connect(self.show_page)
        self._stack = QStackedWidget()
        self._stack.setObjectName("pages")
        body = QWidget()
        row = QHBoxLayout(body)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._rail)
        row.addLayout(WhatIfColumn(garden, self.pump, theme, self._stack), 1)
        self.setCentralWidget(body)
        self._add_keys()
        self.memory.changed.connect(self._on_memory_changed)
        self._work.changed.connect(self._on_work_changed)
        self._work.finished.connect(self._on_work_finished)
        self.pump.on(SettingsChanged, self._on_settings_changed)
        if not (state.geometry and self.restoreGeometry(state.geometry_bytes)):
            self.resize(*_FIRST_SIZE)
        self._fold_rail()
        theme.changed.connect(self._fold_rail)
        FirstPaint(self, self._on_painted)

    def _add_keys(self) -> None:
        keys = WindowKeys(self)
        keys.add("Ctrl+K", self.open_palette)
        keys.add("Ctrl+F", self._on_find)
        keys.add("Ctrl+B", self.toggle_rail)
        for page in PAGES:
            if page.shortcut:
                keys.add(page.shortcut, functools.partial(self.show_page, page.name))
        keys.add_everywhere(QKeySequence.StandardKey.Quit, self.close)

    def begin(self) -> None:
        """Show it to the user: what closing had paused goes on, and how it is left is remembered.

        A window that is only drawn does neither.
        """
        self._for_user = True
        self.show()

    # What pages ask

    @property
    def current_page(self) -> str:
        """Name of the page in front."""
        return self._current

    def page(self, name: str) -> QWidget:
        """A page, built now when it was not yet shown."""
        page = self._pages.get(name)
        if page is None:
            page = self._pages[name] = BY_NAME[name].build(self._garden, self.pump, self, self._theme)
            self._stack.addWidget(page)
            self._show_memory(page)
            gc.freeze()
        return page

    @Slot(str)
    def show_page(self, name: str) -> None:
        """Bring a page to the front, or a section of it: ``settings.hub``."""
        name, _, section = name.partition(".")
        show_section(page := self.page(name), section)
        if name != self._current:
            self._current = name
            self.memory.plan(0, 0)
            self._rail.set_current(name)
            self._stack.setCurrentWidget(page)
            self.setWindowTitle(f"{BY_NAME[name].title} – Garden")

    def compare(self, entries: Sequence[LibraryEntry], loads: Mapping[str, LoadParameters] | None = None) -> None:
        """Open Compare with one pane per model; ``loads`` by path."""
        self.show_page("compare")
        page = self.page("compare")
        if isinstance(page, ComparesModels):
            page.compare_models(entries, loads or {})

    def quantize(self, entry: LibraryEntry) -> None:
        """Open Workshop with this model as the source."""
        self.show_page("workshop")
        page = self.page("workshop")
        if isinstance(page, AcceptsModels):
            page.open_entries((entry,))

    def export(self, entry: LibraryEntry) -> None:
        """Open the export of this model's configuration."""
        self.pump.run(
            lambda: self._garden.compare.configuration_for(entry), self._on_export_ready, self._on_failed, receiver=self
        )

    def _on_export_ready(self, configuration: RunConfiguration) -> None:
        from garden.gui.pages.export_sheet import ExportSheet
        from garden.gui.viewmodels.export import ExportSource, ExportViewModel

        if self._export is None:
            self._export = ExportSheet(self._theme, self, ExportViewModel(self._garden, self.pump, self))
        self._export.open_for([ExportSource("", configuration)])

    def _on_failed(self, error: GardenError) -> None:
        self.notify(error.sentence, error.action)

    def show_model(self, path: str) -> None:
        """Open Library with the model that lies there chosen."""
        self.show_page("library")
        self._library().select_path(path)

    def model_at_hand(self) -> str | None:
        """Where the model lies that is chosen in Library, None with none or several."""
        return self._library().model_at_hand if "library" in self._pages else None

    def open_repository(self, repo_id: str) -> None:
        """Open a repository of the Hub in Discover."""
        self.show_page("discover")
        self._discover().open_repository(repo_id)

    def search_hub(self, text: str) -> None:
        """Search the Hub for words in Discover."""
        self.show_page("discover")
        self._discover().search_for(text)

    def look_for_models(self) -> None:
        """Bring the search of Discover to the front."""
        self.show_page("discover")
        self._discover().focus_search()

    def ask_for_folder(self) -> None:
        """Let a folder with models be chosen for the library."""
        self.show_page("library")
        self._library().ask_for_folder()

    def open_conversation(self, conversation_id: str) -> None:
        """Open Compare with a kept comparison."""
        self.show_page("compare")
        page = self.page("compare")
        if isinstance(page, OpensConversations):
            page.open_conversation(conversation_id)

    @Slot(str, str)
    def notify(self, sentence: str, action: str = "") -> None:
        """Say one sentence at the foot of the window."""
        self._notices.say(sentence, action)

    @functools.cached_property
    def _notices(self) -> NoticeBar:
        from garden.gui.notice_bar import NoticeBar

        return NoticeBar(self._theme, self._stack)

    def plan_memory(self, ram_bytes: int, gpu_bytes: int) -> None:
        """Show in every memory meter what the model at hand would take; it measures this machine, and no other."""
        here = self._garden.what_if.chosen is None
        self.memory.plan(ram_bytes if here else 0, gpu_bytes if here else 0)

    @Slot()
    def open_palette(self) -> None:
        """Open the command palette."""
        if self._palette is None or self._commands is None:
            from garden.gui.widgets.command_palette import CommandPalette
            from garden.gui.window_commands import window_commands

            self._commands = window_commands(self, self._garden)
            self._palette = CommandPalette(self._theme, self, self._commands.entries)
            self._commands.more_read.connect(self._palette.refresh)
        if not self._palette.is_open:
            self._commands.refresh()
            self._palette.open()

    # What happens to the window

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fold the rail when there is little room."""
        super().resizeEvent(event)
        self._fold_rail()

    def changeEvent(self, event: QEvent) -> None:
        """Read the memory only while someone may look at it."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.ActivationChange, QEvent.Type.WindowStateChange):
            self._watch_memory()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take GGUF files and folders."""
        if dropped_paths(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Add what was dropped to the library."""
        paths = dropped_paths(event)
        if paths:
            event.acceptProposedAction()
            self.show_page("library")
            self._library().add_paths(paths)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Quit; with work under way ask once."""
        if self._work.moving and not self._quitting:
            from garden.gui.quitting import ask_before_quitting

            event.ignore()
            ask_before_quitting(self._theme, self, self._work.moving, self.dismiss)
            return
        if self._for_user:
            save_window_state(self.saveGeometry(), rail_collapsed=self._collapsed_by_hand)
        self.pump.close()
        event.accept()

    def dismiss(self) -> None:
        """Close without a question."""
        self._quitting = True
        self.close()

    def _on_painted(self) -> None:
        """The window stands: now what needs the databases, the memory meter, the icon, the ring around the focus."""
        from garden.gui.theme.focus_ring import FocusRing
        from garden.gui.theme.icons import application_icon

        self._painted = True
        Collector(self)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.setWindowIcon(application_icon())
            self._focus_ring = FocusRing(application, self._theme)
        self.pump.run(self._open_rest, self._on_rest_open, self._on_databases_failed, receiver=self)
        self._watch_memory()

    def _open_rest(self) -> Sequence[JobRecord]:
        """Away from the Qt thread: the databases, and what closing had paused goes on."""
        self._garden.open_databases()
        if self._for_user:
            if self._garden.settings.first_start:
                # Written as they are: the next start is not the first any more.
                self._garden.settings.change()
            self._garden.tend()
        return self._garden.activity.jobs()

    def _on_rest_open(self, jobs: Sequence[JobRecord]) -> None:
        self._work.take(jobs)
        if self._for_user:
            follow_downloads(self._garden, self.pump, lambda: self._notices)

    def _on_databases_failed(self, error: GardenError) -> None:
        from garden.gui.quitting import offer_to_quit

        offer_to_quit(self._theme, self, error, self.dismiss)

    def _watch_memory(self) -> None:
        if not self._painted:
            return
        looked_at = self.isVisible() and not self.isMinimized() and self.isActiveWindow()
        self.memory.watch(looked_at)
        if not looked_at and self.memory.snapshot is None:
            # A window that opens behind another one shows at least how the memory was then.
            self.memory.read()
        self._elsewhere.watch(looked_at)

    @Slot()
    def _fold_rail(self) -> None:
        self._rail.set_collapsed(self._collapsed_by_hand or self.width() < self._theme.theme.px(_NARROW))

    @Slot()
    def toggle_rail(self) -> None:
        """Fold the rail to its icons, or unfold it."""
        self._collapsed_by_hand = not self._collapsed_by_hand
        self._fold_rail()

    @Slot()
    def _on_find(self) -> None:
        focus_search(self._pages.get(self._current))

    # What services say

    @Slot()
    def _on_work_changed(self) -> None:
        self._rail.set_badge("activity", len(self._work.moving))

    @Slot()
    def _on_work_finished(self) -> None:
        if not self.isActiveWindow():
            # Someone works in another window: the task bar tells that this one has news.
            QApplication.alert(self)

    def _on_settings_changed(self, _event: SettingsChanged) -> None:
        settings = self._garden.settings.current
        self._theme.choose(settings.theme, scale=settings.text_scale, density=settings.density)

    @Slot()
    def _on_memory_changed(self) -> None:
        page = self._pages.get(self._current)
        if page is not None:
            self._show_memory(page)

    def _show_memory(self, page: QWidget) -> None:
        snapshot = self.memory.snapshot
        if snapshot is None:
            return
        lines = meter_lines(snapshot, self.memory.planned_ram_bytes, self.memory.planned_gpu_bytes)
        for meter in page.findChildren(MemoryMeter):
            meter.set_lines(lines)

    def _discover(self) -> DiscoverPage:
        from garden.gui.pages.discover_page import DiscoverPage

        page = self.page("discover")
        assert isinstance(page, DiscoverPage)
        return page

    def _library(self) -> LibraryPage:
        from garden.gui.pages.library_page import LibraryPage

        page = self.page("library")
        assert isinstance(page, LibraryPage)
        return page
