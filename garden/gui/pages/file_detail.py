"""The file that is chosen: why it runs or not, where its bytes would lie, the line that runs it, and its download."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from garden.core.fit_forecast import DeviceMemory, FitMethod
from garden.core.job_record import JobRecord
from garden.core.quantity import GIB, format_bytes, format_duration
from garden.gui.pages.code_line import CodeLine
from garden.gui.pages.scaled_width import fix_width, widen
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.file_table import FileRow
from garden.gui.widgets.button import Button
from garden.gui.widgets.label import Label
from garden.gui.widgets.legend import Legend
from garden.gui.widgets.memory_bar import MemoryBar, gpu_first, held_words, legend_items
from garden.gui.widgets.progress_bar import ProgressBar
from garden.gui.widgets.speed_line import SpeedLine
from garden.gui.widgets.tag import Tag
from garden.gui.widgets.themed_widget import Surface
from garden.gui.widgets.tool_tip import plain_tool_tip
from garden.gui.widgets.verdict_label import VerdictLabel

#: Below this width, logical pixels at 100 %, what is said beside the button would push it out.
_ROOMY = 620

_METHODS = {
    FitMethod.ROUGH: "rough · from the Hub's fields",
    FitMethod.FORMULA: "from the file's header",
    FitMethod.EXACT: "exact · engine dry run",
}


class _DeviceLine(QWidget):
    """Name of a device, its bar, what is needed of what is free."""

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        px = theme.theme.px
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self._name = Label(theme, style="small", color="text.secondary", elide=Qt.TextElideMode.ElideRight, size=12.5)
        fix_width(self._name, theme, 150)
        self._bar = MemoryBar(theme, 14)
        self._needed = Label(theme, style="small", weight=600, size=12.5)
        self._free = Label(theme, style="small", color="text.muted", size=12.5)
        row.addWidget(self._name)
        row.addSpacing(px(8))
        row.addWidget(self._bar, 1)
        row.addSpacing(px(12))
        figures = QHBoxLayout()
        figures.setSpacing(px(3))
        figures.addStretch(1)
        figures.addWidget(self._needed)
        figures.addWidget(self._free)
        holder = QWidget()
        fix_width(holder, theme, 128)
        figures.setContentsMargins(0, 0, 0, 0)
        holder.setLayout(figures)
        row.addWidget(holder)

    def show_device(self, device: DeviceMemory) -> None:
        """Show what it would hold."""
        kind = device.kind.upper()
        self._name.setText(kind if device.name.upper() == kind else f"{kind} · {device.name}")
        self._bar.set_device(device)
        self._needed.setText(f"{device.need_bytes / GIB:.2f}")
        self._free.setText(f"of {device.available_bytes / GIB:.1f} free")


class FileDetail(Surface):
    """The panel below the table.

    Signals:
        download_wanted: The button was pressed.
        pause_wanted: The download under way is to stop for now.
        cancel_wanted: The download is to stop for good.
        measure_wanted: Its speed is to be measured.
        measure_cancel_wanted: No longer.
        compare_wanted: The file is in the library and is to be tried.
        copied: The command line lies on the clipboard.
    """

    download_wanted = Signal()
    pause_wanted = Signal()
    cancel_wanted = Signal()
    measure_wanted = Signal()
    measure_cancel_wanted = Signal()
    compare_wanted = Signal()
    copied = Signal()

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(theme, "bg.sunken", parent=parent)
        self.setObjectName("fileDetail")
        px = theme.theme.px
        self._type = Label(theme, style="code", weight=600, size=13)
        self._type.setObjectName("fileDetail.type")
        self._verdict = VerdictLabel(theme, pill=True, layers=True)
        self._method = Tag(theme)
        self._disk = Label(theme, style="small", color="text.muted")
        self._progress = ProgressBar(theme)
        widen(self._progress, theme, 60)
        self._state = Label(theme, style="small", color="text.secondary")
        self._state.setObjectName("fileDetail.state")
        self._pause = Button(theme, "Pause", icon="pause", name="fileDetail.pause", hint="Pause; what came is kept")
        self._pause.clicked.connect(self.pause_wanted)
        self._cancel = Button(theme, "Cancel", name="fileDetail.cancel", hint="Cancel, and clear what came")
        self._cancel.clicked.connect(self.cancel_wanted)
        self._download = Button(theme, "Download", icon="download", kind="primary", name="fileDetail.download")
        self._download.clicked.connect(self.download_wanted)
        self._compare = Button(theme, "Try it", icon="compare", kind="primary", name="fileDetail.compare")
        self._compare.clicked.connect(self.compare_wanted)
        self._reason = Label(theme, color="text.secondary", wrap=True, max_width=760)
        self._reason.setObjectName("fileDetail.reason")
        self._has_forecast = False
        self._has_disk = False
        self._devices: list[_DeviceLine] = []
        self._device_column = QVBoxLayout()
        self._device_column.setSpacing(px(4))
        self._speed = SpeedLine(theme, "fileDetail")
        self._speed.measure_wanted.connect(self.measure_wanted)
        self._speed.cancel_wanted.connect(self.measure_cancel_wanted)
        self._line = CodeLine(theme, "fileDetail.line")
        self._line.copied.connect(self.copied)
        self._held = Label(theme, style="small", color="text.muted", wrap=True, max_width=760)
        self._held.setObjectName("fileDetail.held")
        self._legend = Legend(theme, wrap=True)
        self._build()

    def _build(self) -> None:
        px = self.look.px
        head = QHBoxLayout()
        head.setSpacing(px(8))
        for widget in (self._type, self._verdict, self._method):
            head.addWidget(widget)
        head.addStretch(1)
        for control in (self._disk, self._cancel, self._pause, self._download, self._compare):
            head.addWidget(control)
        # A line of its own: beside type, verdict and buttons its figures would be cut.
        transfer = QHBoxLayout()
        transfer.setSpacing(px(12))
        transfer.addWidget(self._progress, 1)
        transfer.addWidget(self._state)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(20), px(12), px(20), px(12))
        column.setSpacing(px(8))
        column.addLayout(head)
        column.addLayout(transfer)
        column.addWidget(self._reason)
        column.addLayout(self._device_column)
        column.addWidget(self._held)
        column.addWidget(self._speed)
        column.addWidget(self._line)
        column.addWidget(self._legend)
        column.addStretch(1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """With little room the basis of the forecast and the disk go first; both stand in tool tips, too."""
        super().resizeEvent(event)
        self._show_asides()

    def _show_asides(self) -> None:
        roomy = self.width() >= self.look.px(_ROOMY)
        self._method.setVisible(roomy and self._has_forecast)
        self._disk.setVisible(roomy and self._has_disk)

    def show_row(
        self, row: FileRow, line: str, disk_free_bytes: int | None, measuring: JobRecord | None = None
    ) -> None:
        """Show a file.

        Args:
            row: The file and what is known of it.
            line: The command line that runs it; empty while its header is not read.
            disk_free_bytes: Room where it would go, None when unknown.
            measuring: The measurement of its speed under way.
        """
        forecast = row.forecast
        self._speed.show_speed(forecast, measuring)
        self._type.setText(row.title)
        self._verdict.set_forecast(forecast)
        self._has_forecast = forecast is not None
        if forecast is not None:
            self._method.set_text(_METHODS[forecast.method])
            self._verdict.setToolTip(plain_tool_tip(f"{forecast.reason} ({_METHODS[forecast.method]})"))
        self._show_actions(row, disk_free_bytes)
        self._show_asides()
        if row.paused and row.job is not None and row.job.error:
            # Before everything else: what is to be done before it can go on.
            reason = f"{row.job.error} {row.job.action}".strip()
        elif forecast is not None:
            reason = f"{forecast.reason} {forecast.suggestion}".strip()
        else:
            reason = row.problem or "Its header is being read; the forecast follows."
        self._reason.setText(reason)
        self._reason.updateGeometry()
        devices = forecast.devices if forecast else ()
        self._show_devices(devices)
        words = held_words(devices)
        self._held.setText(words)
        self._held.setVisible(bool(words))
        self._held.updateGeometry()
        self._line.setVisible(bool(line))
        self._line.show_text(line)
        self._legend.setVisible(forecast is not None)
        margin = next((device.margin_bytes for device in forecast.devices if device.margin_bytes), 0) if forecast else 0
        items = legend_items(devices)
        if margin:
            items.append(("memory.limit", f"Margin of {format_bytes(margin)}: less left is tight"))
        self._legend.set_items(items)

    def _show_actions(self, row: FileRow, disk_free_bytes: int | None) -> None:
        job = row.job
        begun = row.downloading or row.paused
        here = row.entry is not None
        self._progress.setVisible(begun)
        self._state.setVisible(begun)
        self._cancel.setVisible(begun)
        self._pause.setVisible(row.downloading)
        self._download.setVisible(not row.downloading and not here)
        self._compare.setVisible(here)
        self._has_disk = disk_free_bytes is not None and not begun and not here
        if disk_free_bytes is not None:
            self._disk.setText(f"Free on disk {format_bytes(disk_free_bytes)}")
            self._download.setToolTip(self._disk.text())
        size = row.file.size_bytes
        self._download.set_text("Resume" if row.paused else f"Download {format_bytes(size)}")
        self._download.set_icon("play" if row.paused else "download")
        missing = size - job.done if row.paused and job is not None else size
        too_little = disk_free_bytes is not None and disk_free_bytes < missing
        self._download.set_usable(not too_little, "There is not enough room on the disk.")
        if begun and job is not None:
            self._progress.set_fraction(job.fraction or 0.0)
            parts = [f"{format_bytes(job.done)} of {format_bytes(job.total or size)}"]
            if job.rate:
                parts.append(f"{format_bytes(job.rate)}/s")
            if job.seconds_left is not None:
                parts.append(f"{format_duration(job.seconds_left)} left")
            if row.paused:
                parts.insert(0, job.note or "Paused")
            elif job.note:
                parts = [job.note]
            self._state.setText(" · ".join(parts) if job.started_at or row.paused else "Waiting")

    def _show_devices(self, devices: Sequence[DeviceMemory]) -> None:
        shown = gpu_first(devices)
        while len(self._devices) < len(shown):
            line = _DeviceLine(self._controller)
            self._devices.append(line)
            self._device_column.addWidget(line)
        for number, line in enumerate(self._devices):
            line.setVisible(number < len(shown))
            if number < len(shown):
                line.show_device(shown[number])
