"""Relatives of a model as a list; each opens at a click."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyleOptionViewItem, QWidget

from garden.gui.pages.asked_view import AskedView
from garden.gui.pages.model_row_delegate import ModelRowDelegate
from garden.gui.pages.row_list import RowList
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.family import FamilyRole, FamilyRow, RelativesViewModel
from garden.gui.widgets.row_delegate import Index

_HEADING_HEIGHT = 34
_PLAIN_HEIGHT = 40
_MARGIN = 20


class FamilyView(AskedView):
    """Shows what a view model of relatives holds.

    Args:
        view_model: Holds them.
        theme: Where colours come from.
        name: objectName of the list.
        nothing: What to say when there are none: a title and a sentence.
        parent: Qt parent.

    Signals:
        opened: A repository of the family is wanted.
    """

    opened = Signal(str)

    def __init__(
        self,
        view_model: RelativesViewModel,
        theme: ThemeController,
        *,
        name: str,
        nothing: tuple[str, str],
        parent: QWidget | None = None,
    ) -> None:
        self._rows = view_model.rows
        self._nothing = nothing
        self._list = RowList(theme, name=name, label="Relatives of the model")
        self._list.setUniformItemSizes(False)
        self._list.setItemDelegate(_FamilyDelegate(theme, "row_model", self._list))
        self._list.setModel(view_model.rows)
        super().__init__(
            view_model, theme, name=f"{name}.state", content=self._list, show=self._show_rows, parent=parent
        )
        self._list.clicked.connect(self._on_row)
        self._list.row_entered.connect(self._on_row)

    def _show_rows(self) -> tuple[str, str] | None:
        self._list.scrollToTop()
        return None if self._rows.rows else self._nothing

    @Slot(QModelIndex)
    def _on_row(self, index: QModelIndex) -> None:
        row = index.data(FamilyRole.ROW)
        if isinstance(row, FamilyRow) and row.repo_id:
            self.opened.emit(row.repo_id)


class _FamilyDelegate(ModelRowDelegate):
    """Draws headings, models as Discover's list draws them, and names of which no more is known."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Models are as high as in Discover's list."""
        row: FamilyRow = index.data(FamilyRole.ROW)
        if row.rated is not None:
            return super().sizeHint(option, index)
        return QSize(self.look.px(100), self.look.px(_HEADING_HEIGHT if row.is_heading else _PLAIN_HEIGHT))

    def paint_content(self, painter: QPainter, rect: QRectF, index: Index, *, selected: bool) -> None:
        """Draw one row."""
        row: FamilyRow = index.data(FamilyRole.ROW)
        if row.rated is not None:
            super().paint_content(painter, rect, index, selected=selected)
            return
        theme = self.look
        area = rect.adjusted(theme.px(_MARGIN - 4), 0, -theme.px(_MARGIN - 4), 0)
        if row.is_heading:
            area.setTop(area.top() + theme.px(8))
            self.text(painter, area, row.title, font=theme.font("small", weight=600), color="text.secondary")
            return
        used = self.text(painter, area, row.title, font=theme.font("code"), color="text.primary")
        note = "this repository" if row.is_self else "not on the Hub any more, or private"
        area.setLeft(area.left() + used + theme.px(10))
        self.text(painter, area, note, font=theme.font("small"), color="text.muted", elide=Qt.TextElideMode.ElideRight)
