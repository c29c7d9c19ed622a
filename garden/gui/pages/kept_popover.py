"""A popover of things that are kept under a name: a list of them; open, rename or delete one below it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QModelIndex, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QWidget

from garden.gui.pages.row_list import RowList
from garden.gui.viewmodels.value_list import VALUE_ROLE, ValueListModel
from garden.gui.widgets.button import Button
from garden.gui.widgets.card import Divider
from garden.gui.widgets.field import Field
from garden.gui.widgets.overlay import Popover
from garden.gui.widgets.row_delegate import RowDelegate
from garden.gui.widgets.state_view import StateView

if TYPE_CHECKING:
    from garden.gui.theme.theme import ThemeController

_WIDTH = 380


class KeptPopover(Popover):
    """Base of such popovers; it is gone once it was closed.

    Args:
        theme: Where colours come from.
        anchor: The widget that opens it.
        name: objectName, and the beginning of those of what lies in it.
        head: What stands above the list, side by side; the first of them takes the room.
        rows: What is kept; the text of a row is its name.
        delegate: Draws the rows.
        list_height: Logical pixels at 100 %.
        label: Accessible name of the list.
        title: What the name is called, and its accessible name.
        choose_first: Why nothing can be done while no row is chosen.

    Signals:
        opened: The user opens one (the object of its row).
        rename_wanted: One is to have another name (the object of its row, the name).
        delete_wanted: One is to be deleted (the object of its row).
    """

    opened = Signal(object)
    rename_wanted = Signal(object, str)
    delete_wanted = Signal(object)

    def __init__(
        self,
        theme: ThemeController,
        anchor: QWidget,
        *,
        name: str,
        head: tuple[QWidget, ...],
        rows: ValueListModel[Any],
        delegate: type[RowDelegate],
        list_height: int,
        label: str,
        title: tuple[str, str],
        choose_first: str,
    ) -> None:
        super().__init__(theme, anchor, name=name, width=_WIDTH)
        px = theme.theme.px
        rows.setParent(self)
        self._choose_first = choose_first
        self._renaming = False
        self._list = RowList(theme, name=f"{name}.list", label=label)
        self._list.setModel(rows)
        self._list.setItemDelegate(delegate(theme, "row_library", self._list))
        self._list.setFixedHeight(px(list_height))
        self._none = StateView(theme, name=f"{name}.none")
        self._stack = QStackedWidget()
        self._stack.setStyleSheet("QStackedWidget { background: transparent; }")
        self._stack.addWidget(self._list)
        self._stack.addWidget(self._none)
        placeholder, title_label = title
        self._title = Field(theme, placeholder, name=f"{name}.title", label=title_label)
        self._rename = Button(theme, "Rename", kind="ghost", small=True, name=f"{name}.rename")
        self._delete = Button(theme, "Delete", icon="trash", kind="danger_ghost", small=True, name=f"{name}.delete")
        self._open = Button(theme, "Open", small=True, name=f"{name}.open")
        above = QHBoxLayout()
        above.setContentsMargins(px(12), px(12), px(12), px(10))
        above.setSpacing(px(8))
        for number, widget in enumerate(head):
            above.addWidget(widget, 0 if number else 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(px(8), px(8), px(12), px(8))
        foot.setSpacing(px(4))
        foot.addWidget(self._title, 1)
        foot.addWidget(self._rename)
        foot.addWidget(self._delete)
        foot.addStretch(1)
        foot.addWidget(self._open)
        column = self.sheet.column
        column.addLayout(above)
        column.addWidget(Divider(theme))
        column.addWidget(self._stack)
        column.addWidget(Divider(theme))
        column.addLayout(foot)
        self._title.hide()
        self._list.row_entered.connect(self._on_row_entered)
        self._list.clicked.connect(self._on_row_clicked)
        self._rename.clicked.connect(self._on_rename)
        self._title.entered.connect(self._on_rename)
        self._delete.clicked.connect(self._on_delete)
        self._open.clicked.connect(self._on_open)
        self._list.selectionModel().currentChanged.connect(self._on_current_changed)
        self.closed.connect(self.deleteLater)

    @property
    def chosen(self) -> object:
        """What the row at hand stands for, None when there is none."""
        return self._list.currentIndex().data(VALUE_ROLE)

    def choose(self, row: int) -> None:
        """Have this row at hand; where there are none, say so instead."""
        rows = self._list.model()
        if rows.rowCount():
            self._list.setCurrentIndex(rows.index(row, 0))
        self._stack.setCurrentWidget(self._list if rows.rowCount() else self._none)
        self._on_current_changed()

    @Slot()
    def _on_current_changed(self) -> None:
        usable = self.chosen is not None
        for button in (self._rename, self._delete, self._open):
            button.set_usable(usable, self._choose_first)
        self._stop_renaming()

    @Slot(QModelIndex)
    def _on_row_entered(self, _index: QModelIndex) -> None:
        self._on_open()

    @Slot(QModelIndex)
    def _on_row_clicked(self, _index: QModelIndex) -> None:
        self._list.setFocus()

    @Slot()
    def _on_open(self) -> None:
        chosen = self.chosen
        if chosen is not None:
            self.dismiss()
            self.opened.emit(chosen)

    @Slot()
    def _on_rename(self) -> None:
        chosen, name = self.chosen, self._list.currentIndex().data()
        if chosen is None:
            return
        if not self._renaming:
            self._renaming = True
            self._title.set_text(name)
            self._title.show()
            self._delete.hide()
            self._open.hide()
            self._title.line.setFocus()
            self._title.line.selectAll()
            return
        title = self._title.text.strip()
        if title and title != name:
            self.rename_wanted.emit(chosen, title)
        self._stop_renaming()
        self._list.setFocus()

    def _stop_renaming(self) -> None:
        self._renaming = False
        self._title.hide()
        self._delete.show()
        self._open.show()

    @Slot()
    def _on_delete(self) -> None:
        chosen = self.chosen
        if chosen is not None:
            self.delete_wanted.emit(chosen)
