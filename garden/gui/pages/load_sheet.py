"""The advanced view of a load: every parameter, what was found for it, and the line of llama-server it amounts to."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QSpinBox, QVBoxLayout, QWidget

from garden.core.fit_forecast import Verdict
from garden.gui.pages.code_line import CodeLine
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.load_fields import FIELDS, LoadField, applies, bounds, choice_of, note, usual, value, word
from garden.gui.viewmodels.load_options import LoadOptions
from garden.gui.widgets.button import Button
from garden.gui.widgets.card import Divider
from garden.gui.widgets.device_memory_view import DeviceMemoryView
from garden.gui.widgets.label import Label
from garden.gui.widgets.overlay import Popover
from garden.gui.widgets.verdict_label import VerdictLabel
from garden.services.load_plan import LoadPlan

_WIDTH = 404


class _Number(QSpinBox):
    """A whole number as narrow as its column, taken when it is complete."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setKeyboardTracking(False)

    def sizeHint(self) -> QSize:
        """Qt would reserve room for the greatest number."""
        return QSize(80, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """As narrow as its column."""
        return self.sizeHint()


class LoadSheet(Popover):
    """Fields of a load; each change is chosen at once, so that the bars below it move.

    Args:
        theme: Where colours come from.
        anchor: The button that opens it.
        options: Where changes go.

    Signals:
        copied: The command line lies on the clipboard.
    """

    copied = Signal()

    def __init__(self, theme: ThemeController, anchor: QWidget, options: LoadOptions) -> None:
        super().__init__(theme, anchor, name="loadSheet", width=_WIDTH)
        self._options = options
        self._plan: LoadPlan | None = None
        self._titles: dict[str, Label] = {}
        self._fields: dict[str, QSpinBox | QComboBox] = {}
        self._grid = QGridLayout()
        self._title = Label(theme, "How it is loaded", style="strong")
        self._reset = Button(theme, "Reset", kind="ghost", small=True, name="loadSheet.reset")
        self._reset.setToolTip("Everything as it was found, or as this machine loads models by itself")
        self._reset.clicked.connect(options.reset)
        self._verdict = VerdictLabel(theme, layers=True)
        self._memory = DeviceMemoryView(theme, 84, name="loadSheet")
        self._comes_to = QWidget()
        self._reason = Label(theme, style="small", color="text.secondary", wrap=True)
        self._reason.setObjectName("loadSheet.reason")
        self._line = CodeLine(theme, "loadSheet.line", wrap=True)
        self._line.copied.connect(self.copied)
        self._build(theme)
        self.closed.connect(self.deleteLater)

    def _build(self, theme: ThemeController) -> None:
        px = theme.theme.px
        column = QVBoxLayout()
        column.setContentsMargins(px(14), px(8), px(14), px(14))
        column.setSpacing(px(8))
        head = QHBoxLayout()
        head.addWidget(self._title)
        head.addStretch(1)
        head.addWidget(self._reset)
        column.addLayout(head)
        column.addWidget(Divider(theme, "border.default"))
        self._grid.setHorizontalSpacing(px(12))
        self._grid.setVerticalSpacing(px(3))
        for field in FIELDS:
            self._titles[field.name] = Label(theme, field.title, style="caption", color="text.muted")
            self._fields[field.name] = self._field(theme, field)
        for side in (0, 1):
            self._grid.setColumnStretch(side, 1)
        column.addLayout(self._grid)
        below = QVBoxLayout(self._comes_to)
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(px(8))
        below.addWidget(Divider(theme, "border.default"))
        verdict = QHBoxLayout()
        verdict.addWidget(Label(theme, "It takes", style="caption", color="text.muted"))
        verdict.addStretch(1)
        verdict.addWidget(self._verdict)
        below.addLayout(verdict)
        below.addWidget(self._memory)
        below.addWidget(self._reason)
        below.addWidget(self._line)
        column.addWidget(self._comes_to)
        self.sheet.column.addLayout(column)

    def _field(self, theme: ThemeController, field: LoadField) -> QSpinBox | QComboBox:
        made: QSpinBox | QComboBox
        if field.options:
            made = QComboBox(self.sheet)
            for option in field.options:
                made.addItem(word(option), option)
            made.activated.connect(lambda _index, field=field, made=made: self._take(field, str(made.currentData())))
        else:
            made = _Number(self.sheet)
            made.lineEdit().setTextMargins(theme.theme.px(7), 0, theme.theme.px(4), 0)
            made.setSingleStep(field.step)
            made.setGroupSeparatorShown(True)
            made.valueChanged.connect(lambda number, field=field: self._take(field, number))
        made.setObjectName(f"load.{field.name}")
        made.setAccessibleName(field.title)
        made.setToolTip(field.hint)
        made.setFont(theme.theme.font("body"))
        made.setFixedHeight(theme.theme.px(30))
        return made

    def show_plan(self, plan: LoadPlan | None, *, of_several: bool = False) -> None:
        """Show a model's load, without telling anyone; None closes the view.

        Args:
            plan: The load.
            of_several: Several models are loaded like this: what is a matter of one of them is left out.
        """
        if plan is None:
            self.dismiss()
            return
        first = self._plan is None
        self._plan = plan
        shown = [field for field in FIELDS if applies(field, plan) and not (of_several and field.of_one_model)]
        if first:
            self._place(shown)
        for field in shown:
            self._show_field(field, plan)
        self._reset.set_usable(any(usual(field, plan) != value(field, plan) for field in shown), "Nothing was changed.")
        self._title.setText("How all panes are loaded" if of_several else "How it is loaded")
        self._comes_to.setVisible(not of_several)
        self._verdict.set_forecast(plan.forecast)
        self._memory.set_devices(plan.forecast.devices)
        self._memory.setVisible(bool(plan.forecast.devices))
        # What fits needs no words here; what does not says why, and what would help.
        told = f"{plan.forecast.reason} {plan.forecast.suggestion}".strip()
        self._reason.setVisible(plan.forecast.verdict is not Verdict.FITS)
        self._reason.setText(told)
        self._reason.updateGeometry()
        self._line.setVisible(bool(plan.line))
        self._line.show_text(plan.line)

    def _place(self, shown: list[LoadField]) -> None:
        for field in FIELDS:
            self._titles[field.name].setVisible(field in shown)
            self._fields[field.name].setVisible(field in shown)
        for number, field in enumerate(shown):
            row, side = divmod(number, 2)
            self._grid.addWidget(self._titles[field.name], 2 * row, side)
            self._grid.addWidget(self._fields[field.name], 2 * row + 1, side)

    def _show_field(self, field: LoadField, plan: LoadPlan) -> None:
        beside = note(field, plan)
        title = self._titles[field.name]
        title.setText(f"{field.title} · {beside}" if beside else field.title)
        title.set_color("text.primary" if value(field, plan) != usual(field, plan) else "text.muted")
        title.updateGeometry()
        made = self._fields[field.name]
        made.setAccessibleDescription(f"{beside}. {field.hint}" if beside else field.hint)
        blocked = made.blockSignals(True)
        if isinstance(made, QSpinBox):
            low, high = bounds(field, plan)
            made.setRange(low, high)
            made.setToolTip(f"{field.hint} From {low:,} to {high:,}.")
            made.setValue(int(value(field, plan)))
        else:
            made.setCurrentIndex(made.findData(value(field, plan)))
        made.blockSignals(blocked)

    @Slot()
    def dismiss(self) -> None:
        """Take what is half written, then close."""
        for made in self._fields.values():
            if isinstance(made, QSpinBox):
                made.interpretText()
        super().dismiss()

    def _take(self, field: LoadField, shown: int | str) -> None:
        if self._plan is not None:
            self._options.choose(**{field.name: choice_of(field, shown, self._plan)})
