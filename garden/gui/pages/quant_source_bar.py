"""The source of Workshop: which model, what it is made of, and the consent that a quantized one needs."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from garden.core.library_entry import LibraryEntry
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.quant_source import SourceFacts
from garden.gui.viewmodels.quant_table import REQUANTIZED
from garden.gui.widgets.button import Button
from garden.gui.widgets.card import Card
from garden.gui.widgets.label import Label
from garden.gui.widgets.switch import CheckBox
from garden.gui.widgets.themed_widget import Surface, ThemedWidget

_CARD_WIDTH = 450
_PENDING = "Sizes are still being computed."


class _Warning(ThemedWidget):
    """A strip in the colours of a warning."""

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the area and its lower line."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.look.color("status.warning.bg"))
        painter.fillRect(QRectF(0, self.height() - 1, self.width(), 1), self.look.color("border.default"))


class QuantSourceBar(QWidget):
    """Shows the source and asks for consent where it is needed.

    Args:
        theme: Where colours come from.
        parent: Qt parent.

    Signals:
        change_wanted: Choose another source.
        recommended_wanted: Choose the type that suits this machine.
        size_wanted: Choose by the size of the file.
        all_types_wanted: Show every type, or the usual ones.
        consented: The user agreed to a second loss, or took that back.
    """

    change_wanted = Signal()
    recommended_wanted = Signal()
    size_wanted = Signal()
    all_types_wanted = Signal()
    consented = Signal(bool)

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        px = theme.theme.px
        elide = Qt.TextElideMode.ElideRight
        self._name = Label(theme, style="strong", elide=elide)
        self._name.setObjectName("workshop.source")
        self._type = Label(theme, style="code", color="text.secondary", line=20)
        self._line = Label(theme, style="small", color="text.muted", elide=elide)
        change = Button(theme, "Change", small=True, name="workshop.change", hint="Choose another model")
        self._fit_machine = Button(theme, "Fit this machine", icon="machine", small=True, name="workshop.fitMachine")
        self._fit_size = Button(theme, "Fit a size…", small=True, name="workshop.fitSize")
        self.all_types = Button(theme, "All types", kind="ghost", small=True, name="workshop.allTypes")
        change.clicked.connect(self.change_wanted)
        self._fit_machine.clicked.connect(self.recommended_wanted)
        self._fit_size.clicked.connect(self.size_wanted)
        self.all_types.clicked.connect(self.all_types_wanted)
        self._warning = _Warning(theme)
        self._refusal = Label(theme, style="small", color="status.warning.fg", weight=500, wrap=True, max_width=1_200)
        self._refusal.setObjectName("workshop.refusal")
        self.consent = CheckBox(theme, "Quantize it all the same", name="workshop.consent")
        strip = QHBoxLayout(self._warning)
        strip.setContentsMargins(px(20), px(9), px(20), px(9))
        strip.setSpacing(px(20))
        strip.addWidget(self._refusal, 1)
        strip.addWidget(self.consent)
        self._warning.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._make_bar(theme, change))
        column.addWidget(self._warning)
        self.consent.toggled.connect(self.consented)

    def _make_bar(self, theme: ThemeController, change: Button) -> Surface:
        px = theme.theme.px
        card = Card(theme)
        card.setMaximumWidth(px(_CARD_WIDTH))
        inside = QHBoxLayout()
        inside.setContentsMargins(px(11), px(7), px(7), px(7))
        inside.setSpacing(px(12))
        names = QHBoxLayout()
        names.setSpacing(px(8))
        names.addWidget(self._name)
        names.addWidget(self._type)
        names.addStretch(1)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addLayout(names)
        words.addWidget(self._line)
        inside.addLayout(words, 1)
        inside.addWidget(change)
        card.column.addLayout(inside)
        helpers = QVBoxLayout()
        helpers.setSpacing(px(4))
        title = Label(theme, "Choose for me", style="caption", color="text.muted", align=Qt.AlignmentFlag.AlignRight)
        helpers.addWidget(title)
        buttons = QHBoxLayout()
        buttons.setSpacing(px(6))
        for button in (self.all_types, self._fit_machine, self._fit_size):
            buttons.addWidget(button)
        helpers.addLayout(buttons)
        bar = Surface(theme, "bg.surface", edges="b")
        row = QHBoxLayout(bar)
        row.setContentsMargins(px(20), px(12), px(20), px(12))
        row.setSpacing(px(14))
        row.addWidget(card, 100)
        row.addStretch(1)
        row.addLayout(helpers)
        return bar

    def show_entry(self, entry: LibraryEntry) -> None:
        """Name the source while its header is read."""
        self._name.setText(entry.ref.name)
        self._type.setText(entry.ref.quant_type or "")
        self._line.setText("Reading its header")
        self._warning.hide()
        self._relayout()

    def show_source(self, source: SourceFacts, *, consented: bool, ready: bool, all_types: bool) -> None:
        """Show the source.

        Args:
            source: What is known of it.
            consented: Whether the user agreed to a second loss.
            ready: Whether sizes are known, so that a type can be chosen for the user.
            all_types: Whether every type is offered.
        """
        self._name.setText(source.entry.ref.name)
        self._type.setText(source.base_type)
        self._line.setText(source.line)
        asks = source.quantized and source.refused is None
        self._warning.setVisible(asks)
        if source.refusal is not None:
            self._refusal.setText(f"{source.refusal.sentence} {REQUANTIZED}")
        if self.consent.isChecked() != consented:
            self.consent.blockSignals(True)
            self.consent.setChecked(consented)
            self.consent.blockSignals(False)
        self._fit_size.set_usable(ready, _PENDING)
        self._fit_machine.set_usable(ready and not source.quantized, REQUANTIZED if source.quantized else _PENDING)
        self.all_types.set_text("Usual types" if all_types else "All types")
        self._relayout()

    @property
    def size_button(self) -> Button:
        """What the size popover stands beside."""
        return self._fit_size

    def _relayout(self) -> None:
        for label in (self._name, self._type, self._line, self._refusal):
            label.updateGeometry()
