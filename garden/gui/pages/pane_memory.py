"""How a pane's model is loaded, and the memory that takes: a band in the pane, and a section of its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from garden.gui.pages.load_bar import LoadBar
from garden.gui.pages.load_opener import LoadOpener
from garden.gui.pages.scaled_width import fix_height
from garden.gui.viewmodels.pane_state import PaneState
from garden.gui.widgets.button import Button
from garden.gui.widgets.device_memory_view import DeviceMemoryView
from garden.gui.widgets.label import Label
from garden.gui.widgets.themed_widget import Surface
from garden.gui.widgets.verdict_label import VerdictLabel

if TYPE_CHECKING:
    from garden.gui.theme.theme import ThemeController
    from garden.gui.viewmodels.load_options import LoadOptions
    from garden.services.load_plan import LoadPlan

_STATES = {
    "not": ("Not loaded", "The next prompt loads it."),
    "as chosen": ("Loaded", "It is loaded as was chosen."),
    "otherwise": ("Loaded otherwise", "The next prompt unloads it and loads it again, as was chosen since."),
}


class _LoadedLine(QWidget):
    """Whether the model is loaded as was chosen; the button that loads it without a prompt.

    Signals:
        load_wanted: Load it now.
    """

    load_wanted = Signal()

    def __init__(self, theme: ThemeController, name: str) -> None:
        super().__init__()
        self._state = Label(theme, style="small", color="text.secondary", elide=Qt.TextElideMode.ElideRight)
        self._state.setObjectName(f"{name}.state")
        self._load = Button(theme, "Load now", small=True, name=f"{name}.load")
        self._load.clicked.connect(self.load_wanted)
        # As high with the button as without: the panes' bars stand in one line.
        fix_height(self, theme, 24)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.theme.px(8))
        row.addWidget(self._state)
        row.addWidget(self._load)

    def show_pane(self, pane: PaneState) -> None:
        """Show a pane's."""
        words, tip = ("Loading", "") if pane.state == "loading" else _STATES[pane.load_state]
        self._state.setText(words)
        self._state.setToolTip(tip)
        self._state.setAccessibleDescription(tip)
        self._state.set_color("status.warning.fg" if pane.load_state == "otherwise" else "text.secondary")
        self._state.updateGeometry()
        again = pane.load_state == "otherwise"
        self._load.set_text("Load again" if again else "Load now")
        self._load.setToolTip(tip if again else "Load it without a prompt, so that the first answer comes sooner")
        # A pane that failed starts again by a button of its own, which asks it, too.
        self._load.setVisible(pane.load_state != "as chosen" and not pane.busy and pane.state != "failed")


class PaneMemory(Surface):
    """A band below the head of a pane: verdict, whether it is loaded, a bar per device.

    Args:
        theme: Where colours come from.
        name: objectName.
        parent: Qt parent.

    Signals:
        load_wanted: Load the model now.
    """

    load_wanted = Signal()

    def __init__(self, theme: ThemeController, *, name: str, parent: QWidget | None = None) -> None:
        super().__init__(theme, "bg.sunken", edges="b", edge="border.subtle", parent=parent)
        self.setObjectName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        px = theme.theme.px
        self._verdict = VerdictLabel(theme, layers=True)
        self._loaded = _LoadedLine(theme, name)
        self._loaded.load_wanted.connect(self.load_wanted)
        self.memory = DeviceMemoryView(theme, 84, name=name)
        head = QHBoxLayout()
        head.addWidget(self._verdict)
        head.addStretch(1)
        head.addWidget(self._loaded)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(14), px(6), px(14), px(8))
        column.setSpacing(px(4))
        column.addLayout(head)
        column.addWidget(self.memory)
        self.hide()

    def show_pane(self, pane: PaneState) -> None:
        """Show a pane whose file was read."""
        forecast = pane.forecast
        if forecast is not None:
            self._verdict.set_forecast(forecast)
            self.memory.set_devices(forecast.devices)
            self._loaded.show_pane(pane)


class PaneLoadSection(QWidget):
    """Context, cache types and everything else of one pane's load, with the memory that it takes.

    Args:
        theme: Where colours come from.
        options: Where choices go.

    Signals:
        load_wanted: Load the model now.
        copied: The command line lies on the clipboard.
    """

    load_wanted = Signal()
    copied = Signal()

    def __init__(self, theme: ThemeController, options: LoadOptions) -> None:
        super().__init__()
        self._options = options
        self._plan: LoadPlan | None = None
        px = theme.theme.px
        self._verdict = VerdictLabel(theme, layers=True)
        self.bar = LoadBar(theme, "paneLoad", stacked=True, background="bg.raised")
        self._opener = LoadOpener(theme, self.bar, options, lambda: self._plan)
        self._opener.copied.connect(self.copied)
        self.memory = DeviceMemoryView(theme, 84, name="paneLoad")
        self._loaded = _LoadedLine(theme, "paneLoad")
        self._loaded.load_wanted.connect(self.load_wanted)
        head, foot = QHBoxLayout(), QHBoxLayout()
        head.addWidget(Label(theme, "How it is loaded", style="strong"))
        head.addStretch(1)
        head.addWidget(self._verdict)
        foot.addWidget(self._loaded)
        foot.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(8))
        column.addLayout(head)
        column.addWidget(self.bar)
        column.addWidget(self.memory)
        column.addLayout(foot)

    def show_pane(self, pane: PaneState, *, changing: bool = False) -> None:
        """Show a pane, without telling anyone.

        Args:
            pane: The pane.
            changing: More was chosen than it shows yet: controls stay as they are.
        """
        plan = self._plan = pane.plan
        self._verdict.set_forecast(pane.forecast)
        if plan is not None:
            self.memory.set_devices(plan.forecast.devices)
        if plan is not None and not changing:
            load = plan.load
            largest = max(plan.trained_context or 0, load.context_length)
            self.bar.show_load(load.context_length, largest, load.type_k, load.type_v)
        if not changing:
            self._opener.show_plan(plan)
        self._loaded.show_pane(pane)

    def set_changeable(self, changeable: bool) -> None:
        """Allow changes, or only show what is chosen while panes answer."""
        self.bar.setEnabled(changeable)
