"""Discover's filters: chips that narrow the search, and the searches that are kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QMenu, QWidget

from garden.core.model_query import ModelQuery
from garden.gui.pages.filters import FILTERS, Filter
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.button import Button
from garden.gui.widgets.chip import Chip
from garden.gui.widgets.page_header import Toolbar

#: Keys of ModelQuery.sort and their words.
SORTS = (
    ("Trending", "trending"),
    ("Downloads", "downloads"),
    ("Likes", "likes"),
    ("Updated", "updated"),
    ("Created", "created"),
    ("Best fit", "best_fit"),
)


class FilterBar(Toolbar):
    """Chips in a row; those for which there is no room stand in the menu of the last one.

    Signals:
        changed: A filter was set or taken away; the query with it.
        saved_wanted: The searches that are kept are asked for.
        authors_wanted: The menu of authors is about to open; ``offer_authors`` fills it.
    """

    changed = Signal(object)
    saved_wanted = Signal()
    authors_wanted = Signal()

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(theme, "bg.sunken", spacing=6, parent=parent)
        self._query = ModelQuery()
        self._authors: tuple[str, ...] = ()
        self._runs_here = Chip(theme, "Runs here", name="filter.runsHere", checkable=True)
        self._runs_here.setToolTip("Show only what runs on this machine")
        self._runs_here.clicked.connect(self._on_runs_here)
        self._chips = {each.key: self._chip(theme, each) for each in FILTERS}
        self._more = Chip(theme, "More", name="filter.more")
        self._more.setToolTip("Further filters")
        self._more.set_menu(self._fill_more)
        self._clear = Button(theme, "Clear all", kind="ghost", small=True, name="filter.clear")
        self._clear.clicked.connect(self._on_clear)
        self._save = Button(theme, "Save search", icon="bookmark", kind="ghost", small=True, name="filter.save")
        self._save.setToolTip("Keep this search, or open one that is kept")
        self._save.clicked.connect(self.saved_wanted)
        for widget in (self._runs_here, *self._chips.values(), self._more, self._clear):
            self.row.addWidget(widget)
        self.row.addStretch(1)
        self.row.addWidget(self._save)
        self._show()

    @property
    def save_button(self) -> QWidget:
        """Where what is kept opens from."""
        return self._save

    def _chip(self, theme: ThemeController, each: Filter) -> Chip:
        chip = Chip(theme, each.label, name=f"filter.{each.key}")
        chip.set_choices([(title, change) for title, change in each.choices])
        chip.chosen.connect(lambda change: self._tell(each.chosen(self._query, change)))
        chip.cleared.connect(lambda: self._tell(each.cleared(self._query)))
        if each.key == "author":
            chip.about_to_open.connect(self.authors_wanted)
        return chip

    def offer_authors(self, authors: Sequence[str]) -> None:
        """Whom the menu of authors offers: those of what is loaded."""
        self._authors = tuple(authors)
        self._chips["author"].set_choices([(author, {"author": author}) for author in authors])

    def show_query(self, query: ModelQuery) -> None:
        """Show what is set, without telling anyone."""
        if query != self._query:
            self._query = query
            self._show()

    def _show(self) -> None:
        query = self._query
        self._runs_here.setChecked(query.runs_here)
        for each in FILTERS:
            title = each.title(query)
            is_set = title is not None
            self._chips[each.key].set_value(title or ("any" if each.says_any else ""), is_set=is_set, clearable=is_set)
        self._clear.setVisible(bool(query.narrowing))
        self._fold()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show as many chips as there is room for."""
        super().resizeEvent(event)
        self._fold()

    def _fold(self) -> None:
        """Chips that are set stay; of the others, the first ones for which there is room."""
        gap = self.row.spacing()
        margins = self.row.contentsMargins()
        room = self.width() - margins.left() - margins.right() - gap
        room -= self._save.sizeHint().width() + gap + self._runs_here.sizeHint().width() + gap
        if self._query.narrowing:
            room -= self._clear.sizeHint().width() + gap
        widths = {each.key: self._chips[each.key].sizeHint().width() + gap for each in FILTERS}
        if sum(widths.values()) > room:
            room -= self._more.sizeHint().width() + gap
        shown = {each.key for each in FILTERS if each.title(self._query) is not None}
        room -= sum(widths[key] for key in shown)
        for each in FILTERS:
            if each.key not in shown:
                if widths[each.key] > room:
                    break
                room -= widths[each.key]
                shown.add(each.key)
        for key, chip in self._chips.items():
            chip.setVisible(key in shown)
        self._more.setVisible(len(shown) < len(FILTERS))

    def _fill_more(self, menu: QMenu) -> None:
        self.authors_wanted.emit()
        for each in FILTERS:
            if self._chips[each.key].isVisibleTo(self):
                continue
            below = menu.addMenu(each.label)
            below.setFont(menu.font())
            choices = each.choices
            if each.key == "author":
                choices = tuple((author, {"author": author}) for author in self._authors)
            for title, change in choices:
                action = below.addAction(title.replace("&", "&&"))
                action.triggered.connect(
                    lambda _checked=False, each=each, change=change: self._tell(each.chosen(self._query, change))
                )

    def _tell(self, query: ModelQuery) -> None:
        self.show_query(query)
        self.changed.emit(query)

    @Slot()
    def _on_runs_here(self) -> None:
        self._tell(dataclasses.replace(self._query, runs_here=self._runs_here.isChecked()))

    @Slot()
    def _on_clear(self) -> None:
        self._tell(self._query.plain)
