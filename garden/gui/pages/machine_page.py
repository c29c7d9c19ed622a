"""Machine: what it has, what it can run, and how good earlier forecasts were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, QTimer, Slot
from PySide6.QtGui import QGuiApplication, QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from garden.gui.pages.audit_card import AuditCard
from garden.gui.pages.backend_card import BackendCard
from garden.gui.pages.device_row import DeviceRow
from garden.gui.pages.speed_row import SpeedRow
from garden.gui.pages.what_if_card import WhatIfCard
from garden.gui.viewmodels.backends import BackendsViewModel
from garden.gui.viewmodels.machine import KV_TYPES, QUANT_TYPES, MachineViewModel
from garden.gui.viewmodels.machine_speed import MachineSpeedViewModel
from garden.gui.viewmodels.what_if import WhatIfViewModel
from garden.gui.widgets.button import Button
from garden.gui.widgets.card import Card, Divider
from garden.gui.widgets.chip import Chip
from garden.gui.widgets.label import Label
from garden.gui.widgets.page_header import PageHeader
from garden.gui.widgets.run_chart import ChartArea, ChartDot, RunChart
from garden.gui.widgets.themed_widget import Surface

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.gui.navigator import Navigator
    from garden.gui.theme.theme import ThemeController
    from garden.gui.viewmodels.run_map import RunMap
    from garden.services.garden import Garden

#: Width of the page below which its two columns become one, even where both would have room.
_ONE_COLUMN = 820


class _Columns(Surface):
    """Two columns side by side, or below each other where there is no room for both as wide as they must be.

    Args:
        theme: Where colours and sizes come from.
        left: The first.
        right: The second.
    """

    def __init__(self, theme: ThemeController, left: QVBoxLayout, right: QVBoxLayout) -> None:
        super().__init__(theme, "bg.window")
        px = theme.theme.px
        self._left, self._right = left, right
        self._both = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._both.setContentsMargins(px(20), px(16), px(20), px(16))
        self._both.setSpacing(px(16))
        self._both.addLayout(left, 564)
        self._both.addLayout(right, 644)

    def event(self, event: QEvent) -> bool:
        """What the cards need changes with what they say."""
        around = self.parentWidget()
        if around is not None and event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Resize):
            self.share(around.width())
        return super().event(event)

    def share(self, room: int) -> None:
        """Stand side by side where this width is enough."""
        margins = self._both.contentsMargins()
        needed = sum(side.minimumSize().width() for side in (self._left, self._right))
        needed += margins.left() + margins.right() + self._both.spacing()
        narrow = room < max(needed, self.look.px(_ONE_COLUMN))
        directions = QBoxLayout.Direction
        self._both.setDirection(directions.TopToBottom if narrow else directions.LeftToRight)


class MachinePage(QWidget):
    """The page.

    Args:
        garden: Services.
        pump: Brings their answers to the Qt thread.
        navigator: The window.
        theme: Where colours come from.

    Attributes:
        machine: What it shows.
        speed: How fast it is.
        backends: What can be given to the engine.
        what_if: Other machines.
        chart: What this machine can run.
        audit: Forecasts against what loads took.
    """

    def __init__(self, garden: Garden, pump: EventPump, navigator: Navigator, theme: ThemeController) -> None:
        super().__init__()
        self.setObjectName("page")
        self._theme = theme
        self._navigator = navigator
        self.machine = MachineViewModel(garden, pump, self)
        self.backends = BackendsViewModel(garden, pump, self)
        self.what_if = WhatIfViewModel(garden, pump, self)
        self.header = PageHeader(theme, "Machine")
        self._age = Label(theme, style="small", color="text.muted")
        self._again = Button(
            theme, icon="retry", kind="ghost", small=True, name="machine.readAgain", hint="Read everything again"
        )
        self._refresh = Button(theme, "Refresh", icon="retry", small=True, name="machine.refresh")
        self._refresh.setAccessibleName("Look for GPUs and the engine again")
        self._devices = Card(theme)
        self.speed = MachineSpeedViewModel(garden, pump, self)
        self._speed_card = Card(theme)
        self._speed_card.column.addWidget(SpeedRow(theme, self.speed))
        self._rows: dict[str, DeviceRow] = {}
        self.chart = RunChart(theme, name="machine.chart", label="What this machine can run")
        self._chart_title = Label(theme, style="strong", elide=Qt.TextElideMode.ElideRight)
        self._type = Chip(theme, name="machine.type")
        self._kv_type = Chip(theme, "KV", name="machine.kvType", separator="")
        self.audit = AuditCard(theme, self.machine, navigator)
        self._clock = QTimer(self)
        self._clock.setInterval(1_000)
        self._build()
        self._connect()
        self._on_read()
        self._on_mapped()

    def _build(self) -> None:
        px = self._theme.theme.px
        self.header.add(self._age)
        self.header.add(self._again)
        self._type.set_choices([(name, name) for name in QUANT_TYPES])
        self._kv_type.set_choices([(name, name) for name in KV_TYPES])
        for chip, meaning in ((self._type, "Type of the weights"), (self._kv_type, "Type of the KV cache")):
            chip.setAccessibleDescription(meaning)
            chip.setToolTip(meaning)
        left = QVBoxLayout()
        left.setSpacing(px(16))
        left.addWidget(self._devices)
        left.addWidget(self._speed_card)
        left.addWidget(BackendCard(self._theme, self.backends))
        left.addWidget(WhatIfCard(self._theme, self.what_if))
        left.addStretch(1)
        right = QVBoxLayout()
        right.setSpacing(px(16))
        right.addWidget(self._chart_card(), 1)
        right.addWidget(self.audit)
        self._columns = _Columns(self._theme, left, right)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(self._columns)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addWidget(scroll, 1)

    def _chart_card(self) -> Card:
        px = self._theme.theme.px
        card = Card(self._theme)
        card.column.setContentsMargins(px(16), px(14), px(16), px(8))
        head = QHBoxLayout()
        head.setSpacing(px(8))
        head.addWidget(self._chart_title)
        head.addWidget(
            Label(self._theme, "dense models", style="small", color="text.muted", elide=Qt.TextElideMode.ElideRight)
        )
        head.addStretch(1)
        head.addWidget(self._type)
        head.addWidget(self._kv_type)
        card.column.addLayout(head)
        card.column.addSpacing(px(10))
        card.column.addWidget(self.chart, 1)
        return card

    def _connect(self) -> None:
        self._again.clicked.connect(self.machine.refresh)
        self._refresh.clicked.connect(self.machine.refresh)
        self._clock.timeout.connect(self._show_age)
        self._type.chosen.connect(self._on_type_chosen)
        self._kv_type.chosen.connect(self._on_kv_type_chosen)
        self.chart.marker_moved.connect(self._on_marker_moved)
        self.chart.set_marker(self.machine.default_context)
        self.machine.read.connect(self._on_read)
        self.machine.mapped.connect(self._on_mapped)
        self.machine.dots_changed.connect(self._on_dots_changed)
        self.machine.said.connect(self._navigator.notify)
        self.speed.said.connect(self._navigator.notify)
        self.backends.said.connect(self._navigator.notify)
        self.what_if.said.connect(self._navigator.notify)

    def showEvent(self, event: QShowEvent) -> None:
        """Follow the machine while the page is seen."""
        super().showEvent(event)
        self.machine.watch(True)
        self.speed.look()
        self.backends.watch(True)
        self.what_if.watch(True)
        self._clock.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Read nothing while it is not."""
        super().hideEvent(event)
        self.machine.watch(False)
        self.backends.watch(False)
        self.what_if.watch(False)
        self._clock.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """On a narrow page the cards stand below each other."""
        super().resizeEvent(event)
        # Wider than the page, its content would not be told.
        self._columns.share(event.size().width())

    # What the view model says

    @Slot()
    def _on_read(self) -> None:
        probing = self.machine.probing
        reason = "Looking for GPUs and the engine."
        for button in (self._again, self._refresh):
            # Disabling what has the focus would lose it.
            button.set_usable(not probing or button.hasFocus(), reason)
        self._show_age()
        facts = self.machine.facts
        if [fact.key for fact in facts] != list(self._rows):
            self._lay_rows()
        for fact in facts:
            self._rows[fact.key].show_facts(fact)

    def _lay_rows(self) -> None:
        """Parts came or went: make their rows anew."""
        had_focus = self._refresh.hasFocus()
        # It outlives the row that it stands in.
        self._refresh.setParent(self)
        self._refresh.hide()
        column = self._devices.column
        while column.count():
            item = column.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self._rows = {}
        for number, fact in enumerate(self.machine.facts):
            if number:
                line = Divider(self._theme, parent=self._devices)
                column.addWidget(line)
                line.show()
            button = self._refresh if fact.key == "engine" else None
            row = DeviceRow(self._theme, fact, button, self._devices)
            row.command_wanted.connect(self._on_command_wanted)
            column.addWidget(row)
            row.show()
            if button is not None:
                button.show()
                # The tab key goes down the left column before it turns to the chart.
                QWidget.setTabOrder(self._again, button)
                if had_focus:
                    button.setFocus(Qt.FocusReason.OtherFocusReason)
            self._rows[fact.key] = row

    @Slot()
    def _show_age(self) -> None:
        age = self.machine.age_seconds
        if self.machine.probing:
            text = "Looking for GPUs and the engine"
        elif age is None:
            text = ""
        else:
            text = f"Read {age:.0f} s ago" if age >= 1 else "Read just now"
        if text != self._age.text():
            self._age.setText(text)
            self._age.updateGeometry()

    @Slot()
    def _on_mapped(self) -> None:
        machine = self.machine
        self._chart_title.setText(f"What {machine.subject} can run")
        self._chart_title.updateGeometry()
        self._type.set_value(machine.quant_type)
        self._kv_type.set_value(machine.kv_type)
        if machine.run_map is None:
            self.chart.show_notice("Asking the estimator" if machine.mapping else "")
        else:
            self.chart.show_areas([point.context_length for point in machine.run_map.points], _areas(machine.run_map))
        self._show_reading()

    @Slot()
    def _on_dots_changed(self) -> None:
        self.chart.show_dots(
            [ChartDot(title=dot.name, x=dot.context_length, y=dot.parameters) for dot in self.machine.dots]
        )

    # What the user does

    @Slot(object)
    def _on_type_chosen(self, quant_type: object) -> None:
        self.machine.choose_type(str(quant_type))
        self._on_mapped()

    @Slot(object)
    def _on_kv_type_chosen(self, kv_type: object) -> None:
        self.machine.choose_kv_type(str(kv_type))
        self._on_mapped()

    @Slot(int)
    def _on_marker_moved(self, _context_length: int) -> None:
        self._show_reading()

    def _show_reading(self) -> None:
        found = self.machine.run_map
        self.chart.show_reading(found.sentence(self.chart.marker) if found is not None else "")

    @Slot(str)
    def _on_command_wanted(self, command: str) -> None:
        QGuiApplication.clipboard().setText(command)
        self._navigator.notify("The command is on the clipboard.", "Run it where Garden lies, then refresh.")


def _areas(found: RunMap) -> list[ChartArea]:
    """The areas of a map, the lowest first; a split that nothing needs is left out."""
    on_gpu = tuple(point.on_gpu for point in found.points)
    at_all = tuple(point.at_all for point in found.points)
    top = ChartArea(title="Too large", token="verdict.too_large", upper=None)
    if not found.has_gpu:
        return [ChartArea(title="Runs on CPU", token="verdict.cpu", upper=at_all), top]
    gpu = ChartArea(title="Runs on GPU", token="verdict.gpu", upper=on_gpu)
    if all(total <= gpu_alone * 1.02 for gpu_alone, total in zip(on_gpu, at_all, strict=True)):
        return [gpu, top]
    return [gpu, ChartArea(title="Split, GPU and RAM", token="verdict.split", upper=at_all), top]
