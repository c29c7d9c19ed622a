"""The memory meter of every page header: in use now, and what the model at hand would add."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from garden.core.quantity import GIB
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.memory_bar import BarFill, paint_memory_bar
from garden.gui.widgets.themed_widget import ThemedWidget

if TYPE_CHECKING:
    from garden.core.hardware_snapshot import HardwareSnapshot

_BAR_WIDTH = 76
_COLUMN_GAP = 7
_DEVICE_GAP = 16


@dataclass(frozen=True, slots=True)
class MeterLine:
    """One device of the meter, bytes."""

    name: str
    used_bytes: int
    total_bytes: int
    planned_bytes: int = 0

    @property
    def used(self) -> str:
        """GiB in use."""
        return f"{self.used_bytes / GIB:.1f}"

    @property
    def rest(self) -> str:
        """What is planned, and the total."""
        planned = f" + {self.planned_bytes / GIB:.1f}" if self.planned_bytes >= GIB / 20 else ""
        return f"{planned} / {self.total_bytes / GIB:.1f} GiB"


def meter_lines(snapshot: HardwareSnapshot, planned_ram: int = 0, planned_gpu: int = 0) -> tuple[MeterLine, ...]:
    """The devices of a machine: its first GPU with memory of its own, then the RAM."""
    lines = []
    for gpu in snapshot.gpus:
        if gpu.memory_total_bytes and gpu.memory_free_bytes is not None and not gpu.unified:
            used = gpu.memory_total_bytes - gpu.memory_free_bytes
            lines.append(MeterLine("GPU", used, gpu.memory_total_bytes, planned_gpu))
            break
    used = snapshot.ram_total_bytes - snapshot.ram_free_bytes
    lines.append(MeterLine("RAM", used, snapshot.ram_total_bytes, planned_ram))
    return tuple(lines)


class MemoryMeter(ThemedWidget):
    """Always at the same place, right in the header."""

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self._lines: tuple[MeterLine, ...] = ()
        self.setObjectName("memoryMeter")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set_lines(self, lines: tuple[MeterLine, ...]) -> None:
        """Show these devices."""
        if lines == self._lines:
            return
        self._lines = lines
        spoken = [f"{line.name} {line.used}{line.rest}" for line in lines]
        self.setAccessibleName("Memory: " + ", ".join(spoken))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """All devices side by side."""
        widths = [self._width(line) for line in self._lines]
        return QSize(sum(widths) + self.look.px(_DEVICE_GAP) * max(0, len(widths) - 1), self.look.px(16))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw name, track and figures of each."""
        painter = QPainter(self)
        theme = self.look
        plain, strong = theme.font("caption", weight=400), theme.font("caption", weight=500)
        gap = theme.px(_COLUMN_GAP)
        left = float(self.width() - self.sizeHint().width())
        centre = int(Qt.AlignmentFlag.AlignVCenter)
        track_height = theme.size("memory_bar_track")
        for line in self._lines:
            painter.setFont(plain)
            painter.setPen(theme.color("text.muted"))
            width = QFontMetricsF(plain).horizontalAdvance(line.name)
            painter.drawText(QRectF(left, 0, width + 2, self.height()), centre, line.name)
            left = round(left + width + gap)
            track = QRectF(left, (self.height() - track_height) / 2, theme.px(_BAR_WIDTH), track_height)
            total = max(1, line.total_bytes)
            parts = (("memory.weights", line.used_bytes / total), ("memory.planned", line.planned_bytes / total))
            over = line.used_bytes + line.planned_bytes > total
            paint_memory_bar(painter, theme, track, BarFill(parts=parts, over=over))
            left += theme.px(_BAR_WIDTH) + gap
            painter.setFont(strong)
            painter.setPen(theme.color("text.secondary"))
            width = QFontMetricsF(strong).horizontalAdvance(line.used)
            painter.drawText(QRectF(left, 0, width + 2, self.height()), centre, line.used)
            left += width
            painter.setFont(plain)
            painter.setPen(theme.color("text.muted"))
            width = QFontMetricsF(plain).horizontalAdvance(line.rest)
            painter.drawText(QRectF(left, 0, width + 2, self.height()), centre, line.rest)
            left += width + theme.px(_DEVICE_GAP)

    def _width(self, line: MeterLine) -> int:
        theme = self.look
        plain = QFontMetricsF(theme.font("caption", weight=400))
        strong = QFontMetricsF(theme.font("caption", weight=500))
        text = plain.horizontalAdvance(line.name) + strong.horizontalAdvance(line.used)
        text += plain.horizontalAdvance(line.rest)
        return math.ceil(text) + theme.px(_BAR_WIDTH) + 2 * theme.px(_COLUMN_GAP) + 1
