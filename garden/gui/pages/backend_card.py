"""The card that gives the engine a GPU without a compiler: one row per backend, with its switch and its progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from garden.gui.viewmodels.backend_facts import BackendAction, BackendFacts
from garden.gui.widgets.button import Button
from garden.gui.widgets.card import Card, Divider
from garden.gui.widgets.file_dialog import choose_file
from garden.gui.widgets.label import Label
from garden.gui.widgets.progress_bar import ProgressBar
from garden.gui.widgets.tag import Tag

if TYPE_CHECKING:
    from garden.gui.theme.theme import ThemeController
    from garden.gui.viewmodels.backends import BackendsViewModel

_WIDEST_NOTE = 2_000

_ICONS = {
    BackendAction.SWITCH_ON: "download",
    BackendAction.TRY_AGAIN: "retry",
    BackendAction.SWITCH_OFF: None,
    BackendAction.CANCEL: "close",
}


class BackendRow(QWidget):
    """A backend; it is told new facts and keeps its widgets.

    Args:
        theme: Where colours come from.
        facts: What it shows first.
        parent: Qt parent.

    Signals:
        wanted: The user wants this action.
    """

    wanted = Signal(object)

    def __init__(self, theme: ThemeController, facts: BackendFacts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.facts = facts
        self.setObjectName(f"machine.backend.{facts.name}")
        px = theme.theme.px
        self._title = Label(theme, style="strong", elide=Qt.TextElideMode.ElideRight)
        self._tag = Tag(theme)
        self._rest = Label(theme, style="small", color="text.muted")
        self._bar = ProgressBar(theme)
        self._note = Label(theme, style="small", color="text.muted", wrap=True, max_width=_WIDEST_NOTE)
        self._buttons: dict[BackendAction, Button] = {}
        head = QHBoxLayout()
        head.setSpacing(px(8))
        head.addWidget(self._title)
        head.addWidget(self._tag)
        head.addStretch(1)
        head.addWidget(self._rest)
        for action, icon in _ICONS.items():
            name = f"machine.backend.{facts.name}.{action.name.lower()}"
            button = self._buttons[action] = Button(theme, action.value, icon=icon, small=True, name=name)
            button.setProperty("action", action)
            button.clicked.connect(self._on_clicked)
            head.addWidget(button)
        self._bar_room = QWidget()
        room = QVBoxLayout(self._bar_room)
        room.setContentsMargins(0, px(2), 0, px(8))
        room.addWidget(self._bar)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(10), px(16), px(12))
        column.setSpacing(0)
        column.addLayout(head)
        column.addSpacing(px(6))
        column.addWidget(self._bar_room)
        column.addWidget(self._note)
        self._show(facts)

    def show_facts(self, facts: BackendFacts) -> None:
        """Show what is new."""
        if facts != self.facts:
            self._show(facts)

    def _show(self, facts: BackendFacts) -> None:
        self.facts = facts
        for label, text in ((self._title, facts.title), (self._rest, facts.rest), (self._note, facts.note)):
            if label.text() != text:
                label.setText(text)
                label.updateGeometry()
        self._title.setToolTip(facts.title)
        self._tag.setVisible(bool(facts.tag))
        self._tag.set_text(facts.tag, facts.tone)
        self._rest.setVisible(bool(facts.rest))
        self._bar_room.setVisible(facts.fraction is not None)
        self._bar.set_fraction(facts.fraction or 0.0)
        had_focus = any(button.hasFocus() for button in self._buttons.values())
        for action, button in self._buttons.items():
            button.setVisible(action in facts.actions)
            button.setAccessibleName(f"{action.value}: {facts.title}")
        if had_focus and facts.actions:
            # What had it may have gone; the keyboard stays in the row.
            self._buttons[facts.actions[0]].setFocus(Qt.FocusReason.OtherFocusReason)
        self.setAccessibleName(facts.sentence)

    @Slot()
    def _on_clicked(self) -> None:
        sender = self.sender()
        if isinstance(sender, Button):
            self.wanted.emit(sender.property("action"))


class BackendCard(Card):
    """The card; hidden where there is nothing to offer.

    Args:
        theme: Where colours come from.
        backends: What it shows.
    """

    def __init__(self, theme: ThemeController, backends: BackendsViewModel) -> None:
        super().__init__(theme)
        self._theme = theme
        self._backends = backends
        self._rows: dict[str, BackendRow] = {}
        px = theme.theme.px
        self.setObjectName("machine.backends")
        self._file = Button(
            theme, "From a file", kind="ghost", small=True, name="machine.backends.file", hint="Add a ggml backend file"
        )
        self._file.clicked.connect(self._on_file_wanted)
        head = QHBoxLayout()
        head.setContentsMargins(px(16), px(9), px(8), px(0))
        head.setSpacing(px(8))
        head.addWidget(Label(theme, "GPU without a compiler", style="strong"))
        head.addStretch(1)
        head.addWidget(self._file)
        self.column.addLayout(head)
        self._list = QVBoxLayout()
        self._list.setSpacing(0)
        self.column.addLayout(self._list)
        backends.changed.connect(self._on_changed)
        self._on_changed()

    @Slot()
    def _on_changed(self) -> None:
        rows = self._backends.rows
        self.setVisible(bool(rows))
        if [facts.name for facts in rows] != list(self._rows):
            self._lay_rows()
        for facts in rows:
            self._rows[facts.name].show_facts(facts)

    def _lay_rows(self) -> None:
        """Backends came or went: make the rows anew, but for those that stay."""
        kept, self._rows = self._rows, {}
        while self._list.count():
            item = self._list.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None and widget not in kept.values():
                widget.hide()
                widget.deleteLater()
        for number, facts in enumerate(self._backends.rows):
            if number:
                self._list.addWidget(Divider(self._theme, parent=self))
            row = kept.pop(facts.name, None)
            if row is None:
                row = BackendRow(self._theme, facts, self)
                row.wanted.connect(self._on_wanted)
            self._list.addWidget(row)
            self._rows[facts.name] = row
        for row in kept.values():
            row.hide()
            row.deleteLater()

    @Slot(object)
    def _on_wanted(self, action: object) -> None:
        row = self.sender()
        if isinstance(row, BackendRow) and isinstance(action, str):
            self._backends.act(row.facts.name, BackendAction(action))

    @Slot()
    def _on_file_wanted(self) -> None:
        choose_file(
            self,
            "Add a ggml backend",
            self._backends.add_file,
            "ggml backends (*ggml-*.so *ggml-*.dll *ggml-*.dylib *.tar.gz *.tgz)",
        )
