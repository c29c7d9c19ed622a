"""The head of a pane: its letter in its colour, its model, what differs, what can be done."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QWidget

from garden.gui.theme.theme import Theme, ThemeController
from garden.gui.widgets.button import Button
from garden.gui.widgets.hover import follow_pointer
from garden.gui.widgets.tag import Tag, tag_size
from garden.gui.widgets.themed_widget import ThemedWidget, paint_edges
from garden.gui.widgets.tool_tip import plain_tool_tip

_SQUARE = 20
_SQUARE_RADIUS = 5
_LINE = 2
#: Widths below which buttons, then tags give way; and what a single tag may take in any case.
_NARROW = 360
_TIGHT = 300
_SHORT_TAG = 66


def paint_letter(painter: QPainter, theme: Theme, rect: QRectF, letter: str) -> None:
    """Draw the lettered square of a pane."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color(f"pane.{letter}"))
    painter.drawRoundedRect(rect, _SQUARE_RADIUS, _SQUARE_RADIUS)
    painter.setPen(theme.color("pane.on"))
    painter.setFont(theme.font("caption", size=11.5, weight=700))
    painter.drawText(rect, int(Qt.AlignmentFlag.AlignCenter), letter)
    painter.restore()


class LetterSquare(ThemedWidget):
    """The lettered square as a widget."""

    def __init__(self, theme: ThemeController, letter: str, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self._letter = letter
        self.setAccessibleName(f"Pane {letter}")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """A square."""
        return QSize(self.look.px(_SQUARE), self.look.px(_SQUARE))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw it."""
        paint_letter(QPainter(self), self.look, QRectF(self.rect()), self._letter)


class TextButton(QAbstractButton):
    """A line of text that opens a menu: strong text, a muted second part in the family of code, a chevron.

    Args:
        theme: Where colours come from.
        name: objectName.
        label: What it chooses; begins its accessible name.
        weight: Of the first part.
        style: Step of the type scale of the first part.
        color: Token of the first part.
        height: Logical pixels at 100 %.
        parent: Qt parent.
    """

    def __init__(
        self,
        theme: ThemeController,
        *,
        name: str,
        label: str,
        weight: int = 600,
        style: str = "body",
        color: str = "text.primary",
        height: int = 24,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._style = style
        self._color = color
        self._height = height
        self._controller = theme
        self._label = label
        self._weight = weight
        self._second = ""
        follow_pointer(self)
        self.setObjectName(name)
        self.setAccessibleName(label)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setProperty("focusRadius", theme.theme.radius("badge"))
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._on_theme_changed)

    def set_parts(self, first: str, second: str = "") -> None:
        """Show these."""
        if (first, second) != (self.text(), self._second):
            self.setText(first)
            self._second = second
            told = " ".join(filter(None, (first, second)))
            self.setAccessibleName(f"{self._label}: {told}")
            self.setToolTip(plain_tool_tip(told))
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        """Both parts and the chevron."""
        theme = self._controller.theme
        width = QFontMetricsF(theme.font(self._style, weight=self._weight)).horizontalAdvance(self.text())
        return QSize(math.ceil(width) + 1 + self._fixed_width(), theme.px(self._height))

    def minimumSizeHint(self) -> QSize:
        """The first part may be elided, the second never."""
        return QSize(self._controller.theme.px(30) + self._fixed_width(), self.sizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw both parts and the chevron."""
        theme = self._controller.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if (self.underMouse() or self.isDown()) and self.isEnabled():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("bg.pressed" if self.isDown() else "bg.hover"))
            radius = theme.radius("badge")
            painter.drawRoundedRect(QRectF(self.rect()), radius, radius)
        padding, gap = theme.px(4), theme.px(8)
        font = theme.font(self._style, weight=self._weight)
        metrics = QFontMetricsF(font)
        room = self.width() - self._fixed_width()
        text = metrics.elidedText(self.text(), Qt.TextElideMode.ElideRight, room + 1)
        centre = int(Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine)
        left = float(padding)
        painter.setFont(font)
        # What it names stays true while it cannot be changed; only the way to another one is gone.
        painter.setPen(theme.color(self._color))
        painter.drawText(QRectF(left, 0, room + 2, self.height()), centre, text)
        left += metrics.horizontalAdvance(text) + gap
        if self._second:
            painter.setFont(theme.font("code"))
            painter.setPen(theme.color("text.muted"))
            width = self._second_width()
            painter.drawText(QRectF(left, 0, width + 2, self.height()), centre, self._second)
            left += width + gap
        if not self.isEnabled():
            return
        side = theme.px(12)
        pixmap = theme.pixmap("chevron-down", "text.muted", 12, self.devicePixelRatioF())
        painter.drawPixmap(round(left), round((self.height() - side) / 2), pixmap)

    def _second_width(self) -> float:
        return QFontMetricsF(self._controller.theme.font("code")).horizontalAdvance(self._second)

    def _fixed_width(self) -> int:
        theme = self._controller.theme
        second = math.ceil(self._second_width()) + theme.px(8) if self._second else 0
        return 2 * theme.px(4) + theme.px(8) + second + theme.px(12)

    @Slot()
    def _on_theme_changed(self) -> None:
        self.updateGeometry()
        self.update()


class PaneHeader(ThemedWidget):
    """Letter, model, tags; stop, settings, more.

    Args:
        theme: Where colours come from.
        letter: ``A`` … ``D``; names the widgets, ``pane.A.model``.
        parent: Qt parent.

    Signals:
        model_wanted: The model picker was pressed.
        stop_wanted: The stop button was pressed.
        settings_wanted: The settings button was pressed.
        more_wanted: The button of further actions was pressed.

    Attributes:
        model: The model picker.
        settings: The settings button.
        more: The button of further actions.
        stop: The stop button, shown while the pane is at work.
    """

    model_wanted = Signal()
    stop_wanted = Signal()
    settings_wanted = Signal()
    more_wanted = Signal()

    def __init__(self, theme: ThemeController, letter: str, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self._letter = letter
        name = f"pane.{letter}"
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.model = TextButton(theme, name=f"{name}.model", label=f"Model of pane {letter}")
        self.stop = Button(
            theme, icon="stop", kind="ghost", small=True, name=f"{name}.stop", hint=f"Stop pane {letter}"
        )
        self.settings = Button(
            theme, icon="settings", kind="ghost", small=True, name=f"{name}.settings", hint=f"Settings of pane {letter}"
        )
        self.more = Button(
            theme, icon="more", kind="ghost", small=True, name=f"{name}.more", hint=f"More for pane {letter}"
        )
        self._tags = QWidget(self)
        self._tag_row = QHBoxLayout(self._tags)
        self._tag_row.setContentsMargins(0, 0, 0, 0)
        self._wanted: tuple[str, ...] = ()
        self._baseline = False
        self._busy = False
        self._shown: tuple[str, ...] = ()
        px = theme.theme.px
        self._tag_row.setSpacing(px(4))
        row = QHBoxLayout(self)
        row.setContentsMargins(px(14), _LINE, px(8), 1)
        row.setSpacing(px(4))
        row.addWidget(LetterSquare(theme, letter, self))
        row.addWidget(self.model)
        row.addSpacing(px(4))
        row.addWidget(self._tags)
        row.addStretch(1)
        for button in (self.stop, self.settings, self.more):
            row.addWidget(button)
        self.stop.hide()
        self.model.clicked.connect(self.model_wanted)
        self.stop.clicked.connect(self.stop_wanted)
        self.settings.clicked.connect(self.settings_wanted)
        self.more.clicked.connect(self.more_wanted)

    def set_model(self, name: str, quant_type: str) -> None:
        """Show which model it is."""
        self.model.set_parts(name, quant_type)
        self._fit_tags()

    def set_tags(self, tags: Sequence[str], *, baseline: bool) -> None:
        """Show what differs from the baseline, or that this is the baseline; what finds no room becomes a number."""
        wanted = ("Baseline",) if baseline else tuple(tags)
        if (wanted, baseline) != (self._wanted, self._baseline):
            self._wanted, self._baseline = wanted, baseline
            tip = "" if baseline or not wanted else "Otherwise than pane A: " + ", ".join(wanted)
            self._tags.setToolTip(tip)
            self._tags.setAccessibleName(", ".join(wanted))
            self._fit_tags()

    @property
    def shown_tags(self) -> tuple[str, ...]:
        """The tags that stand there now."""
        return self._shown

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width has room for other tags."""
        super().resizeEvent(event)
        self._fit_buttons()
        self._fit_tags()

    def _fit_tags(self) -> None:
        """The name comes first; tags take what is left, at the least their number."""
        tight = self.width() < self.look.px(_TIGHT)
        if self._baseline:
            self._put_tags(() if tight else self._wanted)
            return
        shown: tuple[str, ...]
        px = self.look.px
        fixed = px(14) + px(20) + px(8) + 3 * px(24) + 4 * px(4) + px(8)
        room = self.width() - fixed - self.model.sizeHint().width()
        for count in range(len(self._wanted), -1, -1):
            rest = len(self._wanted) - count
            shown = (*self._wanted[:count], f"+{rest}") if rest and count else self._wanted[:count]
            if rest and not count:
                shown = (self._number_of(rest, tight=tight),)
            if sum(tag_size(self.look, text).width() + px(4) for text in shown) <= room:
                break
        self._put_tags(shown if self._wanted else ())

    def _number_of(self, differences: int, *, tight: bool) -> str:
        if tight:
            return f"≠ {differences}"
        single = self._wanted[0]
        if differences == 1 and tag_size(self.look, single).width() <= self.look.px(_SHORT_TAG):
            return single
        return f"{differences} differ" if differences > 1 else "1 differs"

    def _put_tags(self, shown: tuple[str, ...]) -> None:
        if shown == self._shown:
            return
        self._shown = shown
        while (item := self._tag_row.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for text in shown:
            self._tag_row.addWidget(Tag(self._controller, text, "plain" if self._baseline else "warning"))

    def set_busy(self, busy: bool) -> None:
        """Offer to stop while the pane is at work."""
        self._busy = busy
        self.stop.setVisible(busy)
        self._fit_buttons()

    def _fit_buttons(self) -> None:
        """Where it is narrow, stopping takes the place of settings that cannot be changed meanwhile."""
        self.settings.setVisible(not self._busy or self.width() >= self.look.px(_NARROW))

    def sizeHint(self) -> QSize:
        """As high in every pane."""
        return QSize(self.look.size("pane_min_width"), self.look.size("pane_header"))

    def minimumSizeHint(self) -> QSize:
        """Tags and buttons stay, the name is elided."""
        return QSize(self.look.px(200), self.look.size("pane_header"))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the line in the pane's colour and the hairline below."""
        painter = QPainter(self)
        theme = self.look
        painter.fillRect(self.rect(), theme.color("bg.surface"))
        paint_edges(painter, QRectF(self.rect()), "b", theme.color("border.subtle"))
        painter.fillRect(QRectF(0, 0, self.width(), _LINE), theme.color(f"pane.{self._letter}"))
