"""The pages, with a band above them while another machine stands for this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QVBoxLayout, QWidget

from garden.core.events import WhatIfChanged

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.gui.theme.theme import ThemeController
    from garden.gui.what_if_band import WhatIfBand
    from garden.services.garden import Garden


class WhatIfColumn(QVBoxLayout):
    """The pages, and above them the band once it is wanted: a window's first paint needs none.

    Args:
        garden: Knows the other machine.
        pump: Tells of it.
        theme: Where colours come from.
        pages: What stands below.
    """

    def __init__(self, garden: Garden, pump: EventPump, theme: ThemeController, pages: QWidget) -> None:
        super().__init__()
        self._garden = garden
        self._theme = theme
        self._band: WhatIfBand | None = None
        self.addWidget(pages, 1)
        pump.on(WhatIfChanged, self._on_what_if_changed)

    def _on_what_if_changed(self, event: WhatIfChanged) -> None:
        if self._band is None:
            if event.machine is None:
                return
            from garden.gui.what_if_band import WhatIfBand

            self._band = WhatIfBand(self._theme, self._garden.what_if)
            self.insertWidget(0, self._band)
        self._band.show_machine(event.machine)
