"""Choose by size: the largest type whose file is no larger than what the user types."""

from __future__ import annotations

import re

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from garden.core.quantity import GIB, MIB
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.button import Button
from garden.gui.widgets.field import Field
from garden.gui.widgets.label import Label
from garden.gui.widgets.overlay import Popover

_SIZE = re.compile(r"^\s*(\d+(?:[.,]\d+)?)\s*(m|mb|mib|g|gb|gib)?\s*$", re.IGNORECASE)


def parse_size(text: str) -> int | None:
    """Bytes for ``4.5``, ``4.5 GB`` or ``900 MiB``; gibibytes where no unit stands, None for anything else."""
    found = _SIZE.match(text)
    if found is None:
        return None
    number = float(found[1].replace(",", "."))
    unit = (found[2] or "gib").lower()
    factor = {"m": MIB, "mib": MIB, "mb": 10**6, "g": GIB, "gib": GIB, "gb": 10**9}[unit]
    return round(number * factor)


class QuantSizePopover(Popover):
    """A field and a button.

    Args:
        theme: Where colours come from.
        anchor: The button that opens it.

    Signals:
        chosen: Most bytes that the file may have.
    """

    chosen = Signal(object)

    def __init__(self, theme: ThemeController, anchor: QWidget) -> None:
        super().__init__(theme, anchor, name="workshop.sizePopover", width=260)
        px = theme.theme.px
        self._field = Field(theme, "4.5 GB, 900 MiB", name="workshop.size", label="Largest size of the file")
        take = Button(theme, "Choose", kind="primary", name="workshop.chooseSize")
        self._hint = Label(theme, "The largest type that is no larger.", style="small", color="text.muted", wrap=True)
        row = QHBoxLayout()
        row.setSpacing(px(6))
        row.addWidget(self._field, 1)
        row.addWidget(take)
        column = QVBoxLayout()
        column.setContentsMargins(px(12), px(12), px(12), px(12))
        column.setSpacing(px(8))
        column.addWidget(Label(theme, "Fit a size", style="strong"))
        column.addLayout(row)
        column.addWidget(self._hint)
        self.sheet.column.addLayout(column)
        self._field.entered.connect(self._on_taken)
        self._field.edited.connect(self._on_edited)
        take.clicked.connect(self._on_taken)

    def refuse(self, sentence: str) -> None:
        """Say why nothing could be chosen."""
        self._field.set_invalid(True)
        self._hint.set_color("status.danger.fg")
        self._hint.setText(sentence)

    @Slot()
    def _on_taken(self) -> None:
        size = parse_size(self._field.text)
        if size is None:
            self.refuse("Write a size such as 4.5 GB or 900 MiB.")
        else:
            self.chosen.emit(size)

    @Slot(str)
    def _on_edited(self, _text: str) -> None:
        self._field.set_invalid(False)
        self._hint.set_color("text.muted")
        self._hint.setText("The largest type that is no larger.")
