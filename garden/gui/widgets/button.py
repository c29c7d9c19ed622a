"""Buttons: default, primary, ghost and danger, in two heights, with an icon, a text or both."""

from __future__ import annotations

import math
from typing import Literal

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.hover import follow_pointer

Kind = Literal["default", "primary", "ghost", "danger", "danger_ghost"]


class Button(QPushButton):
    """A push button of the look.

    Args:
        theme: Where colours and sizes come from.
        text: Label; empty for a button that shows its icon alone.
        icon: Name of an icon, None for none.
        kind: ``primary`` is the one action of a view; ``ghost`` has no frame; ``danger`` is written in red.
        small: 24 instead of 28 pixels high.
        name: objectName; needed by whoever looks for it.
        hint: Tool tip, and the accessible name of a button without text.
        parent: Qt parent.
    """

    def __init__(
        self,
        theme: ThemeController,
        text: str = "",
        *,
        icon: str | None = None,
        kind: Kind = "default",
        small: bool = False,
        name: str = "",
        hint: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        self._controller = theme
        self._icon_name = icon
        self._kind: Kind = kind
        self._small = small
        follow_pointer(self)
        self._own_hint = hint
        self.setObjectName(name)
        self.setToolTip(hint)
        self.setAccessibleName(text or hint)
        self.setProperty("focusRadius", theme.theme.radius("control"))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAutoDefault(False)
        self._take_font()
        theme.changed.connect(self._on_theme_changed)

    def set_text(self, text: str) -> None:
        """Change the label, and the name that a screen reader says."""
        if text != self.text():
            self.setText(text)
            self.setAccessibleName(text or self._own_hint)
            self.updateGeometry()

    def set_icon(self, icon: str | None) -> None:
        """Change the icon."""
        if icon != self._icon_name:
            self._icon_name = icon
            self.updateGeometry()
            self.update()

    def set_kind(self, kind: Kind) -> None:
        """Change what the button is: the one action of its view, or one among others."""
        if kind != self._kind:
            self._kind = kind
            self._take_font()
            self.updateGeometry()
            self.update()

    def set_usable(self, usable: bool, reason: str = "") -> None:
        """Enable or disable; a disabled button says why in its tool tip."""
        self.setEnabled(usable)
        self.setToolTip(self._own_hint if usable else reason or self._own_hint)
        self.setAccessibleDescription("" if usable else reason)

    def sizeHint(self) -> QSize:
        """Padding, icon, gap and text."""
        theme = self._controller.theme
        height = theme.size("control_small" if self._small else "control")
        if not self.text():
            return QSize(height, height)
        width = 2 * theme.px(self._padding()) + math.ceil(QFontMetricsF(self.font()).horizontalAdvance(self.text()))
        if self._icon_name:
            width += theme.px(self._icon_size()) + theme.px(6)
        return QSize(width, height)

    def minimumSizeHint(self) -> QSize:
        """A button is never narrower than its text."""
        return self.sizeHint()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter presses it as the space bar does; Qt itself knows that only in dialogs."""
        plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and plain and not event.isAutoRepeat():
            self.click()
            return
        super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw frame, icon and text."""
        theme = self._controller.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        fill, border, text_color, icon_color = self._colors()
        if fill is not None:
            painter.setBrush(theme.color(fill))
        if border is None:
            painter.setPen(Qt.PenStyle.NoPen)
            frame = QRectF(self.rect())
        else:
            pen = QPen(theme.color(border), 1)
            if not self.isEnabled():
                pen.setDashPattern([3, 3])
            painter.setPen(pen)
        radius = theme.radius("control")
        painter.drawRoundedRect(frame, radius, radius)
        self._paint_content(painter, text_color, icon_color)

    def _paint_content(self, painter: QPainter, text_color: str, icon_color: str) -> None:
        theme = self._controller.theme
        icon_side = theme.px(self._icon_size()) if self._icon_name else 0
        gap = theme.px(6) if self._icon_name and self.text() else 0
        text_width = QFontMetricsF(self.font()).horizontalAdvance(self.text()) if self.text() else 0.0
        left = (self.width() - icon_side - gap - text_width) / 2
        if self._icon_name:
            # On whole pixels, so that a stroke of the icon is not smeared over two.
            top = round((self.height() - icon_side) / 2)
            ratio = self.devicePixelRatioF()
            pixmap = theme.pixmap(self._icon_name, icon_color, self._icon_size(), ratio)
            painter.drawPixmap(round(left), top, pixmap)
            left += icon_side + gap
        painter.setPen(theme.color(text_color))
        painter.setFont(self.font())
        painter.drawText(
            QRectF(left, 0, text_width + 2, self.height()),
            int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft),
            self.text(),
        )

    def _colors(self) -> tuple[str | None, str | None, str, str]:
        """Tokens of fill, border, text and icon."""
        if not self.isEnabled():
            border = None if self._kind in ("ghost", "danger_ghost") and not self.text() else "border.default"
            return None, border, "text.disabled", "text.disabled"
        pressed, hovered = self.isDown() or self.isChecked(), self.underMouse()
        if self._kind == "primary":
            fill = "accent.pressed" if pressed else "accent.hover" if hovered else "accent.base"
            return fill, None, "text.on_accent", "text.on_accent"
        wash = "bg.pressed" if pressed else "bg.hover" if hovered else None
        if self._kind in ("ghost", "danger_ghost"):
            text = "status.danger.fg" if self._kind == "danger_ghost" else "text.secondary"
            return wash, None, text, text
        text, icon = ("status.danger.fg",) * 2 if self._kind == "danger" else ("text.primary", "text.secondary")
        return wash or "bg.raised", "border.default", text, icon

    def _padding(self) -> int:
        return 8 if self._small else 10

    def _icon_size(self) -> int:
        return 14 if self._small else 16

    def _take_font(self) -> None:
        size = 12 if self._small else 12.5
        weight = 600 if self._kind == "primary" else 500
        self.setFont(self._controller.theme.font("body", size=size, weight=weight))

    @Slot()
    def _on_theme_changed(self) -> None:
        self._take_font()
        self.updateGeometry()
        self.update()
