"""How the files would be loaded: the context slider and the type of the KV cache. They move every bar at once."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QIntValidator
from PySide6.QtWidgets import QHBoxLayout, QWidget

from garden.gui.pages.scaled_width import limit_width
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.repository import SMALLEST_CONTEXT
from garden.gui.widgets.context_slider import ContextSlider
from garden.gui.widgets.field import Field
from garden.gui.widgets.label import Label
from garden.gui.widgets.segmented_control import SegmentedControl
from garden.gui.widgets.themed_widget import Surface

#: Types of the cache that are worth a choice at a glance; every other one is a matter for a pane.
KV_TYPES = ("f16", "q8_0", "q4_0")


class LoadBar(Surface):
    """Context and cache type.

    Signals:
        context_chosen: Tokens; emitted while the knob moves.
        kv_type_chosen: A key of KV_TYPES.
    """

    context_chosen = Signal(int)
    kv_type_chosen = Signal(str)

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(theme, "bg.surface", edges="b", parent=parent)
        px = theme.theme.px
        self._slider = ContextSlider(theme, name="contextSlider")
        self._slider.valueChanged.connect(self._on_moved)
        limit_width(self._slider, theme, 300)
        self._field = Field(theme, "", name="contextField", label="Context, tokens", width=70)
        self._field.line.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._field.line.setValidator(QIntValidator(1, 100_000_000, self))
        self._field.line.editingFinished.connect(self._on_typed)
        self._kv = SegmentedControl(
            theme, [(kind, kind) for kind in KV_TYPES], name="kvType", label="Type of the KV cache"
        )
        self._kv.chosen.connect(self.kv_type_chosen)
        row = QHBoxLayout(self)
        row.setContentsMargins(px(20), px(8), px(20), px(6))
        row.setSpacing(px(8))
        top = Qt.AlignmentFlag.AlignTop
        context = Label(theme, "Context", weight=500, line=28)
        row.addWidget(context, 0, top)
        column = QHBoxLayout()
        column.setContentsMargins(0, px(8), 0, 0)
        column.addWidget(self._slider)
        row.addLayout(column, 4)
        row.addWidget(self._field, 0, top)
        row.addSpacing(px(12))
        row.addWidget(Label(theme, "KV cache", weight=500, line=28), 0, top)
        row.addWidget(self._kv, 0, top)
        row.addStretch(1)

    def show_load(self, context_length: int, largest: int, kv_type: str) -> None:
        """Show what is chosen, without telling anyone."""
        blocked = self._slider.blockSignals(True)
        self._slider.set_span(SMALLEST_CONTEXT, largest)
        self._slider.setValue(context_length)
        self._slider.blockSignals(blocked)
        if not self._field.line.hasFocus() or not self._field.line.isModified():
            self._field.set_text(f"{context_length:,}")
            self._field.line.setModified(False)
        self._kv.set_current(kv_type)

    @Slot(int)
    def _on_moved(self, tokens: int) -> None:
        self._field.set_text(f"{tokens:,}")
        self.context_chosen.emit(tokens)

    @Slot()
    def _on_typed(self) -> None:
        if not self._field.line.isModified():
            return
        self._field.line.setModified(False)
        digits = self._field.text.replace(",", "").strip()
        if digits.isdecimal():
            self.context_chosen.emit(int(digits))
