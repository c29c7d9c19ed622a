"""The band above every page while another machine stands for this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel

from garden.core.imagined_machine import ImaginedMachine
from garden.gui.widgets.button import Button
from garden.gui.widgets.label import Label
from garden.gui.widgets.themed_widget import Surface

if TYPE_CHECKING:
    from garden.gui.theme.theme import ThemeController
    from garden.services.what_if import WhatIfService


class WhatIfBand(Surface):
    """Says which machine verdicts are for, and leads back.

    Args:
        theme: Where colours come from.
        what_if: The other machine.
    """

    def __init__(self, theme: ThemeController, what_if: WhatIfService) -> None:
        super().__init__(theme, "status.info.bg", edges="b", edge="border.default")
        self.setObjectName("whatIf.band")
        self._what_if = what_if
        self._icon = QLabel(self)
        self._title = Label(theme, style="small", weight=600, color="status.info.fg")
        self._note = Label(
            theme,
            "Verdicts are for that machine. What you load here still runs on this one.",
            style="small",
            color="text.secondary",
            elide=Qt.TextElideMode.ElideRight,
        )
        back = Button(theme, "Back to this machine", small=True, name="whatIf.back")
        back.clicked.connect(self._on_back)
        px = theme.theme.px
        row = QHBoxLayout(self)
        row.setContentsMargins(px(20), px(5), px(14), px(5))
        row.setSpacing(px(8))
        row.addWidget(self._icon)
        row.addWidget(self._title)
        row.addWidget(self._note)
        row.addStretch(1)
        row.addWidget(back)
        theme.changed.connect(self._draw_icon)
        self._draw_icon()

    def show_machine(self, machine: ImaginedMachine | None) -> None:
        """Name it; with None the band goes away."""
        self.setVisible(machine is not None)
        if machine is None:
            return
        self._title.setText(f"What if: {machine.title}")
        self._title.updateGeometry()
        self.setAccessibleName(self._title.text())

    @Slot()
    def _on_back(self) -> None:
        self._what_if.choose(None)

    @Slot()
    def _draw_icon(self) -> None:
        self._icon.setPixmap(self.look.pixmap("machine", "status.info.fg", 16, self.devicePixelRatioF()))
