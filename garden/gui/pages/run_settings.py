"""The popover with the settings of a pane, or of all panes at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QDoubleSpinBox, QGridLayout, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from garden.core.run_configuration import RunConfiguration
from garden.gui.pages.pane_memory import PaneLoadSection
from garden.gui.viewmodels.run_settings import NUMBERS, NumberSetting
from garden.gui.widgets.button import Button
from garden.gui.widgets.card import Divider
from garden.gui.widgets.label import Label
from garden.gui.widgets.overlay import Popover

if TYPE_CHECKING:
    from garden.gui.theme.theme import Theme, ThemeController
    from garden.gui.viewmodels.load_options import LoadOptions

_WIDTH = 340
#: A text is taken this long after the last key.
_TEXT_DELAY_MS = 400


class _NumberField(QDoubleSpinBox):
    """A number without needless zeros, taken when it is complete."""

    def __init__(self, theme: Theme, setting: NumberSetting, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(f"settings.{setting.name}")
        self.setAccessibleName(setting.title)
        self.setAccessibleDescription(setting.hint)
        self.setToolTip(setting.hint)
        self.setDecimals(setting.decimals)
        self.setRange(setting.low, setting.high)
        self.setSingleStep(setting.step)
        self.setKeyboardTracking(False)
        # The style sheet's padding does not reach the line inside.
        self.lineEdit().setTextMargins(theme.px(7), 0, theme.px(4), 0)
        self.setFixedHeight(theme.px(30))
        self.setGroupSeparatorShown(setting.name not in ("seed", "temperature", "top_p"))

    def textFromValue(self, value: float) -> str:
        """``0.7`` rather than ``0.70``."""
        if self.decimals() and float(value).is_integer():
            return str(int(value))
        text = super().textFromValue(value)
        return text.rstrip("0") if self.decimals() else text

    def sizeHint(self) -> QSize:
        """As narrow as its column; Qt would reserve room for the largest seed."""
        return QSize(80, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """As narrow as its column."""
        return self.sizeHint()


class RunSettings(Popover):
    """Fields of a configuration; each change is told at once.

    Args:
        theme: Where colours come from.
        anchor: The button that opens it.
        options: Where choices of how one pane is loaded go; None for the settings of all, which say nothing of that.

    Attributes:
        load: How the pane is loaded, None in the settings of all.

    Signals:
        setting_changed: Name and new value, a number or a text.
        same_wanted: The pane is to be asked as pane A is.
    """

    setting_changed = Signal(str, object)
    same_wanted = Signal()

    def __init__(self, theme: ThemeController, anchor: QWidget, options: LoadOptions | None = None) -> None:
        super().__init__(theme, anchor, name="settings", width=_WIDTH)
        self.load = PaneLoadSection(theme, options) if options is not None else None
        self._shown: RunConfiguration | None = None
        px = theme.theme.px
        self._title = Label(theme, style="strong", elide=Qt.TextElideMode.ElideRight)
        self._title.setObjectName("settings.title")
        self._same = Button(theme, "Same as A", kind="ghost", small=True, name="settings.same")
        self._same.setToolTip("Load and ask this pane exactly as pane A")
        self._fields: dict[str, _NumberField] = {}
        column = QVBoxLayout()
        column.setContentsMargins(px(14), px(8), px(14), px(14))
        column.setSpacing(px(8))
        head = QHBoxLayout()
        head.addWidget(self._title)
        head.addStretch(1)
        head.addWidget(self._same)
        column.addLayout(head)
        column.addWidget(Divider(theme, "border.default"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(px(12))
        grid.setVerticalSpacing(px(3))
        for number, setting in enumerate(NUMBERS):
            field = _NumberField(theme.theme, setting, self.sheet)
            field.valueChanged.connect(lambda value, name=setting.name: self.setting_changed.emit(name, value))
            self._fields[setting.name] = field
            self._place(grid, number, setting.title, field)
        column.addLayout(grid)
        column.addWidget(Label(theme, "System prompt", style="caption", color="text.muted"))
        self._system = QPlainTextEdit(self.sheet)
        self._system.setObjectName("settings.system_prompt")
        self._system.setAccessibleName("System prompt")
        self._system.setProperty("field", True)
        self._system.setPlaceholderText("None: no system message is sent")
        self._system.setTabChangesFocus(True)
        self._system.setFixedHeight(px(72))
        column.addWidget(self._system)
        if self.load is not None:
            column.addWidget(Divider(theme, "border.default"))
            column.addWidget(self.load)
        self._busy = Label(
            theme,
            "The panes are answering; this can be changed when they are done.",
            style="small",
            color="text.muted",
            wrap=True,
            max_width=_WIDTH,
        )
        self._busy.hide()
        column.addWidget(self._busy)
        self.sheet.column.addLayout(column)
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.setInterval(_TEXT_DELAY_MS)
        self._late.timeout.connect(self._tell_text)
        self._system.textChanged.connect(self._late.start)
        self._same.clicked.connect(self.same_wanted)
        self.closed.connect(self._on_closed)

    def show_run(self, title: str, run: RunConfiguration, *, can_be_same: bool) -> None:
        """Show a configuration without telling anyone.

        Args:
            title: Whose settings these are.
            run: The configuration.
            can_be_same: Whether there is a pane A to be like.
        """
        self._shown = run
        self._title.setText(title)
        self._same.setVisible(can_be_same)
        for setting in NUMBERS:
            field = self._fields[setting.name]
            if not field.hasFocus():
                field.blockSignals(True)
                field.setValue(setting.read(run))
                field.blockSignals(False)
        if not self._system.hasFocus():
            self._system.blockSignals(True)
            self._system.setPlainText(run.ask.system_prompt or "")
            self._system.blockSignals(False)

    def set_changeable(self, changeable: bool) -> None:
        """Allow changes, or only show what is set while panes answer."""
        for field in (*self._fields.values(), self._same):
            field.setEnabled(changeable)
        self._system.setReadOnly(not changeable)
        if self.load is not None:
            self.load.set_changeable(changeable)
        self._busy.setVisible(not changeable)

    def focus_system_prompt(self) -> None:
        """Put the cursor into the system prompt."""
        self._system.setFocus(Qt.FocusReason.OtherFocusReason)

    def dismiss(self) -> None:
        """Take what is half written, then close."""
        for field in self._fields.values():
            field.interpretText()
        if self._late.isActive():
            self._tell_text()
        super().dismiss()

    def _place(self, grid: QGridLayout, number: int, title: str, field: QWidget) -> None:
        row, column = divmod(number, 2)
        label = Label(self._controller, title, style="caption", color="text.muted")
        grid.addWidget(label, 2 * row, column)
        grid.addWidget(field, 2 * row + 1, column)
        grid.setColumnStretch(column, 1)

    @Slot()
    def _tell_text(self) -> None:
        self._late.stop()
        text = self._system.toPlainText()
        if self._shown is None or text != (self._shown.ask.system_prompt or ""):
            self.setting_changed.emit("system_prompt", text)

    @Slot()
    def _on_closed(self) -> None:
        self.deleteLater()
