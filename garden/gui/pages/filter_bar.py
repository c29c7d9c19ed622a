"""Discover's filters: chips that narrow the search, and the order of the list."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.wording import license_name, task_name
from garden.gui.widgets.button import Button
from garden.gui.widgets.chip import Chip
from garden.gui.widgets.page_header import Toolbar

_TASKS = ("text-generation", "image-text-to-text", "feature-extraction", "automatic-speech-recognition")
_LICENSES = ("apache-2.0", "mit", "gemma", "llama3.1", "llama3.2", "llama3.3", "cc-by-nc-4.0")
_BILLION = 1_000_000_000
_SIZES = tuple((f"up to {billions}B", billions * _BILLION) for billions in (1, 2, 4, 9, 15, 35, 75))

#: Keys of SearchQuery.sort and their words.
SORTS = (("Trending", "trending"), ("Downloads", "downloads"), ("Likes", "likes"), ("Updated", "updated"))


class FilterBar(Toolbar):
    """Chips in a row.

    Signals:
        narrowed: Task, licence or size changed; the three keys, None for any.
        only_running_changed: "Runs here" was switched.
        cleared: All filters were taken away.
    """

    narrowed = Signal(object, object, object)
    only_running_changed = Signal(bool)
    cleared = Signal()

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(theme, "bg.sunken", spacing=6, parent=parent)
        self._task: str | None = None
        self._license: str | None = None
        self._size: int | None = None
        self._runs_here = Chip(theme, "Runs here", name="filter.runsHere", checkable=True)
        self._runs_here.setToolTip("Show only what runs on this machine")
        self._runs_here.clicked.connect(self._on_runs_here)
        self._task_chip = Chip(theme, "Task", name="filter.task")
        self._license_chip = Chip(theme, "Licence", name="filter.licence")
        self._size_chip = Chip(theme, "Parameters", name="filter.parameters")
        for chip, choose, clear in (
            (self._task_chip, self._on_task, self._on_task_cleared),
            (self._license_chip, self._on_license, self._on_license_cleared),
            (self._size_chip, self._on_size, self._on_size_cleared),
        ):
            chip.chosen.connect(choose)
            chip.cleared.connect(clear)
        self._task_chip.set_choices([(task_name(task), task) for task in _TASKS])
        self._license_chip.set_choices([(license_name(key), key) for key in _LICENSES])
        self._size_chip.set_choices(_SIZES)
        self._clear = Button(theme, "Clear all", kind="ghost", small=True, name="filter.clear")
        self._clear.clicked.connect(self.cleared)
        for widget in (self._runs_here, self._task_chip, self._license_chip, self._size_chip, self._clear):
            self.row.addWidget(widget)
        self.row.addStretch(1)
        self._show()

    def show_filters(
        self, *, task: str | None, license_id: str | None, max_parameters: int | None, only_running: bool
    ) -> None:
        """Show what is set, without telling anyone."""
        self._task, self._license, self._size = task, license_id, max_parameters
        self._runs_here.setChecked(only_running)
        self._show()

    def _show(self) -> None:
        sizes = {key: title for title, key in _SIZES}
        for chip, key, title in (
            (self._task_chip, self._task, task_name(self._task) if self._task else "any"),
            (self._license_chip, self._license, license_name(self._license) if self._license else "any"),
            (self._size_chip, self._size, sizes.get(self._size or 0, "any")),
        ):
            chip.set_value(title, is_set=key is not None, clearable=key is not None)
        narrowed = any((self._task, self._license, self._size, self._runs_here.isChecked()))
        self._clear.setVisible(narrowed)

    def _tell(self) -> None:
        self._show()
        self.narrowed.emit(self._task, self._license, self._size)

    @Slot()
    def _on_runs_here(self) -> None:
        self._show()
        self.only_running_changed.emit(self._runs_here.isChecked())

    @Slot(object)
    def _on_task(self, key: str) -> None:
        self._task = key
        self._tell()

    @Slot()
    def _on_task_cleared(self) -> None:
        self._task = None
        self._tell()

    @Slot(object)
    def _on_license(self, key: str) -> None:
        self._license = key
        self._tell()

    @Slot()
    def _on_license_cleared(self) -> None:
        self._license = None
        self._tell()

    @Slot(object)
    def _on_size(self, key: int) -> None:
        self._size = key
        self._tell()

    @Slot()
    def _on_size_cleared(self) -> None:
        self._size = None
        self._tell()
