"""The card of the forecast audit: loads against their forecasts, the error so far, the correction in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget

from garden.gui.pages.audit_delegate import GAP, LEFT, AuditDelegate
from garden.gui.pages.row_table import RowTable
from garden.gui.viewmodels.audit_rows import TITLES, AuditKind, audit_foot, audit_rows, audit_summary
from garden.gui.viewmodels.audit_table import AuditColumn, AuditTableModel
from garden.gui.widgets.card import Card
from garden.gui.widgets.label import Label
from garden.gui.widgets.segmented_control import SegmentedControl
from garden.gui.widgets.state_view import StateView

if TYPE_CHECKING:
    from garden.gui.navigator import Navigator
    from garden.gui.theme.theme import ThemeController
    from garden.gui.viewmodels.machine import MachineViewModel

#: Width of the table below which its bar, and then its context, make room for the names.
_NO_BAR, _NO_CONTEXT = 520, 360

_WIDEST_FOOT = 2_000


class AuditCard(Card):
    """The card.

    Args:
        theme: Where colours come from.
        machine: What it shows.
        navigator: The window.

    Attributes:
        table: The rows in view.
    """

    def __init__(self, theme: ThemeController, machine: MachineViewModel, navigator: Navigator) -> None:
        super().__init__(theme)
        self._machine = machine
        self.table = AuditTableModel(self)
        self._kind = SegmentedControl(theme, name="machine.auditKind", label="What is audited")
        self._kind.set_options([(kind.value, TITLES[kind][0]) for kind in (AuditKind.BUFFERS, AuditKind.RESIDENT)])
        self._summary = [
            Label(theme, style="small", color="text.secondary", weight=weight) for weight in (400, 600, 400)
        ]
        self._foot = Label(theme, style="small", color="text.muted", wrap=True, max_width=_WIDEST_FOOT)
        self._view = RowTable(
            theme,
            height="row_table",
            widths=(None, 34 + GAP, 70 + GAP, 56 + GAP, 90 + GAP, 50 + GAP + LEFT),
            insets=(LEFT, GAP, GAP, GAP, GAP + 13, GAP),
            end=LEFT,
            name="machine.audit",
            label="Forecast audit",
        )
        self._view.setModel(self.table)
        self._view.setItemDelegate(AuditDelegate(theme, "row_table", self._view))
        self._view.apply_sizes()
        self._empty = StateView(theme, name="machine.noAudit")
        self._empty.show_state(
            "receipt",
            "No model was loaded yet",
            "Each load in Compare is noted here: what was forecast, and what it then took.",
            actions=(("Open Compare", "default", "compare", lambda: navigator.show_page("compare")),),
        )
        self._views = QStackedWidget()
        self._build(theme)
        self._kind.chosen.connect(self._on_kind_chosen)
        machine.audited.connect(self._on_audited)
        machine.read.connect(self._show_foot)
        self._on_audited()

    def _build(self, theme: ThemeController) -> None:
        px = theme.theme.px
        # The corners of the table must not stand over the card's.
        self.column.setContentsMargins(1, 1, 1, px(5))
        head = QHBoxLayout()
        head.setContentsMargins(px(16), px(7), px(16), px(6))
        head.setSpacing(0)
        head.addWidget(Label(theme, "Forecast audit", style="strong"))
        head.addSpacing(px(10))
        head.addWidget(self._kind)
        head.addStretch(1)
        for label in self._summary:
            head.addWidget(label)
        for view in (self._view, self._empty):
            self._views.addWidget(view)
        self._views.setMinimumHeight(px(150))
        foot = QHBoxLayout()
        foot.setContentsMargins(px(16), px(6), px(16), px(4))
        foot.addWidget(self._foot)
        self.column.addLayout(head)
        self.column.addWidget(self._views, 1)
        self.column.addLayout(foot)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrow table leaves out what can be read elsewhere."""
        super().resizeEvent(event)
        QTimer.singleShot(0, self, self._fit_columns)

    @Slot()
    def _fit_columns(self) -> None:
        px, width = self.look.px, self._view.width()
        hidden = [AuditColumn.BAR] if width < px(_NO_BAR) else []
        hidden += [AuditColumn.CONTEXT] if width < px(_NO_CONTEXT) else []
        self._view.hide_columns(hidden)

    @Slot(str)
    def _on_kind_chosen(self, _kind: str) -> None:
        self._show()

    @Slot()
    def _on_audited(self) -> None:
        kinds = [AuditKind.BUFFERS, AuditKind.RESIDENT]
        if audit_rows(self._machine.loads, AuditKind.GPU):
            kinds.append(AuditKind.GPU)
        self._kind.set_options([(kind.value, TITLES[kind][0]) for kind in kinds])
        self._show()

    def _show(self) -> None:
        kind = AuditKind(self._kind.current)
        rows = audit_rows(self._machine.loads, kind)
        self.table.show_rows(rows, kind)
        nothing = self._machine.audit_read and not self._machine.loads
        self._views.setCurrentWidget(self._empty if nothing else self._view)
        self._kind.setVisible(not nothing)
        for label, text in zip(self._summary, audit_summary(rows), strict=True):
            label.setText(text)
            label.updateGeometry()
        self._show_foot()

    @Slot()
    def _show_foot(self) -> None:
        machine = self._machine.snapshot
        text = audit_foot(AuditKind(self._kind.current), machine) if machine is not None and self._machine.loads else ""
        if text != self._foot.text():
            self._foot.setText(text)
            self._foot.updateGeometry()
        self._foot.setVisible(bool(text))
