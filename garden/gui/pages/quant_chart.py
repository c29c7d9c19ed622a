"""The lower part of Workshop: loss against size, and the button that measures what was not measured yet."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.loss_points import SizeBand, loss_points, no_points_reason
from garden.gui.viewmodels.quant_table import QuantRow
from garden.gui.widgets.button import Button
from garden.gui.widgets.label import Label
from garden.gui.widgets.loss_chart import LossChart, LossLegend


class QuantChart(QWidget):
    """The chart with its head.

    Args:
        theme: Where colours come from.
        parent: Qt parent.

    Signals:
        measure_wanted: Measure the loss of what is in the library.
    """

    measure_wanted = Signal()

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        px = theme.theme.px
        self._chart = LossChart(theme)
        self._legend = LossLegend(theme)
        self._measure = Button(
            theme,
            "Measure",
            icon="play",
            small=True,
            name="workshop.measureNow",
            hint="Measure the loss of what is in the library and was not measured yet",
        )
        head = QHBoxLayout()
        head.setSpacing(px(14))
        head.addWidget(Label(theme, "Loss against size", style="strong"))
        head.addStretch(1)
        head.addWidget(self._legend)
        head.addWidget(self._measure)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(20), px(12), px(20), px(6))
        column.setSpacing(px(8))
        column.addLayout(head)
        column.addWidget(self._chart, 1)
        self._measure.clicked.connect(self.measure_wanted)

    def show_rows(self, rows: Sequence[QuantRow], bands: Sequence[SizeBand], context: str, unmeasured: int) -> None:
        """Draw what is known.

        Args:
            rows: The types.
            bands: Ranges of sizes that run in the same way.
            context: Of the forecasts behind the bands.
            unmeasured: How many results in the library have no measured loss.
        """
        points = loss_points(rows)
        self._chart.show_points(points, bands, context, no_points_reason(rows))
        self._legend.show_series(
            measured=any(point.measured for point in points), published=any(not point.measured for point in points)
        )
        self._measure.set_text(f"Measure {unmeasured}" if unmeasured else "Measure")
        self._measure.setVisible(unmeasured > 0)
