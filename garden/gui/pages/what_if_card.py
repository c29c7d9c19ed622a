"""The card of other machines: one model on each, and one of them in the place of this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt, Slot
from PySide6.QtWidgets import QHBoxLayout

from garden.core.quantity import format_tokens
from garden.gui.pages.row_table import RowTable
from garden.gui.pages.what_if_delegate import GAP, LEFT, WhatIfDelegate
from garden.gui.viewmodels.machine import QUANT_TYPES
from garden.gui.viewmodels.what_if import CONTEXTS, WhatIfRow, WhatIfViewModel
from garden.gui.viewmodels.what_if_table import WHAT_IF_ROLE, WhatIfTableModel
from garden.gui.widgets.button import Button
from garden.gui.widgets.card import Card
from garden.gui.widgets.chip import Chip
from garden.gui.widgets.label import Label

if TYPE_CHECKING:
    from garden.gui.pages.machine_sheet import MachineSheet
    from garden.gui.theme.theme import ThemeController

#: More machines than this scroll.
_MOST_ROWS = 10

_WIDEST_FOOT = 2_000


class WhatIfCard(Card):
    """The card.

    Args:
        theme: Where colours come from.
        what_if: What it shows.

    Attributes:
        table: The rows.
    """

    def __init__(self, theme: ThemeController, what_if: WhatIfViewModel) -> None:
        super().__init__(theme)
        self._what_if = what_if
        self._sheet: MachineSheet | None = None
        self.table = WhatIfTableModel(self)
        self._model = Chip(theme, name="whatIf.model")
        self._type = Chip(theme, name="whatIf.type")
        self._context = Chip(theme, name="whatIf.context")
        self._add = Button(theme, "Add a machine", icon="plus", kind="ghost", small=True, name="whatIf.add")
        self._view = RowTable(
            theme,
            height="row_table",
            widths=(None, 128 + GAP, 84 + GAP + LEFT),
            insets=(LEFT, GAP, GAP),
            end=LEFT,
            name="whatIf.machines",
            label="Other machines",
        )
        self._view.setModel(self.table)
        self._view.setItemDelegate(WhatIfDelegate(theme, "row_table", self._view))
        self._view.apply_sizes()
        self._reason = Label(theme, style="small", color="text.secondary", wrap=True, max_width=_WIDEST_FOOT)
        self._reason.setObjectName("whatIf.reason")
        self._look = Button(theme, small=True, icon="discover", name="whatIf.look")
        self._remove = Button(
            theme, icon="trash", kind="ghost", small=True, name="whatIf.remove", hint="Compare with it no more"
        )
        self._build(theme)
        self._model.chosen.connect(self._on_model_chosen)
        self._type.chosen.connect(self._on_type_chosen)
        self._context.chosen.connect(self._on_context_chosen)
        self._add.clicked.connect(self._on_add)
        self._look.clicked.connect(self._on_look)
        self._remove.clicked.connect(self._on_remove)
        self._view.row_entered.connect(self._on_row_entered)
        self._view.selectionModel().selectionChanged.connect(self._show_foot)
        self.table.modelReset.connect(self._fit_height)
        self.table.dataChanged.connect(self._show_foot)
        theme.changed.connect(self._fit_height)
        what_if.changed.connect(self._on_changed)
        self._on_changed()
        self._show_foot()

    def _build(self, theme: ThemeController) -> None:
        px = theme.theme.px
        # The corners of the table must not stand over the card's.
        self.column.setContentsMargins(1, 1, 1, px(5))
        for chip, meaning in (
            (self._model, "Model"),
            (self._type, "Type of the weights"),
            (self._context, "Context, tokens"),
        ):
            chip.setAccessibleDescription(meaning)
            chip.setToolTip(meaning)
        self._type.set_choices([(name, name) for name in QUANT_TYPES])
        self._context.set_choices([(format_tokens(length), length) for length in CONTEXTS])
        head = QHBoxLayout()
        head.setContentsMargins(px(16), px(7), px(8), px(6))
        head.setSpacing(px(6))
        head.addWidget(Label(theme, "What if", style="strong"))
        head.addSpacing(px(4))
        for widget in (self._model, self._type, self._context):
            head.addWidget(widget)
        head.addStretch(1)
        head.addWidget(self._add)
        foot = QHBoxLayout()
        foot.setContentsMargins(px(16), px(8), px(12), px(6))
        foot.setSpacing(px(6))
        foot.addWidget(self._reason, 1)
        foot.addWidget(self._look, 0, Qt.AlignmentFlag.AlignTop)
        foot.addWidget(self._remove, 0, Qt.AlignmentFlag.AlignTop)
        self.column.addLayout(head)
        self.column.addWidget(self._view)
        self.column.addLayout(foot)

    @property
    def selected(self) -> WhatIfRow | None:
        """The row that the foot is about."""
        rows = self._view.selectionModel().selectedRows()
        found: WhatIfRow | None = rows[0].data(WHAT_IF_ROLE) if rows else None
        return found

    @Slot()
    def _on_changed(self) -> None:
        what_if = self._what_if
        self._model.set_choices([(model.name, model.repo_id) for model in what_if.models])
        self._model.set_value(what_if.model.name if what_if.model is not None else "Model")
        self._type.set_value(what_if.quant_type)
        self._context.set_value(format_tokens(what_if.context_length))
        self.table.show_rows(what_if.rows)
        self._show_foot()

    @Slot()
    def _fit_height(self) -> None:
        theme = self.look
        rows = min(max(1, len(self.table.rows)), _MOST_ROWS)
        self._view.setFixedHeight(theme.size("table_header") + rows * theme.size("row_table") + 1)

    @Slot()
    def _show_foot(self) -> None:
        row = self.selected
        other = row is not None and row.machine is not None
        if row is None:
            text = (
                "Choose a machine for its verdict in words. Other machines are taken as idle, a card with 32 GB of RAM."
            )
        else:
            text = " ".join(filter(None, (row.forecast.reason, row.forecast.suggestion)))
        if text != self._reason.text():
            self._reason.setText(text)
            self._reason.updateGeometry()
        self._look.setVisible(other)
        self._remove.setVisible(other)
        if row is not None and other:
            self._look.set_text("Stop looking through it" if row.chosen else "Look through it")

    # What the user does

    @Slot(object)
    def _on_model_chosen(self, repo_id: object) -> None:
        self._what_if.choose_model(str(repo_id))

    @Slot(object)
    def _on_type_chosen(self, quant_type: object) -> None:
        self._what_if.choose_type(str(quant_type))
        self._on_changed()

    @Slot(object)
    def _on_context_chosen(self, context_length: object) -> None:
        if isinstance(context_length, int):
            self._what_if.choose_context(context_length)
            self._on_changed()

    @Slot()
    def _on_look(self) -> None:
        row = self.selected
        if row is not None:
            self._what_if.look_through(row)

    @Slot(QModelIndex)
    def _on_row_entered(self, index: QModelIndex) -> None:
        row: WhatIfRow | None = index.data(WHAT_IF_ROLE)
        if row is not None:
            self._what_if.look_through(row)

    @Slot()
    def _on_remove(self) -> None:
        row = self.selected
        if row is not None:
            self._what_if.remove(row)

    @Slot()
    def _on_add(self) -> None:
        from garden.gui.pages.machine_sheet import MachineSheet

        if self._sheet is None:
            self._sheet = MachineSheet(self._controller, self.window(), self._what_if)
        self._sheet.open()
