"""The popover of the searches that are kept: keep the one at hand; open, rename, delete others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Signal, Slot
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

from garden.core.saved_search import SavedSearch
from garden.gui.pages.filters import described
from garden.gui.pages.kept_popover import KeptPopover
from garden.gui.viewmodels.value_list import VALUE_ROLE, ValueListModel
from garden.gui.widgets.button import Button
from garden.gui.widgets.field import Field
from garden.gui.widgets.row_delegate import Index, RowDelegate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from garden.core.model_query import ModelQuery
    from garden.gui.theme.theme import ThemeController

_LIST_HEIGHT = 240


class _RowDelegate(RowDelegate):
    """Name; what it searches below."""

    def paint_content(self, painter: QPainter, rect: QRectF, index: Index, *, selected: bool) -> None:
        """Draw two lines."""
        saved = index.data(VALUE_ROLE)
        if not isinstance(saved, SavedSearch):
            return
        theme = self.look
        px = theme.px
        area = rect.adjusted(px(14), px(5), -px(14), -px(5))
        line = area.height() / 2
        name = QRectF(area.left(), area.top(), area.width(), line)
        self.text(painter, name, saved.name, font=theme.font("body", weight=500), color="text.primary")
        below = QRectF(area.left(), area.top() + line, area.width(), line)
        self.text(painter, below, described(saved.query), font=theme.font("small"), color="text.muted")


class SavedSearchMenu(KeptPopover):
    """Opens below the button that keeps a search; what it hands out are saved searches.

    Args:
        theme: Where colours come from.
        anchor: The button.
        query: The search at hand.

    Signals:
        save_wanted: The search at hand is to be kept under this name.
    """

    save_wanted = Signal(str)

    def __init__(self, theme: ThemeController, anchor: QWidget, query: ModelQuery) -> None:
        name = Field(theme, "Name of this search", name="savedSearches.name", label="Name of this search")
        save = Button(theme, "Save", kind="primary", name="savedSearches.save")
        rows: ValueListModel[SavedSearch] = ValueListModel(
            text=lambda saved: saved.name, spoken=lambda saved: f"{saved.name}, {described(saved.query)}"
        )
        super().__init__(
            theme,
            anchor,
            name="savedSearches",
            head=(name, save),
            rows=rows,
            delegate=_RowDelegate,
            list_height=_LIST_HEIGHT,
            label="Saved searches",
            title=("Name", "New name of the search"),
            choose_first="Save a search first.",
        )
        self._rows = rows
        self._name = name
        self._none.show_state("bookmark", "No search is saved yet", f"This one: {described(query)}.")
        name.entered.connect(self._on_save)
        save.clicked.connect(self._on_save)
        self.show_rows(())

    def show_rows(self, rows: Sequence[SavedSearch]) -> None:
        """List what is kept."""
        chosen = self.chosen
        names = [saved.name for saved in rows]
        self._rows.set_rows(rows)
        self.choose(names.index(chosen.name) if isinstance(chosen, SavedSearch) and chosen.name in names else 0)

    @Slot()
    def _on_save(self) -> None:
        name = self._name.text.strip()
        if not name:
            self._name.line.setFocus()
            return
        self._name.set_text("")
        self.save_wanted.emit(name)
