"""Icons of the look: SVG files of one stroke, drawn in any token's colour and size, and kept once drawn."""

from __future__ import annotations

import functools

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from garden.core.paths import resource_path


@functools.cache
def _source(name: str) -> str:
    """The SVG text of an icon; a resource of the program, so one reading lasts."""
    return resource_path(f"icons/{name}.svg").read_text(encoding="utf-8")


def _svg_color(color: QColor) -> str:
    return color.name(QColor.NameFormat.HexRgb)


class IconStore:
    """Draws icons and keeps the drawn pixmaps, per name, colour, size and pixel ratio."""

    def __init__(self) -> None:
        self._pixmaps: dict[tuple[str, str, float, float, float | None], QPixmap] = {}
        self._renderers: dict[tuple[str, str, float | None], QSvgRenderer] = {}

    def paint(self, painter: QPainter, name: str, rect: QRectF, color: QColor, *, stroke: float | None = None) -> None:
        """Draw an icon into a rectangle.

        Args:
            painter: Where to draw.
            name: File name without ending, e.g. ``search``.
            rect: Square to fill.
            color: Stands in for ``currentColor``.
            stroke: Width of the stroke on the 20 px grid; None keeps the 1.5 of the files.
        """
        self._renderer(name, color, stroke).render(painter, rect)

    def pixmap(
        self, name: str, color: QColor, size: float, ratio: float = 1.0, *, stroke: float | None = None
    ) -> QPixmap:
        """An icon as a pixmap.

        Args:
            name: File name without ending.
            color: Stands in for ``currentColor``.
            size: Logical pixels.
            ratio: Device pixels per logical pixel.
            stroke: As in ``paint``.
        """
        key = (name, _svg_color(color), size, ratio, stroke)
        pixmap = self._pixmaps.get(key)
        if pixmap is None:
            # Before the painter is there: an error would take the pixmap from under it, and the process with it.
            renderer = self._renderer(name, color, stroke)
            side = max(1, round(size * ratio))
            pixmap = QPixmap(side, side)
            pixmap.fill(Qt.GlobalColor.transparent)
            painter = QPainter(pixmap)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            renderer.render(painter, QRectF(0, 0, side, side))
            painter.end()
            pixmap.setDevicePixelRatio(ratio)
            self._pixmaps[key] = pixmap
        return pixmap

    def icon(self, name: str, color: QColor, size: float, disabled: QColor | None = None) -> QIcon:
        """An icon for menus, actions and fields, sharp at one and at two device pixels per pixel."""
        icon = QIcon()
        for ratio in (1.0, 2.0):
            icon.addPixmap(self.pixmap(name, color, size, ratio), QIcon.Mode.Normal)
            if disabled is not None:
                icon.addPixmap(self.pixmap(name, disabled, size, ratio), QIcon.Mode.Disabled)
        return icon

    def _renderer(self, name: str, color: QColor, stroke: float | None) -> QSvgRenderer:
        key = (name, _svg_color(color), stroke)
        renderer = self._renderers.get(key)
        if renderer is None:
            text = _source(name).replace("currentColor", _svg_color(color))
            if stroke is not None:
                text = text.replace('stroke-width="1.5"', f'stroke-width="{stroke}"')
            renderer = QSvgRenderer(QByteArray(text.encode()))
            self._renderers[key] = renderer
        return renderer


def application_icon() -> QIcon:
    """The program's own icon."""
    icon = QIcon()
    renderer = QSvgRenderer(str(resource_path("icons/garden.svg")))
    for side in (16, 22, 32, 44, 48, 64, 128, 256):
        pixmap = QPixmap(side, side)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        renderer.render(painter, QRectF(0, 0, side, side))
        painter.end()
        icon.addPixmap(pixmap)
    return icon
