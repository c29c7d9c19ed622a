"""Opens the advanced view of a load beside a page's bar, and keeps it showing what the page shows."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal, Slot

from garden.gui.pages.load_bar import LoadBar
from garden.gui.pages.load_sheet import LoadSheet
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.load_options import LoadOptions
from garden.services.load_plan import LoadPlan


class LoadOpener(QObject):
    """Connects a bar and the advanced view with the choice behind both.

    Args:
        theme: Where colours come from.
        bar: The bar, Qt parent.
        options: What is chosen.
        plan: The plan of the model at hand, None while there is none.
        of_several: Whether several models are loaded as is chosen.

    Signals:
        copied: The command line lies on the clipboard.
    """

    copied = Signal()

    def __init__(
        self,
        theme: ThemeController,
        bar: LoadBar,
        options: LoadOptions,
        plan: Callable[[], LoadPlan | None],
        of_several: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(bar)
        self._theme, self._bar, self._options, self._plan = theme, bar, options, plan
        self._of_several = of_several
        self._sheet: LoadSheet | None = None
        bar.context_chosen.connect(options.choose_context)
        bar.kv_type_chosen.connect(options.choose_kv_type)
        bar.advanced_wanted.connect(self._on_wanted)

    def show_plan(self, plan: LoadPlan | None) -> None:
        """Show another plan in the bar, and in the advanced view where that is open."""
        self._bar.show_plan(plan)
        if self._sheet is not None:
            self._sheet.show_plan(plan, of_several=self._of_several())

    @Slot()
    def _on_wanted(self) -> None:
        plan = self._plan()
        if plan is None:
            return
        self._sheet = LoadSheet(self._theme, self._bar.advanced, self._options)
        self._sheet.closed.connect(self._on_closed)
        self._sheet.copied.connect(self.copied)
        self._sheet.show_plan(plan, of_several=self._of_several())
        self._sheet.open()

    @Slot()
    def _on_closed(self) -> None:
        self._sheet = None
