"""A chip: a filter or choice with its value, opening a menu, or switched on and off."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QMenu, QSizePolicy, QWidget

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.hover import follow_pointer

_GAP = 5


class Chip(QAbstractButton):
    """``Task: any ⌄``, or a filter that is on or off.

    Args:
        theme: Where colours come from.
        label: What is chosen, e.g. ``Task``; empty shows the value alone.
        name: objectName.
        checkable: A filter that is on or off instead of a menu; it shows a tick.
        separator: Written after the label when a value follows.
        parent: Qt parent.

    Signals:
        chosen: The key of the choice that the user picked from the menu.
        cleared: The user closed a chip that is set.
        about_to_open: The menu is about to open; choices may still be set.
    """

    chosen = Signal(object)
    cleared = Signal()
    about_to_open = Signal()

    def __init__(
        self,
        theme: ThemeController,
        label: str = "",
        *,
        name: str = "",
        checkable: bool = False,
        separator: str = ":",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._controller = theme
        self._label = label
        self._separator = separator
        self._value = ""
        self._set = False
        self._clearable = False
        follow_pointer(self)
        self._choices: tuple[tuple[str, object], ...] = ()
        self._menu: QMenu | None = None
        self._fill: Callable[[QMenu], None] | None = None
        self.setCheckable(checkable)
        self.setObjectName(name)
        self.setAccessibleName(label)
        self.setProperty("focusRadius", theme.theme.radius("control"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._on_theme_changed)
        if checkable:
            self.toggled.connect(self._on_toggled)
        else:
            self.clicked.connect(self.open_menu)

    @property
    def value(self) -> str:
        """What it shows as chosen."""
        return self._value

    def set_choices(self, choices: Sequence[tuple[str, object]]) -> None:
        """What the menu offers: title and key of each."""
        self._choices = tuple(choices)

    def set_menu(self, fill: Callable[[QMenu], None]) -> None:
        """Let another one fill the menu, each time before it opens."""
        self._fill = fill

    def set_value(self, value: str, *, is_set: bool = False, clearable: bool = False) -> None:
        """Show what is chosen.

        Args:
            value: Written behind the label.
            is_set: Tinted, since it differs from the default.
            clearable: Shows a cross; pressing the chip emits ``cleared`` instead of opening the menu.
        """
        self._value, self._set, self._clearable = value, is_set, clearable
        name = f"{self._label}{self._separator} {value}" if self._label and value else self._label or value
        self.setAccessibleName(name)
        self.updateGeometry()
        self.update()

    @Slot()
    def open_menu(self) -> None:
        """Show the choices below the chip."""
        if self._clearable:
            self.cleared.emit()
            return
        self.about_to_open.emit()
        if not self._choices and self._fill is None:
            return
        if self._menu is None:
            self._menu = QMenu(self)
        menu = self._menu
        menu.clear()
        menu.setFont(self._controller.theme.font("body", size=12.5))
        if self._fill is not None:
            self._fill(menu)
        for title, key in self._choices:
            action = menu.addAction(title.replace("&", "&&"))
            action.setCheckable(True)
            action.setChecked(title == self._value)
            action.triggered.connect(lambda _checked=False, chosen=key: self.chosen.emit(chosen))
        menu.popup(self.mapToGlobal(self.rect().bottomLeft()))

    def sizeHint(self) -> QSize:
        """Padding, label, value and mark."""
        theme = self._controller.theme
        pieces = self._pieces()
        width = sum(QFontMetricsF(font).horizontalAdvance(text) for text, font, _color in pieces)
        width += theme.px(_GAP) * (len(pieces) - 1)
        has_menu = not self.isCheckable()
        mark = theme.px(12) + theme.px(_GAP)
        return QSize(
            math.ceil(width) + theme.px(10) + theme.px(8) + (mark if has_menu or self.isCheckable() else 0),
            theme.px(26),
        )

    def minimumSizeHint(self) -> QSize:
        """Never narrower than its text."""
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw frame, text and mark."""
        theme = self._controller.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tinted = self._tinted()
        radius = theme.radius("control")
        if tinted:
            painter.setBrush(theme.color("accent.subtle"))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawRoundedRect(QRectF(self.rect()), radius, radius)
        else:
            painter.setBrush(theme.color("bg.hover" if self.underMouse() else "bg.surface"))
            pen = QPen(theme.color("border.default"), 1)
            if not self.isEnabled():
                pen.setDashPattern([3, 3])
            painter.setPen(pen)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        left = float(theme.px(10))
        side = theme.px(12)
        top = round((self.height() - side) / 2)
        mark_color = "accent.subtle_text" if tinted else "text.muted"
        ratio = self.devicePixelRatioF()
        if self.isCheckable():
            painter.drawPixmap(round(left), top, theme.pixmap("check", mark_color, 12, ratio))
            left += side + theme.px(_GAP)
        for text, font, color in self._pieces():
            painter.setFont(font)
            painter.setPen(theme.color(color))
            width = QFontMetricsF(font).horizontalAdvance(text)
            painter.drawText(QRectF(left, 0, width + 2, self.height()), int(Qt.AlignmentFlag.AlignVCenter), text)
            left += width + theme.px(_GAP)
        if not self.isCheckable():
            mark = "close" if self._clearable else "chevron-down"
            painter.drawPixmap(self.width() - theme.px(8) - side, top, theme.pixmap(mark, mark_color, 12, ratio))

    def _tinted(self) -> bool:
        return self.isEnabled() and (self.isChecked() or self._set)

    def _pieces(self) -> list[tuple[str, QFont, str]]:
        theme = self._controller.theme
        plain, strong = theme.font("small", weight=500), theme.font("small", weight=600)
        if not self.isEnabled():
            return [(self._label + (f"{self._separator} {self._value}" if self._value else ""), plain, "text.disabled")]
        if self._tinted():
            text = f"{self._label}{self._separator} {self._value}" if self._label and self._value else None
            return [(text or self._label or self._value, plain, "accent.subtle_text")]
        pieces: list[tuple[str, QFont, str]] = []
        if self._label:
            pieces.append((self._label + (self._separator if self._value else ""), plain, "text.secondary"))
        if self._value:
            pieces.append((self._value, strong, "text.primary"))
        return pieces

    @Slot(bool)
    def _on_toggled(self, _on: bool) -> None:
        self.update()

    @Slot()
    def _on_theme_changed(self) -> None:
        self.updateGeometry()
        self.update()
