"""The popover of the searches that are kept: keep the one at hand; open, rename, delete others."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QRectF, Qt, Signal, Slot
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from garden.core.saved_search import SavedSearch
from garden.gui.pages.filters import described
from garden.gui.pages.row_list import RowList
from garden.gui.viewmodels.model_index import ROOT, count_below, row_at
from garden.gui.widgets.button import Button
from garden.gui.widgets.card import Divider
from garden.gui.widgets.field import Field
from garden.gui.widgets.overlay import Popover
from garden.gui.widgets.row_delegate import Index, RowDelegate
from garden.gui.widgets.state_view import StateView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from garden.core.model_query import ModelQuery
    from garden.gui.theme.theme import ThemeController

_WIDTH = 380
_LIST_HEIGHT = 240


class _Role(enum.IntEnum):
    SAVED = Qt.ItemDataRole.UserRole + 1


class SavedSearchList(QAbstractListModel):
    """The searches as rows."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[SavedSearch, ...] = ()

    def set_rows(self, rows: Sequence[SavedSearch]) -> None:
        """Show these."""
        self.beginResetModel()
        self._rows = tuple(rows)
        self.endResetModel()

    def rowCount(self, parent: Index = ROOT) -> int:
        """How many."""
        return count_below(self._rows, parent)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Name, what it searches, and the value."""
        saved = row_at(self._rows, index)
        if saved is None:
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return saved.name
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{saved.name}, {described(saved.query)}"
            case _Role.SAVED:
                return saved
        return None


class _RowDelegate(RowDelegate):
    """Name; what it searches below."""

    def paint_content(self, painter: QPainter, rect: QRectF, index: Index, *, selected: bool) -> None:
        """Draw two lines."""
        saved = index.data(_Role.SAVED)
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


class SavedSearchMenu(Popover):
    """Opens below the button that keeps a search.

    Args:
        theme: Where colours come from.
        anchor: The button.
        query: The search at hand.

    Signals:
        save_wanted: The search at hand is to be kept under this name.
        opened: The user opens a search.
        rename_wanted: A search is to have another name (old, new).
        delete_wanted: A search is to be forgotten (its name).
    """

    save_wanted = Signal(str)
    opened = Signal(object)
    rename_wanted = Signal(str, str)
    delete_wanted = Signal(str)

    def __init__(self, theme: ThemeController, anchor: QWidget, query: ModelQuery) -> None:
        super().__init__(theme, anchor, name="savedSearches", width=_WIDTH)
        px = theme.theme.px
        self._renaming = ""
        self._name = Field(theme, "Name of this search", name="savedSearches.name", label="Name of this search")
        self._save = Button(theme, "Save", kind="primary", name="savedSearches.save")
        self._model = SavedSearchList(self)
        self._list = RowList(theme, name="savedSearches.list", label="Saved searches")
        self._list.setModel(self._model)
        self._list.setItemDelegate(_RowDelegate(theme, "row_library", self._list))
        self._list.setFixedHeight(px(_LIST_HEIGHT))
        self._none = StateView(theme, name="savedSearches.none")
        self._none.show_state("bookmark", "No search is saved yet", f"This one: {described(query)}.")
        self._stack = QStackedWidget()
        self._stack.setStyleSheet("QStackedWidget { background: transparent; }")
        self._stack.addWidget(self._list)
        self._stack.addWidget(self._none)
        self._title = Field(theme, "Name", name="savedSearches.title", label="New name of the search")
        self._rename = Button(theme, "Rename", kind="ghost", small=True, name="savedSearches.rename")
        self._delete = Button(
            theme, "Delete", icon="trash", kind="danger_ghost", small=True, name="savedSearches.delete"
        )
        self._open = Button(theme, "Open", small=True, name="savedSearches.open")
        head = QHBoxLayout()
        head.setContentsMargins(px(12), px(12), px(12), px(10))
        head.setSpacing(px(8))
        head.addWidget(self._name, 1)
        head.addWidget(self._save)
        foot = QHBoxLayout()
        foot.setContentsMargins(px(8), px(8), px(12), px(8))
        foot.setSpacing(px(4))
        foot.addWidget(self._title, 1)
        foot.addWidget(self._rename)
        foot.addWidget(self._delete)
        foot.addStretch(1)
        foot.addWidget(self._open)
        column: QVBoxLayout = self.sheet.column
        column.addLayout(head)
        column.addWidget(Divider(theme))
        column.addWidget(self._stack)
        column.addWidget(Divider(theme))
        column.addLayout(foot)
        self._title.hide()
        self._name.entered.connect(self._on_save)
        self._save.clicked.connect(self._on_save)
        self._list.row_entered.connect(self._on_row_entered)
        self._rename.clicked.connect(self._on_rename)
        self._title.entered.connect(self._on_rename)
        self._delete.clicked.connect(self._on_delete)
        self._open.clicked.connect(self._on_open)
        self._list.selectionModel().currentChanged.connect(self._on_current_changed)
        self.closed.connect(self.deleteLater)
        self.show_rows(())

    def show_rows(self, rows: Sequence[SavedSearch]) -> None:
        """List what is kept."""
        chosen = self._chosen()
        self._model.set_rows(rows)
        names = [saved.name for saved in rows]
        if rows:
            row = names.index(chosen.name) if chosen is not None and chosen.name in names else 0
            self._list.setCurrentIndex(self._model.index(row))
        self._stack.setCurrentWidget(self._list if rows else self._none)
        self._on_current_changed()

    def _chosen(self) -> SavedSearch | None:
        saved = self._list.currentIndex().data(_Role.SAVED)
        return saved if isinstance(saved, SavedSearch) else None

    @Slot()
    def _on_current_changed(self) -> None:
        usable = self._chosen() is not None
        for button in (self._rename, self._delete, self._open):
            button.set_usable(usable, "Save a search first.")
        self._stop_renaming()

    @Slot()
    def _on_save(self) -> None:
        name = self._name.text.strip()
        if not name:
            self._name.line.setFocus()
            return
        self._name.set_text("")
        self.save_wanted.emit(name)

    @Slot(QModelIndex)
    def _on_row_entered(self, _index: QModelIndex) -> None:
        self._on_open()

    @Slot()
    def _on_open(self) -> None:
        chosen = self._chosen()
        if chosen is not None:
            self.dismiss()
            self.opened.emit(chosen)

    @Slot()
    def _on_rename(self) -> None:
        chosen = self._chosen()
        if chosen is None:
            return
        if not self._renaming:
            self._renaming = chosen.name
            self._title.set_text(chosen.name)
            self._title.show()
            self._delete.hide()
            self._open.hide()
            self._title.line.setFocus()
            self._title.line.selectAll()
            return
        title = self._title.text.strip()
        if title and title != chosen.name:
            self.rename_wanted.emit(chosen.name, title)
        self._stop_renaming()
        self._list.setFocus()

    def _stop_renaming(self) -> None:
        self._renaming = ""
        self._title.hide()
        self._delete.show()
        self._open.show()

    @Slot()
    def _on_delete(self) -> None:
        chosen = self._chosen()
        if chosen is not None:
            self.delete_wanted.emit(chosen.name)
