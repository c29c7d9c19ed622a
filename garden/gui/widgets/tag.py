"""Small marks: a tag that names a property, and the cap of a key beside the action it runs."""

from __future__ import annotations

import math
from typing import Literal

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from garden.gui.theme.theme import Theme, ThemeController
from garden.gui.widgets.themed_widget import ThemedWidget

Tone = Literal["plain", "accent", "warning", "danger", "info"]

_TONES: dict[Tone, tuple[str, str]] = {
    "plain": ("bg.hover", "text.secondary"),
    "accent": ("accent.subtle", "accent.subtle_text"),
    "warning": ("status.warning.bg", "status.warning.fg"),
    "danger": ("status.danger.bg", "status.danger.fg"),
    "info": ("status.info.bg", "status.info.fg"),
}

_HEIGHT = 18


def tag_size(theme: Theme, text: str) -> QSize:
    """Room that a tag takes."""
    width = theme.text_width(text, "caption")
    return QSize(math.ceil(width) + 2 * theme.px(6), theme.px(_HEIGHT))


def paint_tag(
    painter: QPainter, theme: Theme, rect: QRectF, text: str, tone: Tone = "plain", *, outlined: bool = False
) -> None:
    """Draw a tag; used by rows that are painted as a whole.

    Args:
        painter: Where to draw.
        theme: Colours and font.
        rect: Area, of ``tag_size``.
        text: What stands in it.
        tone: What it means.
        outlined: On a selected row the accent tag stands out by a line, not by its tint.
    """
    background, foreground = _TONES[tone]
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    radius = theme.radius("badge")
    if outlined:
        painter.setBrush(theme.color("bg.surface"))
        painter.setPen(QPen(theme.color("accent.base"), 1))
        painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
    else:
        painter.setBrush(theme.color(background))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawRoundedRect(rect, radius, radius)
    painter.setPen(theme.color(foreground))
    painter.setFont(theme.font("caption"))
    painter.drawText(rect, int(Qt.AlignmentFlag.AlignCenter), text)
    painter.restore()


class Tag(ThemedWidget):
    """A tag as a widget.

    Args:
        theme: Where colours come from.
        text: What stands in it.
        tone: What it means.
        parent: Qt parent.
    """

    def __init__(
        self, theme: ThemeController, text: str = "", tone: Tone = "plain", parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, parent)
        self._text = text
        self._tone: Tone = tone
        self.setAccessibleName(text)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    @property
    def text(self) -> str:
        """What stands in it."""
        return self._text

    def set_text(self, text: str, tone: Tone | None = None) -> None:
        """Show another text, in another tone where told."""
        self._text = text
        self._tone = tone or self._tone
        self.setAccessibleName(text)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Text and padding."""
        return tag_size(self.look, self._text)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw it."""
        paint_tag(QPainter(self), self.look, QRectF(self.rect()), self._text, self._tone)


def key_cap_size(theme: Theme, text: str) -> QSize:
    """Room that a key cap takes."""
    width = theme.text_width(text, "caption")
    return QSize(math.ceil(width) + 2 * theme.px(5) + 2, theme.px(18))


def paint_key_cap(painter: QPainter, theme: Theme, rect: QRectF, text: str, background: QColor | None = None) -> None:
    """Draw the cap of a key.

    Args:
        painter: Where to draw.
        theme: Colours and font.
        rect: Area, of ``key_cap_size``.
        text: The key, e.g. ``Ctrl K``.
        background: Of the cap; the surface when None.
    """
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    frame = rect.adjusted(0.5, 0.5, -0.5, -0.5)
    radius = theme.radius("badge")
    painter.setBrush(background or theme.color("bg.surface"))
    painter.setPen(QPen(theme.color("border.default"), 1))
    painter.drawRoundedRect(frame, radius, radius)
    # The lower edge is darker: the front of the cap.
    painter.fillRect(QRectF(rect.left() + 3, rect.bottom() - 1, rect.width() - 6, 1), theme.color("border.strong"))
    painter.setPen(theme.color("text.muted"))
    painter.setFont(theme.font("caption"))
    painter.drawText(rect, int(Qt.AlignmentFlag.AlignCenter), text)
    painter.restore()


class KeyCap(ThemedWidget):
    """The cap of a key as a widget."""

    def __init__(self, theme: ThemeController, text: str, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self._text = text
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def sizeHint(self) -> QSize:
        """Text and padding."""
        return key_cap_size(self.look, self._text)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw it."""
        paint_key_cap(QPainter(self), self.look, QRectF(self.rect()), self._text)
