"""How fast the machine is, on its card: what was measured, and the button that measures."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from garden.gui.pages.device_row import DeviceRow
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.machine_speed import MachineSpeedViewModel
from garden.gui.widgets.button import Button
from garden.gui.widgets.progress_bar import ProgressBar

_MEASURE, _AGAIN = "Measure this machine, about 25 s", "Measure again"


class SpeedRow(QWidget):
    """The row.

    Args:
        theme: Where colours come from.
        speed: What it shows.
        parent: Qt parent.
    """

    def __init__(self, theme: ThemeController, speed: MachineSpeedViewModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        px = theme.theme.px
        self._speed = speed
        self._measure = Button(theme, _MEASURE, icon="clock", small=True, name="machine.measure")
        self._measure.clicked.connect(speed.measure)
        self._cancel = Button(theme, "Cancel", small=True, name="machine.measure.cancel")
        self._cancel.setAccessibleName("Stop measuring this machine")
        self._cancel.clicked.connect(speed.cancel)
        self._row = DeviceRow(theme, speed.facts, self._measure, self)
        self._row.add(self._cancel)
        self._progress = ProgressBar(theme)
        self._foot = QWidget()
        room = QVBoxLayout(self._foot)
        room.setContentsMargins(px(16), 0, px(16), px(12))
        room.addWidget(self._progress)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._row)
        column.addWidget(self._foot)
        speed.changed.connect(self._on_changed)
        self._on_changed()

    @Slot()
    def _on_changed(self) -> None:
        job = self._speed.job
        had_focus = self._measure.hasFocus() or self._cancel.hasFocus()
        self._row.show_facts(self._speed.facts)
        self._measure.set_text(_MEASURE if self._speed.calibration is None else _AGAIN)
        self._measure.setVisible(job is None)
        self._cancel.setVisible(job is not None)
        self._foot.setVisible(job is not None)
        if job is not None:
            self._progress.set_fraction(job.fraction or 0.0)
        if had_focus:
            # What takes the place of a button takes its focus along.
            (self._measure if job is None else self._cancel).setFocus()
