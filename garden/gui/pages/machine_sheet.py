"""The sheet in which another machine is picked from the catalogue, or typed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QRectF, Qt, Slot
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from garden.fit.published_machine import PublishedMachine
from garden.gui.pages.row_list import RowList
from garden.gui.viewmodels.machine_choice import (
    machine_figures,
    machine_list,
    parse_gigabytes,
    typed_machine,
)
from garden.gui.viewmodels.value_list import VALUE_ROLE
from garden.gui.widgets.button import Button
from garden.gui.widgets.card import Divider
from garden.gui.widgets.field import Field
from garden.gui.widgets.label import Label
from garden.gui.widgets.overlay import Overlay
from garden.gui.widgets.row_delegate import Index, RowDelegate
from garden.gui.widgets.switch import Switch
from garden.services.what_if import WhatIfService, found_machines

if TYPE_CHECKING:
    from garden.gui.theme.theme import ThemeController
    from garden.gui.viewmodels.what_if import WhatIfViewModel

_SIZE = (560, 520)
_LEFT = 20


class MachineSheet(Overlay):
    """Opens over the window.

    Args:
        theme: Where colours come from.
        window: The window to cover.
        what_if: Takes the machine.
    """

    def __init__(self, theme: ThemeController, window: QWidget, what_if: WhatIfViewModel) -> None:
        super().__init__(theme, window, name="machineSheet")
        self.setAccessibleName("Add a machine")
        self._what_if = what_if
        self._models = machine_list(self)
        self._search = Field(
            theme, "RTX 4090, MacBook M4, DDR5", icon="search", name="machineSheet.search", label="Search machines"
        )
        self._list = RowList(theme, name="machineSheet.list", label="Machines of the catalogue")
        self._list.setModel(self._models)
        self._list.setItemDelegate(_MachineDelegate(theme, "row_table", self._list))
        self._none = Label(theme, "No such machine; type its sizes below.", style="small", color="text.muted")
        self._ram = Field(theme, "32", name="machineSheet.ram", label="RAM in gigabytes", width=64)
        self._gpu = Field(theme, "none", name="machineSheet.gpu", label="GPU memory in gigabytes", width=64)
        self._unified = Switch(theme, "GPU shares the RAM", name="machineSheet.unified")
        self._hint = Label(theme, style="small", color="text.muted", wrap=True, max_width=2_000)
        self._hint.setObjectName("machineSheet.hint")
        self._take = Button(theme, "Add", kind="primary", name="machineSheet.add")
        self._ram.set_text("32")
        self._build(theme)
        self._search.edited.connect(self._on_searched)
        self._list.row_entered.connect(self._on_taken)
        self._list.selectionModel().selectionChanged.connect(self._show_hint)
        for field in (self._ram, self._gpu):
            field.edited.connect(self._on_typed)
            field.entered.connect(self._on_taken)
        self._unified.toggled.connect(self._on_typed)
        self._take.clicked.connect(self._on_taken)
        self._on_searched("")

    def _build(self, theme: ThemeController) -> None:
        px = theme.theme.px
        close = Button(theme, icon="close", kind="ghost", small=True, name="machineSheet.close", hint="Close")
        close.clicked.connect(self.dismiss)
        head = QHBoxLayout()
        head.setContentsMargins(px(_LEFT), px(14), px(12), px(10))
        head.addWidget(Label(theme, "Add a machine", style="title"))
        head.addStretch(1)
        head.addWidget(close)
        search = QHBoxLayout()
        search.setContentsMargins(px(_LEFT), 0, px(_LEFT), px(10))
        search.addWidget(self._search)
        typed = QHBoxLayout()
        typed.setSpacing(px(8))
        for text, field in (("RAM", self._ram), ("GB    GPU", self._gpu)):
            typed.addWidget(Label(theme, text, style="small", color="text.secondary"))
            typed.addWidget(field)
        typed.addWidget(Label(theme, "GB", style="small", color="text.secondary"))
        typed.addWidget(self._unified)
        typed.addStretch(1)
        typed.addWidget(self._take)
        foot = QVBoxLayout()
        foot.setContentsMargins(px(_LEFT), px(12), px(_LEFT), px(14))
        foot.setSpacing(px(8))
        foot.addLayout(typed)
        foot.addWidget(self._hint)
        column = self.sheet.column
        column.addLayout(head)
        column.addLayout(search)
        column.addWidget(Divider(theme, "border.default"))
        column.addWidget(self._list, 1)
        column.addWidget(self._none, 1, Qt.AlignmentFlag.AlignCenter)
        column.addWidget(Divider(theme, "border.default"))
        column.addLayout(foot)

    def place(self) -> None:
        """In the middle, as large as there is room for."""
        width = min(self.look.px(_SIZE[0]), self.width() - 40)
        height = min(self.look.px(_SIZE[1]), self.height() - 40)
        self.sheet.setGeometry((self.width() - width) // 2, (self.height() - height) // 2, width, height)

    @property
    def selected(self) -> PublishedMachine | None:
        """The machine of the catalogue that is chosen; None while sizes are typed in."""
        rows = self._list.selectionModel().selectedIndexes()
        found: PublishedMachine | None = rows[0].data(VALUE_ROLE) if rows else None
        return found

    @Slot(str)
    def _on_searched(self, text: str) -> None:
        found = found_machines(WhatIfService.catalogue(), text)
        self._models.set_rows(found)
        self._list.setVisible(bool(found))
        self._none.setVisible(not found)
        self._show_hint()

    @Slot()
    def _on_typed(self) -> None:
        """Sizes of one's own are another machine than the chosen one, but for the RAM around a card."""
        card = self.selected is not None and self.selected.kind == "discrete"
        if self.sender() is not self._ram or not card:
            self._list.clearSelection()
        self._gpu.setEnabled(not self._unified.isChecked())
        self._show_hint()

    @Slot()
    def _show_hint(self) -> None:
        for field in (self._ram, self._gpu):
            field.set_invalid(False)
        self._hint.set_color("text.muted")
        machine = self.selected
        if machine is None:
            self._hint.setText("Pick one above, or type sizes of your own; what its system holds is taken off.")
        elif machine.kind == "discrete":
            self._hint.setText("The RAM around the card is what stands above. Figures: " + machine.basis)
        else:
            self._hint.setText("Figures: " + machine.basis)

    @Slot()
    @Slot(QModelIndex)
    def _on_taken(self, _index: QModelIndex | None = None) -> None:
        published = self.selected
        ram_bytes = parse_gigabytes(self._ram.text)
        if published is None:
            machine = typed_machine(self._ram.text, self._gpu.text, unified=self._unified.isChecked())
        elif published.kind == "discrete" and ram_bytes is None:
            machine = None
        else:
            machine = published.imagined(ram_bytes or published.memory_bytes)
        if machine is None:
            self._ram.set_invalid(ram_bytes is None)
            self._gpu.set_invalid(bool(self._gpu.text.strip()) and parse_gigabytes(self._gpu.text) is None)
            self._hint.set_color("status.danger.fg")
            self._hint.setText("Type sizes in gigabytes, such as 32.")
        elif self._what_if.add(machine):
            self.dismiss()


class _MachineDelegate(RowDelegate):
    """Name at the left, memory at the right."""

    def paint_content(self, painter: QPainter, rect: QRectF, index: Index, *, selected: bool) -> None:
        """Draw the line."""
        theme = self.look
        machine: PublishedMachine | None = index.data(VALUE_ROLE)
        if machine is None:
            return
        area = rect.adjusted(theme.px(_LEFT), 0, -theme.px(_LEFT), -1)
        right = Qt.AlignmentFlag.AlignRight
        figures = machine_figures(machine)
        room = self.text(painter, area, figures, font=theme.font("small"), color="text.muted", align=right)
        area.adjust(0, 0, -room - theme.px(12), 0)
        self.text(painter, area, machine.name, font=theme.font("body", size=12.5), color="text.primary")
