"""How all panes are loaded: one slider above them that moves every pane's bars, and the switch that shows both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from garden.core.run_configuration import LoadParameters
from garden.gui.pages.load_bar import LoadBar
from garden.gui.pages.load_opener import LoadOpener
from garden.gui.viewmodels.run_difference import load_differences
from garden.gui.widgets.legend import Legend
from garden.gui.widgets.memory_bar import legend_items
from garden.gui.widgets.switch import Switch
from garden.services.load_plan import LoadPlan

if TYPE_CHECKING:
    from garden.gui.theme.theme import ThemeController
    from garden.gui.viewmodels.compare import CompareViewModel


class CompareLoad(QObject):
    """The bar above the panes.

    Until the first prompt it is shown, afterwards the answers have the room, unless the user wants otherwise.

    Args:
        theme: Where colours come from.
        compare: What is shown.
        page: Qt parent.

    Attributes:
        switch: Shows the bar, and the memory of each pane.
        bar: Context and cache types of all panes.

    Signals:
        toggled: The switch was pressed.
        copied: A command line lies on the clipboard.
    """

    toggled = Signal()
    copied = Signal()

    def __init__(self, theme: ThemeController, compare: CompareViewModel, page: QWidget) -> None:
        super().__init__(page)
        self._compare = compare
        self._wanted: bool | None = None
        self.switch = Switch(theme, "Memory", name="compare.memory")
        self.switch.setToolTip("Context and cache of all panes, and the memory that each takes")
        self.bar = LoadBar(theme, "compareLoad")
        self._legend = Legend(theme, at_least=3)
        self.bar.add_aside(self._legend)
        self._opener = LoadOpener(theme, self.bar, compare.loads.options(), self._first_plan, self._several)
        self._opener.copied.connect(self.copied)
        self.switch.clicked.connect(self._on_switched)

    @property
    def shown(self) -> bool:
        """Whether bar and memory are to be seen."""
        conversation = self._compare.conversation
        if conversation is None:
            return False
        return not conversation.turns if self._wanted is None else self._wanted

    def commands(self) -> Sequence[tuple[str, str, Callable[[], None]]]:
        """What can be done now, for the palette."""
        if self._compare.conversation is None:
            return []
        return [("Hide memory and context" if self.shown else "Show memory and context", "", self.switch.click)]

    def show_panes(self) -> None:
        """Show how the panes are loaded, without telling anyone."""
        compare = self._compare
        self.switch.setChecked(self.shown)
        self.bar.setVisible(self.shown)
        self.bar.setEnabled(not compare.answering)
        runs = [run for _letter, run in compare.conversation.panes] if compare.conversation else []
        if not runs or compare.loads.changing:
            # Controls stay where the hand left them until the last of what was chosen is there.
            return
        load = runs[0].load
        plans = [plan for letter in compare.letters if (plan := compare.plan(letter)) is not None]
        largest = max([*(plan.trained_context or 0 for plan in plans), *(run.load.context_length for run in runs)])
        types = {_types(run.load) for run in runs}
        self.bar.show_load(
            load.context_length, largest, *(next(iter(types)) if len(types) == 1 else ("mixed", "mixed"))
        )
        told = [
            f"{letter}: {', '.join(others)}"
            for letter, run in zip(compare.letters[1:], runs[1:], strict=True)
            if (others := load_differences(run, runs[0]))
        ]
        tip = f"Otherwise than pane {compare.letters[0]}, which is shown here. " + "; ".join(told) if told else ""
        self.bar.show_difference("Panes differ" if told else "", tip)
        self._legend.set_items(legend_items([device for plan in plans for device in plan.forecast.devices]))
        self._opener.show_plan(self._first_plan())

    def _first_plan(self) -> LoadPlan | None:
        letters = self._compare.letters
        return self._compare.plan(letters[0]) if letters else None

    def _several(self) -> bool:
        return len(self._compare.letters) > 1

    @Slot()
    def _on_switched(self) -> None:
        self._wanted = self.switch.isChecked()
        self.show_panes()
        self.toggled.emit()


def _types(load: LoadParameters) -> tuple[str, str]:
    return load.type_k, load.type_v
