"""Fields: a line of text with an icon and a key cap, and a plain one."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QInputMethodEvent, QKeyEvent, QKeySequence, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QSizePolicy, QWidget

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.tag import KeyCap
from garden.gui.widgets.themed_widget import ThemedWidget


class _Line(QLineEdit):
    """The text; Esc empties it, then leaves it.

    Signals:
        pasted: Something came in at once, from the clipboard or dropped: all that stands there now, and what came.
    """

    pasted = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._typing = False
        self._last = self._before = ""
        self.textChanged.connect(self._on_changed)
        self.textEdited.connect(self._on_edited)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take Esc while there is something to take away."""
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
            self.textEdited.emit("")
            return
        # Ctrl+V is the one key that does not type; undoing and redoing are no pasting either.
        self._typing = not event.matches(QKeySequence.StandardKey.Paste)
        super().keyPressEvent(event)
        self._typing = False

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        """What an input method composes is typed, however many characters come at once."""
        self._typing = True
        super().inputMethodEvent(event)
        self._typing = False

    @Slot(str)
    def _on_changed(self, text: str) -> None:
        self._last, self._before = self._before, text

    @Slot(str)
    def _on_edited(self, text: str) -> None:
        came = _inserted(self._last, text)
        if not self._typing and came:
            self.pasted.emit(text, came)


def _inserted(before: str, after: str) -> str:
    """What stands in a text that did not stand there before; empty where something was only taken away."""
    shortest = min(len(before), len(after))
    start = next((at for at in range(shortest) if before[at] != after[at]), shortest)
    rest = shortest - start
    end = next((at for at in range(rest) if before[-1 - at] != after[-1 - at]), rest)
    return after[start : len(after) - end]


class Field(ThemedWidget):
    """A field with an icon to the left and a key cap to the right.

    Args:
        theme: Where colours come from.
        placeholder: What may be typed.
        name: objectName of the line.
        label: Accessible name; the placeholder when empty.
        icon: Name of an icon, None for none.
        key: The key that leads here, empty for none.
        width: Logical pixels at 100 %, None to grow.
        parent: Qt parent.

    Signals:
        edited: The user changed the text.
        pasted: The user pasted or dropped something: all that stands there now, and what came.
        entered: The user pressed Enter.
    """

    edited = Signal(str)
    pasted = Signal(str, str)
    entered = Signal()

    def __init__(
        self,
        theme: ThemeController,
        placeholder: str = "",
        *,
        name: str = "",
        label: str = "",
        icon: str | None = None,
        key: str = "",
        width: int | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, parent)
        self._icon_name = icon
        self._width = width
        self._invalid = False
        self.setProperty("focusFrame", True)
        self.setProperty("focusRadius", theme.theme.radius("control"))
        self.setSizePolicy(
            QSizePolicy.Policy.Maximum if width else QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed
        )
        self.line = _Line(self)
        self.line.setProperty("frameless", True)
        self.line.setObjectName(name)
        self.line.setAccessibleName(label or placeholder)
        self.line.setPlaceholderText(placeholder)
        self.line.setFont(theme.theme.font("body"))
        self.line.setAttribute(Qt.WidgetAttribute.WA_MacShowFocusRect, False)
        self.line.textEdited.connect(self.edited)
        self.line.pasted.connect(self.pasted)
        self.line.returnPressed.connect(self.entered)
        self.setFocusProxy(self.line)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.theme.px(9), 1, theme.theme.px(9), 1)
        row.setSpacing(theme.theme.px(8))
        self._icon: QLabel | None = None
        if icon:
            self._icon = QLabel(self)
            self._icon.setPixmap(theme.theme.pixmap(icon, "text.muted", 16, self.devicePixelRatioF()))
            row.addWidget(self._icon)
        row.addWidget(self.line, 1)
        if key:
            row.addWidget(KeyCap(theme, key, self))

    @property
    def text(self) -> str:
        """What stands in it."""
        return self.line.text()

    def set_text(self, text: str) -> None:
        """Write into it without telling anyone."""
        if text != self.line.text():
            self.line.setText(text)

    def set_invalid(self, invalid: bool) -> None:
        """Mark what stands in it as wrong."""
        self._invalid = invalid
        self.update()

    def sizeHint(self) -> QSize:
        """Thirty pixels high."""
        return QSize(self.look.px(self._width or 200), self.look.px(30))

    def minimumSizeHint(self) -> QSize:
        """A field may be squeezed, to a few words."""
        return QSize(self.look.px(min(self._width or 120, 120)), self.look.px(30))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the frame."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        enabled = self.isEnabled()
        painter.setBrush(self.look.color("bg.field") if enabled else Qt.BrushStyle.NoBrush)
        border = "status.danger.fg" if self._invalid else "border.control" if enabled else "border.default"
        pen = QPen(self.look.color(border), 1)
        if not enabled:
            pen.setDashPattern([3, 3])
        painter.setPen(pen)
        radius = self.look.radius("control")
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)

    @Slot()
    def _on_theme_changed(self) -> None:
        theme = self.look
        self.line.setFont(theme.font("body"))
        if self._icon is not None and self._icon_name:
            self._icon.setPixmap(theme.pixmap(self._icon_name, "text.muted", 16, self.devicePixelRatioF()))
        self.updateGeometry()
        self.update()
