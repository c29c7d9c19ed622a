"""The sheet with the exact text that a model received."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from garden.core.conversation import Answer
from garden.gui.widgets.button import Button
from garden.gui.widgets.card import Divider
from garden.gui.widgets.code_area import CodeArea
from garden.gui.widgets.label import Label
from garden.gui.widgets.overlay import Overlay

if TYPE_CHECKING:
    from garden.gui.theme.theme import ThemeController

_SIZE = (720, 520)


class PromptSheet(Overlay):
    """Opens over the window.

    Args:
        theme: Where colours come from.
        window: The window to cover.

    Signals:
        copied: The text is on the clipboard now.
    """

    copied = Signal()

    def __init__(self, theme: ThemeController, window: QWidget) -> None:
        super().__init__(theme, window, name="prompt")
        px = theme.theme.px
        self._title = Label(theme, style="title", elide=Qt.TextElideMode.ElideRight)
        self._title.setObjectName("prompt.title")
        self._facts = Label(theme, style="small", color="text.muted")
        self._facts.setObjectName("prompt.facts")
        self._text = CodeArea(theme, name="prompt.text", label="The prompt as the model received it", wrap=True)
        copy = Button(theme, "Copy", icon="copy", name="prompt.copy")
        close = Button(theme, icon="close", kind="ghost", small=True, name="prompt.close", hint="Close")
        head = QHBoxLayout()
        head.setContentsMargins(px(20), px(14), px(12), px(12))
        head.setSpacing(px(12))
        head.addWidget(self._title)
        head.addWidget(self._facts)
        head.addStretch(1)
        head.addWidget(copy)
        head.addWidget(close)
        body = QVBoxLayout()
        body.setContentsMargins(px(20), px(14), px(20), px(20))
        body.addWidget(self._text)
        self.sheet.column.addLayout(head)
        self.sheet.column.addWidget(Divider(theme, "border.default"))
        self.sheet.column.addLayout(body, 1)
        copy.clicked.connect(self._on_copy)
        close.clicked.connect(self.dismiss)
        self.closed.connect(self.deleteLater)

    def open_for(self, letter: str, answer: Answer) -> None:
        """Show what the model of a pane received for an answer."""
        title = f"What {letter} received"
        self._title.setText(title)
        self.setAccessibleName(title)
        tokens = answer.metrics.prompt_tokens
        reused = answer.metrics.reused_tokens
        facts = f"{tokens:,} tokens" if tokens is not None else ""
        if tokens is not None and reused:
            facts += f", {reused:,} of them still in the cache"
        self._facts.setText(facts)
        self._text.set_text(answer.rendered_prompt or "The model was not asked: nothing was sent.")
        self.open()

    @property
    def text(self) -> str:
        """What is shown."""
        return self._text.text

    def place(self) -> None:
        """In the middle, as large as there is room for."""
        width = min(self.look.px(_SIZE[0]), self.width() - 40)
        height = min(self.look.px(_SIZE[1]), self.height() - 40)
        self.sheet.setGeometry((self.width() - width) // 2, (self.height() - height) // 2, width, height)

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self._text.text)
        self.copied.emit()
