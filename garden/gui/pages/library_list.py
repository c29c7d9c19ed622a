"""The Library's table: its columns, and which of its models are chosen."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtWidgets import QAbstractItemView, QWidget

from garden.core.library_entry import entry_now
from garden.core.model_ref import ModelRef
from garden.gui.pages.library_row_delegate import LibraryRowDelegate
from garden.gui.pages.row_table import RowTable
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.library_table import LibraryColumn, LibraryFilter, LibraryRole, LibraryRow

#: Columns of LibraryColumn, gaps included; the name grows.
_WIDTHS = (None, 16 + 66, 16 + 56, 16 + 110, 16 + 82, 16 + 112, 16 + 48, 16 + 74 + 12)
_INSETS = (20, 16, 16, 26, 16, 16, 16, 16)

#: Below these widths, columns that matter least make room for the name.
_WITHOUT_SOURCE = 900
_WITHOUT_CHECKED = 700
_WITHOUT_USE = 560

_Flag = QItemSelectionModel.SelectionFlag


class LibraryList(RowTable):
    """Rows of models; Ctrl and Shift choose several, by click and by key.

    Args:
        theme: Where sizes come from.
        models: What it lists.
        parent: Qt parent.

    Signals:
        chosen_changed: Other models are chosen.
    """

    chosen_changed = Signal()

    def __init__(self, theme: ThemeController, models: LibraryFilter, parent: QWidget | None = None) -> None:
        super().__init__(
            theme,
            height="row_library",
            widths=_WIDTHS,
            insets=_INSETS,
            name="library",
            label="Models on this machine",
            sortable=True,
            parent=parent,
        )
        self._kept: tuple[ModelRef, ...] = ()
        self.setProperty("dimsSelection", False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setItemDelegate(LibraryRowDelegate(theme, "row_library", self))
        models.modelAboutToBeReset.connect(self._on_about_to_reset)
        self.setModel(models)
        models.modelReset.connect(self._on_reset)
        self.apply_sizes()
        self.sortByColumn(LibraryColumn.LAST_USED, Qt.SortOrder.DescendingOrder)

    @property
    def chosen(self) -> tuple[LibraryRow, ...]:
        """The chosen models, from the top."""
        return tuple(self._row(number) for number in self._chosen_numbers())

    def choose(self, paths: Collection[str]) -> bool:
        """Choose the models that lie there, and only them; False when none is listed."""
        selection = QItemSelection()
        models = self.model()
        for number in range(models.rowCount()):
            if self._row(number).entry.ref.path in paths:
                selection.select(models.index(number, 0), models.index(number, models.columnCount() - 1))
        if selection.isEmpty():
            return False
        first = selection.indexes()[0]
        self.selectionModel().setCurrentIndex(first, _Flag.NoUpdate)
        self.selectionModel().select(selection, _Flag.ClearAndSelect)
        self.scrollTo(first)
        return True

    def make_room(self, width: int) -> None:
        """Leave out the columns that such a width has no room for."""
        px = self._controller.theme.px
        hidden = []
        if width < px(_WITHOUT_SOURCE):
            hidden.append(LibraryColumn.SOURCE.value)
        if width < px(_WITHOUT_CHECKED):
            hidden.append(LibraryColumn.CHECKED.value)
        if width < px(_WITHOUT_USE):
            hidden += [LibraryColumn.SPEED.value, LibraryColumn.LAST_USED.value]
        self.hide_columns(hidden)

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        """Say so."""
        super().selectionChanged(selected, deselected)
        self.chosen_changed.emit()

    def selectionCommand(
        self, index: QModelIndex | QPersistentModelIndex, event: QEvent | None = None
    ) -> QItemSelectionModel.SelectionFlag:
        """Never leave nothing chosen: what stands beside the list is about a model of it."""
        command = super().selectionCommand(index, event)
        empties = command == _Flag.Clear or command == _Flag.Clear | _Flag.Rows
        toggles_last = bool(command & _Flag.Toggle) and self._chosen_numbers() == [index.row()]
        return _Flag.NoUpdate if empties or toggles_last else command

    def _chosen_numbers(self) -> list[int]:
        selection = self.selectionModel()
        return sorted({index.row() for index in selection.selectedRows()}) if selection is not None else []

    def _row(self, number: int) -> LibraryRow:
        row = self.model().index(number, 0).data(LibraryRole.ROW)
        assert isinstance(row, LibraryRow)
        return row

    @Slot()
    def _on_about_to_reset(self) -> None:
        self._kept = tuple(row.entry.ref for row in self.chosen)

    @Slot()
    def _on_reset(self) -> None:
        """Go on with the models that were chosen, also where their files were moved; take the first when none was."""
        listed = [self._row(number).entry for number in range(self.model().rowCount())]
        there = [entry_now(ref, listed) for ref in self._kept]
        if not self.choose({entry.ref.path or "" for entry in there if entry is not None}) and listed:
            self.selectRow(0)
