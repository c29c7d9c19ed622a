"""Library: every model on this machine, where it came from, whether it is whole, how it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt, Slot
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from garden.core.library_entry import LibraryEntry
from garden.gui.pages.library_bar import LibraryBar
from garden.gui.pages.library_choice import LibraryChoice, why_not_compared
from garden.gui.pages.library_detail import LibraryDetail
from garden.gui.pages.library_list import LibraryList
from garden.gui.pages.library_removal import RemovalQuestion
from garden.gui.pages.load_opener import LoadOpener
from garden.gui.viewmodels.library import LibraryViewModel
from garden.gui.viewmodels.library_table import LibraryRow
from garden.gui.viewmodels.model_facts import ModelFacts, read_facts
from garden.gui.viewmodels.relay_plan import planned_bytes
from garden.gui.widgets.field import Field
from garden.gui.widgets.file_dialog import choose_folder
from garden.gui.widgets.label import Label
from garden.gui.widgets.page_header import PageHeader
from garden.gui.widgets.skeleton import Skeleton
from garden.gui.widgets.state_view import StateView
from garden.gui.widgets.themed_widget import Surface

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.gui.navigator import Navigator
    from garden.gui.theme.theme import ThemeController
    from garden.services.garden import Garden
    from garden.services.load_plan import LoadPlan


class LibraryPage(QWidget):
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
        self._pump = pump
        self._navigator = navigator
        self._theme = theme
        self._begun = False
        self._wanted: tuple[str, ...] = ()
        self.library = LibraryViewModel(garden, pump, self)
        self.header = PageHeader(theme, "Library")
        self._field = Field(
            theme,
            "Filter by name, type, hash",
            name="library.filter",
            label="Filter the library",
            icon="search",
            key="Ctrl F",
            width=280,
        )
        self._bar = LibraryBar(theme)
        self._table = LibraryList(theme, self.library.shown)
        self._detail = LibraryDetail(theme)
        self._choice = LibraryChoice(theme)
        self._skeleton = Skeleton(theme, 46)
        self._state = StateView(theme, name="library.state")
        self._lists = QStackedWidget()
        self._removal = RemovalQuestion(theme, self, self.library, navigator)
        self._build()
        self._connect()
        self._on_changed()

    def _build(self) -> None:
        px = self._theme.theme.px
        self.header.add(self._field)
        models = QWidget()
        column = QVBoxLayout(models)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._table, 1)
        foot = Surface(self._theme, "bg.surface")
        row = QHBoxLayout(foot)
        row.setContentsMargins(px(20), px(8), px(20), px(8))
        row.setSpacing(px(16))
        for text in (
            "≈ forecast, not yet measured here",
            "Files of other programs are read in place, never changed.",
        ):
            elide = Qt.TextElideMode.ElideRight
            row.addWidget(Label(self._theme, text, style="small", color="text.muted", elide=elide))
        row.addStretch(1)
        column.addWidget(foot)
        for page in (models, self._skeleton, self._state):
            self._lists.addWidget(page)
        body = QHBoxLayout()
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(0)
        body.addWidget(self._lists, 1)
        body.addWidget(self._detail)
        body.addWidget(self._choice)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self.header)
        outer.addWidget(self._bar)
        outer.addLayout(body, 1)

    def _connect(self) -> None:
        self._field.edited.connect(self._on_filter)
        self._bar.segment_chosen.connect(self._on_segment)
        self._bar.folder_wanted.connect(self.ask_for_folder)
        self._bar.verify_wanted.connect(self.library.verify_all)
        self.library.changed.connect(self._on_changed)
        self.library.said.connect(self._navigator.notify)
        self.library.measuring.said.connect(self._navigator.notify)
        self.library.measuring.moved.connect(self._on_measurement_moved)
        self.library.added.connect(self._on_added)
        self.library.table.dataChanged.connect(self._on_data_changed)
        self._table.chosen_changed.connect(self._on_chosen_changed)
        self._table.row_entered.connect(self._on_row_entered)
        self._opener = LoadOpener(self._theme, self._detail.load, self.library.options, self._plan_at_hand)
        self._opener.copied.connect(self._on_line_copied)
        detail = self._detail
        detail.compare_wanted.connect(self._on_compare)
        detail.export_wanted.connect(self._on_export)
        detail.quantize_wanted.connect(self._on_quantize)
        detail.measure_wanted.connect(self._on_measure)
        detail.measure_cancel_wanted.connect(self._on_measure_cancelled)
        detail.verify_wanted.connect(self._on_verify)
        detail.remove_wanted.connect(self._on_remove)
        detail.forget_wanted.connect(lambda: self._on_chosen(self.library.forget))
        detail.look_wanted.connect(lambda: self._on_chosen(self.library.look_upstream))
        detail.newer_wanted.connect(lambda: self._on_chosen(self.library.fetch_newer))
        detail.said.connect(self._navigator.notify)
        self._choice.compare_wanted.connect(self._on_compare)
        self._choice.verify_wanted.connect(self._on_verify)

    # What the window asks

    def focus_search(self) -> None:
        """Put the cursor into the filter."""
        self._field.line.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._field.line.selectAll()

    def add_paths(self, paths: Sequence[Path]) -> None:
        """Take dropped files and folders into the list; the files are chosen once they are in it."""
        self.library.add(paths)

    def select_path(self, path: str) -> None:
        """Choose the model that lies there, now or when it is listed."""
        self._wanted = (path,)
        self._select_wanted()

    @property
    def chosen(self) -> LibraryRow | None:
        """The model that is chosen; None with several."""
        rows = self._table.chosen
        return rows[0] if len(rows) == 1 else None

    @property
    def model_at_hand(self) -> str | None:
        """Where the chosen model lies."""
        return self.chosen.entry.ref.path if self.chosen is not None else None

    def showEvent(self, event: QShowEvent) -> None:
        """The first time, show the last scan and look at the disk again."""
        super().showEvent(event)
        if not self._begun:
            self._begun = True
            self.library.load()
        else:
            self.library.refresh()
        self._plan()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the name its room."""
        super().resizeEvent(event)
        self._table.make_room(event.size().width() - self._detail.width())

    # What the view model says

    @Slot()
    def _on_changed(self) -> None:
        library = self.library
        self._bar.show_library(library)
        # Nothing to filter, nothing to check: what helps stands in the middle.
        empty = library.loaded and not library.table.rows
        self._bar.setVisible(not empty)
        self._field.setVisible(not empty)
        self._show_body()
        self._select_wanted()

    def _show_body(self) -> None:
        library = self.library
        shown = library.shown.rowCount()
        chosen = len(self._table.chosen) if shown else 0
        self._detail.setVisible(chosen == 1)
        self._choice.setVisible(chosen > 1)
        if shown:
            self._lists.setCurrentIndex(0)
        elif not library.loaded:
            self._lists.setCurrentWidget(self._skeleton)
        elif library.table.rows:
            self._state.show_state(
                "search",
                "No model matches",
                f"{len(library.table.rows)} models are on this machine.",
                actions=(("Show all", "default", None, self._show_all),),
            )
            self._lists.setCurrentWidget(self._state)
        else:
            self._state.show_state(
                "library",
                "No model is here yet",
                "Download one from the Hub, or add a folder with GGUF files.",
                actions=(
                    ("Find a model", "primary", "discover", lambda: self._navigator.show_page("discover")),
                    ("Add folder", "default", "folder", self.ask_for_folder),
                ),
            )
            self._lists.setCurrentWidget(self._state)

    @Slot()
    def _on_data_changed(self) -> None:
        self._show_chosen()

    def _select_wanted(self) -> None:
        # Several files are listed one after the other: what is chosen grows until all of them are there.
        listed = {row.entry.ref.path for row in self.library.table.rows}
        if self._wanted and self._table.choose(self._wanted) and listed.issuperset(self._wanted):
            self._wanted = ()

    @Slot(object)
    def _on_added(self, paths: tuple[str, ...]) -> None:
        self._wanted = paths

    @Slot()
    def _on_chosen_changed(self) -> None:
        self._show_chosen()
        self._plan()
        self._show_body()

    def _show_chosen(self) -> None:
        rows = self._table.chosen
        if len(rows) > 1:
            self._choice.show_rows(rows)
        else:
            self._show_detail(self.chosen)

    def _show_detail(self, row: LibraryRow | None) -> None:
        if row is None:
            return
        self._detail.show_row(row, None, self.library.measuring.of(row.entry, row.load))
        self._opener.show_plan(row.plan)
        entry = row.entry
        self._pump.run(
            lambda: read_facts(self._garden, entry),
            lambda facts: self._on_facts(entry, facts),
            lambda _error: None,
            receiver=self,
        )

    def _on_facts(self, entry: LibraryEntry, facts: ModelFacts) -> None:
        row = self.chosen
        if row is not None and row.entry == entry:
            self._detail.show_row(row, facts, self.library.measuring.of(entry, row.load))

    def _plan(self) -> None:
        """The memory meter shows what the chosen models would take together, while this page is in front."""
        if self.isVisible():
            forecasts = [row.forecast for row in self._table.chosen]
            self._navigator.plan_memory(*planned_bytes(forecasts, relay=False))

    # What the user does

    @Slot(str)
    def _on_filter(self, text: str) -> None:
        self.library.shown.show_words(text)
        self._show_body()

    @Slot(object)
    def _on_segment(self, segment: str | None) -> None:
        self.library.shown.show_segment(segment)
        self._show_body()

    def _show_all(self) -> None:
        self._field.set_text("")
        self._bar.show_all()
        self.library.shown.show_words("")
        self.library.shown.show_segment(None)
        self._show_body()

    @Slot()
    def ask_for_folder(self) -> None:
        """Let the user choose a folder to list."""
        library = self.library
        choose_folder(self, "A folder with GGUF files", lambda folder: library.add((folder,)))

    @Slot(QModelIndex)
    def _on_row_entered(self, _index: QModelIndex) -> None:
        self._on_compare()

    @Slot()
    def _on_compare(self) -> None:
        rows = self._table.chosen
        if refusal := why_not_compared(rows):
            self._navigator.notify(refusal)
        elif rows:
            self.library.find_loads(rows, self._navigator.compare)

    def _plan_at_hand(self) -> LoadPlan | None:
        return self.chosen.plan if self.chosen is not None else None

    @Slot()
    def _on_line_copied(self) -> None:
        self._navigator.notify("The command line was copied.")

    @Slot()
    def _on_export(self) -> None:
        if (row := self.chosen) is not None:
            self._navigator.export(row.entry)

    @Slot()
    def _on_quantize(self) -> None:
        if (row := self.chosen) is not None:
            self._navigator.quantize(row.entry)

    @Slot()
    def _on_verify(self) -> None:
        chosen = self._table.chosen
        for row in chosen:
            if row.resting is not None:
                self.library.resume(row.resting)
            elif row.verifying is None:
                self.library.verify(row.entry)
            elif len(chosen) == 1:
                self.library.checking.stop(row.entry)

    @Slot()
    def _on_measure(self) -> None:
        if self.chosen is not None:
            self.library.measuring.measure(self.chosen.entry, self.chosen.load)

    @Slot()
    def _on_measure_cancelled(self) -> None:
        if self.chosen is not None:
            self.library.measuring.cancel_of(self.chosen.entry)

    @Slot(str, str)
    def _on_measurement_moved(self, title: str, subtitle: str) -> None:
        row = self.chosen
        if row is not None and self.library.measuring.is_about(row.entry, title, subtitle):
            self._detail.show_measurement(self.library.measuring.of(row.entry, row.load))

    @Slot()
    def _on_remove(self) -> None:
        if (row := self.chosen) is not None:
            self._removal.ask(row)

    def _on_chosen(self, work: Callable[[LibraryEntry], None]) -> None:
        if self.chosen is not None:
            work(self.chosen.entry)
