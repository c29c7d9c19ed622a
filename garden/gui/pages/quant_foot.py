"""Below the table of types: what is chosen, what it takes, and the one button that starts it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from garden.core.quantity import format_bytes, format_duration
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.quant_estimate import Estimate
from garden.gui.widgets.button import Button
from garden.gui.widgets.label import Label
from garden.gui.widgets.switch import CheckBox
from garden.gui.widgets.themed_widget import Surface
from garden.quantization.own_runs import NOT_MEASURED

_SPACING = 12


class QuantFoot(Surface):
    """The strip.

    Args:
        theme: Where colours come from.
        parent: Qt parent.

    Signals:
        start_wanted: Make what is chosen.
        command_wanted: Copy the same as a command.
        measure_after: Whether the loss is measured afterwards.
    """

    start_wanted = Signal()
    command_wanted = Signal()
    measure_after = Signal(bool)

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(theme, "bg.sunken", edges="b", parent=parent)
        px = theme.theme.px
        self._chosen = Label(theme, weight=500)
        self._chosen.setObjectName("workshop.chosen")
        self._facts = [
            Label(theme, style="small", color="text.secondary", elide=Qt.TextElideMode.ElideRight) for _ in range(3)
        ]
        measure = CheckBox(theme, "Measure the loss", name="workshop.measureAfter")
        measure.setToolTip("Measured once the types are made")
        measure.setChecked(True)
        self._command = Button(theme, "Command", icon="copy", kind="ghost", name="workshop.command")
        self._start = Button(theme, "Quantize", icon="workshop", kind="primary", name="workshop.quantize")
        row = QHBoxLayout(self)
        row.setContentsMargins(px(20), px(11), px(20), px(11))
        row.setSpacing(px(_SPACING))
        row.addWidget(self._chosen)
        for number, fact in enumerate(self._facts):
            fact.setObjectName(f"workshop.estimate{number + 1}")
            row.addWidget(fact)
        row.addStretch(1)
        self._facts[1].setToolTip("As making types of this source took on this machine")
        self._others = (self._chosen, measure, self._command, self._start)
        for widget in self._others[1:]:
            row.addWidget(widget)
        measure.toggled.connect(self.measure_after)
        self._command.clicked.connect(self.command_wanted)
        self._start.clicked.connect(self.start_wanted)

    def show_choice(self, count: int, estimate: Estimate, obstacle: str) -> None:
        """Show what is chosen.

        Args:
            count: How many types.
            estimate: What they take.
            obstacle: Why they cannot be made now, empty when they can.
        """
        self._chosen.setText(f"{count} type chosen" if count == 1 else f"{count} types chosen")
        facts = [f"{format_bytes(estimate.size_bytes)} to write"] if estimate.size_bytes else []
        if count:
            seconds = estimate.seconds
            facts.append(f"about {format_duration(seconds)}" if seconds is not None else f"time {NOT_MEASURED}")
        if estimate.peak_memory_bytes is not None and count:
            facts.append(f"peak {format_bytes(estimate.peak_memory_bytes)}")
        for label, fact in zip(self._facts, [*facts, "", "", ""], strict=False):
            label.setText(fact)
        self._start.set_text(f"Quantize {count}" if count else "Quantize")
        self._start.set_usable(not obstacle, obstacle)
        self._command.set_usable(count > 0, "Choose at least one type.")
        for label in (self._chosen, *self._facts):
            label.updateGeometry()
        self._fit_facts()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out what has no room rather than cutting a figure."""
        super().resizeEvent(event)
        self._fit_facts()

    def _fit_facts(self) -> None:
        px = self.look.px
        room = self.width() - 2 * px(20) - sum(widget.sizeHint().width() + px(_SPACING) for widget in self._others)
        for fact in self._facts:
            room -= fact.sizeHint().width() + px(_SPACING)
            fact.setVisible(bool(fact.text()) and room >= 0)
