"""The head of every page: title or search at the left, the memory meter always at the right."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.label import Label
from garden.gui.widgets.memory_meter import MemoryMeter
from garden.gui.widgets.themed_widget import Surface


class PageHeader(Surface):
    """Fifty-two pixels: title, what the page adds, the meter.

    Args:
        theme: Where colours come from.
        title: Name of the page; empty where a search field leads.
        parent: Qt parent.

    Attributes:
        meter: The memory meter; whoever knows the memory fills it.
    """

    def __init__(self, theme: ThemeController, title: str = "", parent: QWidget | None = None) -> None:
        super().__init__(theme, "bg.surface", edges="b", parent=parent)
        self.setObjectName("pageHeader")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        px = theme.theme.px
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(px(20), 0, px(20), 0)
        self._row.setSpacing(px(12))
        self._added = 0
        if title:
            self._row.addWidget(Label(theme, title, style="title"))
            self._added += 1
        self._row.addStretch(1)
        self.meter = MemoryMeter(theme)
        self._row.addWidget(self.meter)

    def add(self, widget: QWidget) -> None:
        """Put a widget after the title."""
        self._row.insertWidget(self._added, widget)
        self._added += 1

    def sizeHint(self) -> QSize:
        """As high on every page."""
        return QSize(super().sizeHint().width(), self.look.size("header"))


class Toolbar(Surface):
    """Forty-four pixels below the head: filters, modes.

    Args:
        theme: Where colours come from.
        background: Token of the area.
        spacing: Between what stands in it, logical pixels.
        parent: Qt parent.
    """

    def __init__(
        self,
        theme: ThemeController,
        background: str = "bg.surface",
        *,
        spacing: int = 14,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, background, edges="b", parent=parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.row = QHBoxLayout(self)
        px = theme.theme.px
        self.row.setContentsMargins(px(20), 0, px(20), 0)
        self.row.setSpacing(px(spacing))

    def sizeHint(self) -> QSize:
        """As high on every page."""
        return QSize(super().sizeHint().width(), self.look.size("toolbar"))
