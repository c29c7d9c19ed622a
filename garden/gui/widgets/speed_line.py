"""How fast a model will answer, what that rests on, and the button that measures it without the model."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QWidget

from garden.core.fit_forecast import FitForecast, Placement, SpeedSource
from garden.core.job_record import JobRecord
from garden.core.quantity import format_rate
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.button import Button
from garden.gui.widgets.label import Label
from garden.gui.widgets.progress_bar import ProgressBar

_HINT = "Run a copy of it with fewer layers and random weights: some seconds, nothing is downloaded"
_SPLIT = "A model that is split between GPU and processor cannot be measured without all of it."


class SpeedLine(QWidget):
    """The line.

    Args:
        theme: Where colours come from.
        name: Prefix of the buttons' names.
        stacked: In a narrow panel: the words above the button, in as many lines as they take.
        parent: Qt parent.

    Signals:
        measure_wanted: The user wants it measured.
        cancel_wanted: No longer.
    """

    measure_wanted = Signal()
    cancel_wanted = Signal()

    def __init__(
        self, theme: ThemeController, name: str, *, stacked: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        px = theme.theme.px
        self._stacked = stacked
        elide = None if stacked else Qt.TextElideMode.ElideRight
        self._text = Label(theme, style="small", color="text.secondary", elide=elide, wrap=stacked)
        self._text.setObjectName(f"{name}.speed")
        self._progress = ProgressBar(theme)
        self._measure = Button(theme, "Measure", icon="clock", small=True, name=f"{name}.measure")
        self._measure.clicked.connect(self.measure_wanted)
        self._cancel = Button(theme, "Cancel", small=True, name=f"{name}.measure.cancel")
        self._cancel.setAccessibleName("Stop measuring its speed")
        self._cancel.clicked.connect(self.cancel_wanted)
        row = QHBoxLayout()
        row.setSpacing(px(8))
        row.addWidget(self._progress, 1)
        if not stacked:
            # Takes no room beside a progress bar, and all of it without one: the buttons stay at the right.
            row.addStretch(0)
        row.addWidget(self._measure)
        row.addWidget(self._cancel)
        directions = QBoxLayout.Direction
        line = QBoxLayout(directions.TopToBottom if stacked else directions.LeftToRight, self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(px(8))
        # The words take what they need and the button follows them; a bar takes the rest of the line.
        line.addWidget(self._text)
        line.addLayout(row, 1 if not stacked else 0)
        row.addStretch(0 if not stacked else 1)
        self._rest = row

    def show_speed(self, forecast: FitForecast | None, job: JobRecord | None) -> None:
        """Show what is known.

        Args:
            forecast: Of the file, None until its header was read.
            job: Its measurement under way, None while there is none.
        """
        had_focus = self._measure.hasFocus() or self._cancel.hasFocus()
        elsewhere = forecast is not None and forecast.speed_source is SpeedSource.ELSEWHERE
        runs = forecast is not None and forecast.placement is not Placement.NONE
        known = forecast is not None and forecast.decode_tokens_per_second is not None
        self.setVisible((runs and (known or not elsewhere)) or job is not None)
        text = (job.note or "Waiting to be measured") if job is not None else speed_text(forecast)
        self._text.setText(text)
        self._text.setToolTip(text)
        self._text.updateGeometry()
        own = forecast is not None and forecast.speed_source is SpeedSource.MEASURED
        self._measure.setVisible(job is None and not own and not elsewhere)
        split = forecast is not None and forecast.placement is Placement.SPLIT
        self._measure.set_usable(not split, _SPLIT)
        if not split:
            self._measure.setToolTip(_HINT)
        self._cancel.setVisible(job is not None)
        self._progress.setVisible(job is not None)
        if not self._stacked:
            self._rest.setStretch(self._rest.count() - 1, 0 if job is not None else 1)
        if job is not None:
            self._progress.set_fraction(job.fraction or 0.0)
        if had_focus:
            # What takes the place of a button takes its focus along.
            (self._measure if job is None else self._cancel).setFocus(Qt.FocusReason.OtherFocusReason)


def speed_text(forecast: FitForecast | None) -> str:
    """``About 24 tok/s, prompts 310 tok/s · calibrated here, between 22 and 26``; that nothing is known otherwise."""
    if forecast is None or forecast.decode_tokens_per_second is None:
        return "Its speed here is not known yet."
    bound = forecast.speed_source is SpeedSource.ELSEWHERE
    about = "" if forecast.speed_is_measured else "At most " if bound else "About "
    text = f"{about}{format_rate(forecast.decode_tokens_per_second)} tok/s"
    if forecast.prefill_tokens_per_second is not None:
        text += f", prompts {format_rate(forecast.prefill_tokens_per_second)} tok/s"
    return f"{text} · {forecast.speed_basis}"
