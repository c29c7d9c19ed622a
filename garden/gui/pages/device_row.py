"""One part of the machine on a card: what it is, how much of it is free, and what the engine makes of it."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.machine_facts import DeviceFacts
from garden.gui.widgets.button import Button
from garden.gui.widgets.label import Label
from garden.gui.widgets.memory_bar import BarFill, MemoryBar
from garden.gui.widgets.tag import Tag
from garden.gui.widgets.themed_widget import ThemedWidget

_ICON = 18
_WIDEST_NOTE = 2_000


class _Icon(ThemedWidget):
    """The icon of a part."""

    def __init__(self, theme: ThemeController, name: str) -> None:
        super().__init__(theme)
        self._name = name
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """A square."""
        return QSize(self.look.px(_ICON), self.look.px(_ICON))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw it."""
        pixmap = self.look.pixmap(self._name, "text.secondary", _ICON, self.devicePixelRatioF())
        QPainter(self).drawPixmap(QRectF(self.rect()), pixmap, QRectF(pixmap.rect()))


class DeviceRow(QWidget):
    """A part of the machine; it is told new facts and keeps its widgets.

    Args:
        theme: Where colours come from.
        facts: What it shows first.
        button: A button at the right of its title, None for none.
        parent: Qt parent.

    Signals:
        command_wanted: The user wants this command on the clipboard.
    """

    command_wanted = Signal(str)

    def __init__(
        self, theme: ThemeController, facts: DeviceFacts, button: Button | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._facts = facts
        self.setObjectName(f"machine.{facts.key}")
        px = theme.theme.px
        self._title = Label(theme, style="strong", elide=Qt.TextElideMode.ElideRight)
        self._tag = Tag(theme)
        self._figure = Label(theme, style="small", weight=500)
        self._rest = Label(theme, style="small", color="text.muted")
        self._bar = MemoryBar(theme, 10)
        self._note = Label(theme, style="small", color="text.muted", wrap=True, max_width=_WIDEST_NOTE)
        self._command = Label(theme, style="code", size=11.5, color="text.secondary", elide=Qt.TextElideMode.ElideRight)
        self._copy = Button(theme, "Copy command", icon="copy", small=True, name=f"machine.{facts.key}.copy")
        self._copy.clicked.connect(self._on_copy)
        head = self._head = QHBoxLayout()
        head.setSpacing(px(8))
        head.addWidget(_Icon(theme, facts.icon))
        head.addWidget(self._title)
        head.addWidget(self._tag)
        head.addStretch(1)
        head.addWidget(self._figure)
        head.addSpacing(px(3) - head.spacing())
        head.addWidget(self._rest)
        if button is not None:
            head.addWidget(button)
        self._foot = QWidget()
        foot = QHBoxLayout(self._foot)
        foot.setContentsMargins(0, px(6), 0, 0)
        foot.setSpacing(px(8))
        foot.addWidget(self._command)
        foot.addStretch(1)
        foot.addWidget(self._copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(12), px(16), px(12))
        column.setSpacing(0)
        # Two of the gap lie inside the bar, above and below its track.
        self._bar_room = QWidget()
        room = QVBoxLayout(self._bar_room)
        room.setContentsMargins(0, 0, 0, px(4))
        room.addWidget(self._bar)
        column.addLayout(head)
        column.addSpacing(px(6))
        column.addWidget(self._bar_room)
        column.addWidget(self._note)
        column.addWidget(self._foot)
        self._show(facts)

    def add(self, button: Button) -> None:
        """Put another button at the right of the title."""
        self._head.addWidget(button)

    @property
    def facts(self) -> DeviceFacts:
        """What it shows."""
        return self._facts

    def show_facts(self, facts: DeviceFacts) -> None:
        """Show what is new."""
        if facts != self._facts:
            self._show(facts)

    def _show(self, facts: DeviceFacts) -> None:
        self._facts = facts
        for label, text in (
            (self._title, facts.title),
            (self._figure, facts.figure),
            (self._rest, facts.rest),
            (self._note, facts.note),
            (self._command, facts.command),
        ):
            if label.text() != text:
                label.setText(text)
                label.updateGeometry()
        # A long name may be cut.
        self._title.setToolTip(facts.title)
        self._tag.setVisible(bool(facts.tag))
        self._tag.set_text(facts.tag, facts.tone)
        self._figure.setVisible(bool(facts.figure))
        self._rest.setVisible(bool(facts.rest))
        self._bar_room.setVisible(facts.used is not None)
        if facts.used is not None:
            spoken = f"{facts.title}: {facts.figure} {facts.rest}"
            self._bar.set_fill(BarFill(parts=(("memory.used", facts.used),)), spoken)
        self._note.setVisible(bool(facts.note))
        self._foot.setVisible(bool(facts.command))
        self._copy.setAccessibleName(f"Copy the command that lets the engine use {facts.title}")
        self.setAccessibleName(facts.sentence)

    @Slot()
    def _on_copy(self) -> None:
        self.command_wanted.emit(self._facts.command)
