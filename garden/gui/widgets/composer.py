"""The field for the prompt: one for all panes, growing with what is written."""

from __future__ import annotations

import math

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.button import Button
from garden.gui.widgets.tag import KeyCap
from garden.gui.widgets.themed_widget import Surface, ThemedWidget

#: Lines that the field shows before it scrolls.
_MOST_LINES = 8


class _Prompt(QPlainTextEdit):
    """The text. Ctrl+Enter sends it, Esc stops what is under way, Tab leaves it."""

    send_wanted = Signal()
    stop_wanted = Signal()

    def __init__(self, theme: ThemeController, parent: QWidget) -> None:
        super().__init__(parent)
        self._controller = theme
        self.setObjectName("composer.prompt")
        self.setAccessibleName("Prompt for all panes")
        self.setProperty("frameless", True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
        self.viewport().setAutoFillBackground(False)
        self.document().setDocumentMargin(0)
        self._take_font()
        self.document().documentLayout().documentSizeChanged.connect(self._on_size_changed)
        theme.changed.connect(self._on_theme_changed)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take Ctrl+Enter and Esc."""
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.send_wanted.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.stop_wanted.emit()
        else:
            super().keyPressEvent(event)

    def sizeHint(self) -> QSize:
        """As many lines as are written, within bounds."""
        lines = max(1, min(_MOST_LINES, round(self.document().size().height())))
        return QSize(self._controller.theme.px(200), math.ceil(lines * self.fontMetrics().lineSpacing()) + 2)

    def minimumSizeHint(self) -> QSize:
        """As high as the hint: the panes give way."""
        return QSize(self._controller.theme.px(80), self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width wraps the lines anew."""
        super().resizeEvent(event)
        self.updateGeometry()

    @Slot()
    def _on_size_changed(self) -> None:
        self.updateGeometry()

    @Slot()
    def _on_theme_changed(self) -> None:
        self._take_font()
        self.updateGeometry()

    def _take_font(self) -> None:
        font = self._controller.theme.font("body")
        self.setFont(font)
        # The placeholder is drawn in this one, which keeps the size of before otherwise.
        self.viewport().setFont(font)


class _Frame(ThemedWidget):
    """The rounded frame around text and buttons; it shows the focus of the text."""

    def __init__(self, theme: ThemeController, parent: QWidget) -> None:
        super().__init__(theme, parent)
        self.setProperty("focusFrame", True)
        self.setProperty("focusRadius", theme.theme.radius("card"))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(self.look.color("bg.field"))
        painter.setPen(QPen(self.look.color("border.control"), 1))
        radius = self.look.radius("card")
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)


class Composer(Surface):
    """Prompt, how it is asked, the button that sends it.

    Args:
        theme: Where colours come from.
        parent: Qt parent.

    Signals:
        sent: The user sends the prompt; it stays until ``clear``.
        stop_wanted: Esc in the field.
        system_wanted: The button of the system prompt was pressed.
        settings_wanted: The button of the settings was pressed.

    Attributes:
        prompt: The text field.
        system: Opens the system prompt; says whether there is one.
        settings: Opens the settings of all panes; says them.
        send: Sends.
    """

    sent = Signal(str)
    stop_wanted = Signal()
    system_wanted = Signal()
    settings_wanted = Signal()

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(theme, "bg.window", edges="t", parent=parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._usable = True
        self._reason = ""
        px = theme.theme.px
        frame = _Frame(theme, self)
        self.prompt = _Prompt(theme, frame)
        self.system = Button(theme, "System: none", kind="ghost", small=True, name="composer.system")
        self.settings = Button(theme, icon="settings", kind="ghost", small=True, name="composer.settings")
        self.send = Button(theme, "Ask", icon="send", kind="primary", name="composer.send")
        inner = QVBoxLayout(frame)
        inner.setContentsMargins(px(4), px(10), px(8), px(8))
        inner.setSpacing(px(5))
        # The texts of ghost buttons line up with the prompt, not their padding.
        above = QHBoxLayout()
        above.setContentsMargins(px(8), 0, 0, 0)
        above.addWidget(self.prompt)
        inner.addLayout(above)
        row = QHBoxLayout()
        row.setSpacing(px(4))
        row.addWidget(self.system)
        row.addWidget(self.settings)
        row.addStretch(1)
        row.addWidget(KeyCap(theme, "Ctrl Enter"))
        row.addSpacing(px(8))
        row.addWidget(self.send)
        inner.addLayout(row)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(px(14), px(10), px(14), px(12))
        outer.addWidget(frame)
        self.setFocusProxy(self.prompt)
        self.prompt.textChanged.connect(self._on_text_changed)
        self.prompt.send_wanted.connect(self._on_send)
        self.prompt.stop_wanted.connect(self.stop_wanted)
        self.send.clicked.connect(self._on_send)
        self.system.clicked.connect(self.system_wanted)
        self.settings.clicked.connect(self.settings_wanted)
        self._on_text_changed()

    @property
    def text(self) -> str:
        """What is written."""
        return self.prompt.toPlainText()

    def set_text(self, text: str) -> None:
        """Write a prompt, e.g. an earlier one to change it."""
        self.prompt.setPlainText(text)
        self.prompt.moveCursor(self.prompt.textCursor().MoveOperation.End)

    def clear(self) -> None:
        """The prompt was taken."""
        self.prompt.clear()

    def set_target(self, placeholder: str, button: str) -> None:
        """Say whom the prompt goes to."""
        self.prompt.setPlaceholderText(placeholder)
        self.send.set_text(button)

    def set_usable(self, usable: bool, reason: str = "") -> None:
        """Allow or refuse sending; writing is always possible."""
        self._usable, self._reason = usable, reason
        self._on_text_changed()

    @Slot()
    def _on_text_changed(self) -> None:
        if not self._usable:
            self.send.set_usable(False, self._reason)
        else:
            self.send.set_usable(bool(self.text.strip()), "Write a prompt first.")

    @Slot()
    def _on_send(self) -> None:
        if self._usable and self.text.strip():
            self.sent.emit(self.text)
