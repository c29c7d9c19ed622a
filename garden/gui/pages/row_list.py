"""A list of rows: whole rows are selected, and focus shows when keys move it."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from garden.gui.theme.theme import ThemeController

#: Property of a view in which keys, not the mouse, move the focus.
KEYBOARD_FOCUS = "keyboardFocus"


class RowList(QListView):
    """One column of rows of the same height, endless when its model is.

    Args:
        theme: Where sizes come from.
        name: objectName.
        label: Accessible name.
        parent: Qt parent.

    Signals:
        row_entered: Enter was pressed on a row, or it was double-clicked.
    """

    row_entered = Signal(QModelIndex)

    def __init__(self, theme: ThemeController, *, name: str, label: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        prepare_rows(self, name, label)
        self.setUniformItemSizes(True)
        self.setLayoutMode(QListView.LayoutMode.SinglePass)
        self.verticalScrollBar().setSingleStep(theme.theme.px(20))
        self.doubleClicked.connect(self.row_entered)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keys move the focus that is drawn; Enter opens the row."""
        self.setProperty(KEYBOARD_FOCUS, True)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.row_entered.emit(self.currentIndex())
            return
        super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """With the mouse, the selection alone shows where one is."""
        self.setProperty(KEYBOARD_FOCUS, False)
        super().mousePressEvent(event)


def prepare_rows(view: QAbstractItemView, name: str, label: str) -> None:
    """What every list and table of rows has in common."""
    # Asking for the viewport that it has makes PySide6 load every kind of widget there is, to learn which one it is.
    viewport = QWidget()
    viewport.setAttribute(Qt.WidgetAttribute.WA_Hover)
    view.setViewport(viewport)
    view.setObjectName(name)
    view.setAccessibleName(label)
    view.setProperty("focusRing", False)
    view.setFrameShape(QListView.Shape.NoFrame)
    view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    view.setMouseTracking(True)
