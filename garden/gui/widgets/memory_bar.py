"""The memory bar: one track per device, as long as the device is large, filled by what would lie on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from garden.core.fit_forecast import DeviceMemory
from garden.core.quantity import GIB, MIB, format_bytes
from garden.gui.theme.theme import Theme, ThemeController
from garden.gui.widgets.themed_widget import ThemedWidget

#: Hatched pixels at the end of a bar whose content goes over the limit.
_HATCH = 6

#: Height of the line below what a model holds until it is unloaded.
_FREED_LINE = 1.5


@dataclass(frozen=True, slots=True)
class BarFill:
    """What a track shows, in shares of the device.

    Attributes:
        parts: Token of the colour and share, left to right.
        limit: Where the limit stands, None for none.
        over: Whether more is needed than the limit allows.
        freed: From where to where memory is counted as free that a model holds until it is unloaded; None for none.
    """

    parts: tuple[tuple[str, float], ...]
    limit: float | None = None
    over: bool = False
    freed: tuple[float, float] | None = None


def device_fill(device: DeviceMemory) -> BarFill:
    """In use by others, loaded models, weights, KV cache, compute, what lies beside; a tick where the margin begins."""
    total = max(1, device.total_bytes)
    taken = max(0, device.total_bytes - device.available_bytes)
    held = min(device.held_bytes, taken)
    return BarFill(
        parts=(
            ("memory.used", (taken - held) / total),
            ("memory.loaded", held / total),
            ("memory.weights", device.weights_bytes / total),
            ("memory.kv", device.kv_cache_bytes / total),
            ("memory.compute", device.compute_bytes / total),
            ("memory.beside", (device.need_bytes - device.required_bytes) / total),
        ),
        limit=1 - device.margin_bytes / total if device.margin_bytes else None,
        over=device.need_bytes > device.available_bytes,
        freed=(taken / total, (taken + device.freed_bytes) / total) if device.freed_bytes else None,
    )


def paint_memory_bar(
    painter: QPainter, theme: Theme, rect: QRectF, fill: BarFill, *, on_selected: bool = False
) -> None:
    """Draw one track. Edges lie on device pixels; parts are parted by one pixel of the surface.

    Args:
        painter: Where to draw.
        theme: Colours.
        rect: The track.
        fill: What it shows.
        on_selected: On a selected row free memory is lighter.
    """
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    device = painter.device()
    ratio = device.devicePixelRatioF() if device is not None else 1.0
    radius = theme.radius("bar")
    track = QPainterPath()
    track.addRoundedRect(rect, radius, radius)
    painter.fillPath(track, theme.color("memory.free_on_selected" if on_selected else "memory.free"))
    painter.setClipPath(track)
    position = 0.0
    for token, share in fill.parts:
        if share <= 0 or position >= 1:
            continue
        left = rect.left() + round(rect.width() * min(position, 1.0) * ratio) / ratio
        position += share
        right = rect.left() + round(rect.width() * min(position, 1.0) * ratio) / ratio
        width = max(1.0 / ratio, right - left - 1)
        painter.fillRect(QRectF(left, rect.top(), width, rect.height()), theme.color(token))
        painter.fillRect(QRectF(left + width, rect.top(), 1, rect.height()), theme.color("bg.surface"))
    if fill.over:
        _paint_hatch(painter, theme, rect)
    painter.restore()
    if fill.freed is not None:
        # Below the track: what will lie there is drawn in it.
        left, right = (rect.left() + round(rect.width() * share * ratio) / ratio for share in fill.freed)
        line = QRectF(left, rect.bottom() + 1, max(2.0, right - left), _FREED_LINE)
        painter.fillRect(line, theme.color("memory.loaded"))
    if fill.limit is not None:
        left = rect.left() + round(rect.width() * fill.limit * ratio) / ratio
        painter.fillRect(QRectF(left, rect.top() - 2, 1.5, rect.height() + 4), theme.color("memory.limit"))


def _paint_hatch(painter: QPainter, theme: Theme, rect: QRectF) -> None:
    end = QRectF(rect.right() - _HATCH, rect.top(), _HATCH, rect.height())
    painter.fillRect(end, theme.color("bg.surface"))
    painter.setPen(QPen(theme.color("memory.over"), 1.5))
    painter.save()
    painter.setClipRect(end, Qt.ClipOperation.IntersectClip)
    offset = -rect.height()
    while offset < _HATCH + rect.height():
        left = end.left() + offset
        painter.drawLine(QPointF(left, end.bottom()), QPointF(left + rect.height(), end.top()))
        offset += 3
    painter.restore()


def gpu_first(devices: Sequence[DeviceMemory]) -> list[DeviceMemory]:
    """GPU above RAM, so that a split is seen as two bars."""
    return sorted(devices, key=lambda device: device.kind != "gpu")


def device_labels(devices: Sequence[DeviceMemory]) -> list[str]:
    """``GPU``, ``RAM``; several GPUs are numbered in their order."""
    several = sum(device.kind == "gpu" for device in devices) > 1
    return [
        f"GPU{number}" if several and device.kind == "gpu" else device.kind.upper()
        for number, device in enumerate(devices, start=1)
    ]


def device_figures(device: DeviceMemory) -> tuple[str, str]:
    """What is needed and what is free, GiB with one decimal (two for what is small)."""
    free = device.available_bytes / GIB
    needed = device.need_bytes / GIB
    digits = 1 if free >= 1 else 2
    return f"{needed:.{digits}f}", f"{free:.{digits}f}"


def describe_devices(devices: Sequence[DeviceMemory]) -> str:
    """The same as a sentence for a screen reader."""
    parts = []
    shown = gpu_first(devices)
    for device, label in zip(shown, device_labels(shown), strict=True):
        needed, free = device_figures(device)
        parts.append(f"{label}: {needed} of {free} GiB free")
    held = held_words(devices)
    return ", ".join(parts) + (f". {held}" if held else "")


def held_words(devices: Sequence[DeviceMemory]) -> str:
    """What loaded models hold, and what is unloaded before this one is loaded; empty for neither."""
    held = _per_device(devices, lambda device: device.held_bytes)
    freed = _per_device(devices, lambda device: device.freed_bytes)
    parts = []
    if held:
        parts.append(f"{'Other loaded' if freed else 'Loaded'} models hold {held}.")
    if freed:
        parts.append(f"Unloading frees {freed}, counted as free.")
    return " ".join(parts)


def legend_items(devices: Sequence[DeviceMemory]) -> list[tuple[str, str]]:
    """What the colours of some bars mean, without what is not in them."""
    items = [("memory.weights", "Weights"), ("memory.kv", "KV cache"), ("memory.compute", "Compute")]
    if any(device.beside_bytes for device in devices):
        items.append(("memory.beside", "Vocabulary, process, driver"))
    items.append(("memory.used", "In use by others"))
    if any(device.held_bytes for device in devices):
        items.append(("memory.loaded", "Loaded models"))
    items.append(("memory.free", "Free"))
    return items


def _per_device(devices: Sequence[DeviceMemory], read: Callable[[DeviceMemory], int]) -> str:
    """``1.2 GiB of RAM and 3.4 GiB of GPU memory``; what would be shown as nothing is left out."""
    sizes: dict[str, int] = {}
    for device in gpu_first(devices):
        sizes[device.kind] = sizes.get(device.kind, 0) + read(device)
    names = {"ram": "RAM", "gpu": "GPU memory"}
    return " and ".join(f"{format_bytes(size)} of {names[kind]}" for kind, size in sizes.items() if size >= MIB)


#: Height of the two tracks of a row, with the gap between.
_ROW_LINE = 12
_ROW_GAP = 3
_NAME_WIDTH = 26
_FIGURES_WIDTH = 66
_COLUMN_GAP = 8
#: Of tracks: shorter than this, only the GPU's stays; shorter than that, it moves below its words, so far from them.
_NARROW, _SHORTEST_TRACK, _TRACK_BELOW = 120, 48, 3


def paint_memory_rows(
    painter: QPainter,
    theme: Theme,
    rect: QRectF,
    devices: Sequence[DeviceMemory],
    *,
    on_selected: bool = False,
    figures_width: int = _FIGURES_WIDTH,
) -> None:
    """Draw a line per device: its name, its track, ``needed / free``; centred on the height of a rectangle.

    Where it is too narrow for all three in one line the track stands below the words.

    Args:
        painter: Where to draw.
        theme: Colours and fonts.
        rect: Area.
        devices: What each device must hold.
        on_selected: As in ``paint_memory_bar``.
        figures_width: Of the figures, logical pixels at 100 %.
    """
    shown = gpu_first(devices)
    labels = device_labels(shown)
    line, gap = theme.px(_ROW_LINE), theme.px(_ROW_GAP)
    name_width, figures_px = theme.px(_NAME_WIDTH), theme.px(figures_width)
    between = theme.px(_COLUMN_GAP)
    track_width = rect.width() - name_width - between - (figures_px + between)
    track_height = theme.size("memory_bar_track")
    below = theme.px(_TRACK_BELOW) + track_height if track_width < theme.px(_SHORTEST_TRACK) else 0
    room = int((rect.height() + gap) // (line + below + gap)) if below else 1 if track_width < theme.px(_NARROW) else 9
    shown = shown[: max(1, room)]
    height = len(shown) * (line + below) + (len(shown) - 1) * gap
    top = rect.top() + round((rect.height() - height) / 2)
    for device, label in zip(shown, labels, strict=False):
        painter.setFont(theme.font("caption", weight=400))
        painter.setPen(theme.color("text.muted"))
        centre_left = int(Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(QRectF(rect.left(), top, name_width + between, line), centre_left, label)
        if below:
            track = QRectF(rect.left(), top + line + below - track_height, rect.width(), track_height)
        else:
            left = rect.left() + name_width + between
            track = QRectF(left, top + (line - track_height) / 2, track_width, track_height)
        paint_memory_bar(painter, theme, track, device_fill(device), on_selected=on_selected)
        area = QRectF(rect.right() - figures_px, top, figures_px, line)
        _paint_figures(painter, theme, area, *device_figures(device))
        top += line + below + gap


def _paint_figures(painter: QPainter, theme: Theme, area: QRectF, needed: str, free: str) -> None:
    right = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)
    painter.setFont(theme.font("caption", weight=400))
    painter.setPen(theme.color("text.muted"))
    rest = f" / {free}"
    painter.drawText(area, right, rest)
    width = painter.fontMetrics().horizontalAdvance(rest)
    painter.setFont(theme.font("caption", weight=500))
    painter.setPen(theme.color("text.secondary"))
    painter.drawText(area.adjusted(0, 0, -width, 0), right, needed)


class MemoryBar(ThemedWidget):
    """One track as a widget.

    Args:
        theme: Where colours come from.
        height: 6 in rows, 10 on cards, 14 where it is the subject.
        parent: Qt parent.
    """

    def __init__(self, theme: ThemeController, height: int = 6, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self._height = height
        self._fill = BarFill(parts=())
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_fill(self, fill: BarFill, spoken: str = "") -> None:
        """Show this; ``spoken`` is what a screen reader says."""
        self.setAccessibleName(spoken)
        if fill != self._fill:
            self._fill = fill
            self.update()

    def set_device(self, device: DeviceMemory) -> None:
        """Show what a device would hold."""
        needed, free = device_figures(device)
        words = held_words((device,))
        self.set_fill(device_fill(device), f"{device.name}: {needed} of {free} GiB free. {words}".strip())

    def sizeHint(self) -> QSize:
        """Track and room for the tick."""
        return QSize(self.look.px(120), self.look.px(self._height) + 4)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the track."""
        height = self.look.px(self._height)
        track = QRectF(0, (self.height() - height) / 2, self.width(), height)
        paint_memory_bar(QPainter(self), self.look, track, self._fill)


class MemoryRows(ThemedWidget):
    """A line per device as a widget: name, track, ``needed / free``."""

    def __init__(
        self, theme: ThemeController, figures_width: int = _FIGURES_WIDTH, parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, parent)
        self._devices: tuple[DeviceMemory, ...] = ()
        self._figures_width = figures_width
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_devices(self, devices: Sequence[DeviceMemory]) -> None:
        """Show what each device would hold."""
        self._devices = tuple(devices)
        self.setAccessibleName(describe_devices(devices))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """One line per device."""
        count = max(1, len(self._devices))
        return QSize(self.look.px(220), count * self.look.px(_ROW_LINE) + (count - 1) * self.look.px(_ROW_GAP))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the lines."""
        paint_memory_rows(
            QPainter(self), self.look, QRectF(self.rect()), self._devices, figures_width=self._figures_width
        )
