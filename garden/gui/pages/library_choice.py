"""Several models that are chosen in the Library: which they are, and what can be done with them together."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from garden.core.quantity import format_bytes
from garden.gui.pages.scaled_width import fix_width
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.compare import LETTERS
from garden.gui.viewmodels.library_table import LibraryRow
from garden.gui.widgets.button import Button
from garden.gui.widgets.label import Label
from garden.gui.widgets.themed_widget import Surface


def why_not_compared(rows: Sequence[LibraryRow]) -> str:
    """Why these models cannot be compared, empty when they can."""
    damaged = next((row for row in rows if row.entry.problem is not None), None)
    if damaged is not None:
        return f"{damaged.entry.ref.name}: {damaged.entry.problem}"
    if len(rows) > len(LETTERS):
        return f"Compare takes up to {len(LETTERS)} models; leave out {len(rows) - len(LETTERS)}."
    return ""


class LibraryChoice(Surface):
    """Stands in the place of the panel of one model.

    Args:
        theme: Where colours come from.
        parent: Qt parent.

    Signals:
        compare_wanted: Open Compare with one pane for each.
        verify_wanted: Hash each.
    """

    compare_wanted = Signal()
    verify_wanted = Signal()

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(theme, "bg.sunken", edges="l", parent=parent)
        self.setObjectName("libraryChoice")
        fix_width(self, theme, theme.theme.tokens.sizes["inspector"])
        self._title = Label(theme, style="title")
        self._title.setObjectName("libraryChoice.title")
        self._total = Label(theme, style="small", color="text.muted")
        self._compare = Button(theme, icon="compare", kind="primary", name="libraryChoice.compare")
        self._verify = Button(theme, "Verify", icon="shield", name="libraryChoice.verify")
        self._refusal = Label(theme, style="small", color="text.secondary", wrap=True)
        self._refusal.setObjectName("libraryChoice.refusal")
        self._lines: list[_Line] = []
        px = theme.theme.px
        head = Surface(theme, "bg.sunken", edges="b")
        inner = QVBoxLayout(head)
        inner.setContentsMargins(px(16), px(14), px(16), px(12))
        inner.setSpacing(0)
        buttons = QHBoxLayout()
        buttons.setSpacing(px(6))
        buttons.addWidget(self._compare)
        buttons.addWidget(self._verify)
        buttons.addStretch(1)
        inner.addWidget(self._title)
        inner.addSpacing(px(4))
        inner.addWidget(self._total)
        inner.addSpacing(px(12))
        inner.addLayout(buttons)
        self._refusal.setContentsMargins(0, px(10), 0, 0)
        inner.addWidget(self._refusal)
        content = QWidget()
        content.setObjectName("scrolled")
        self._list = QVBoxLayout(content)
        self._list.setContentsMargins(0, px(6), 0, px(6))
        self._list.setSpacing(0)
        self._list.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.viewport().setAutoFillBackground(False)
        content.setAutoFillBackground(False)
        area.setWidget(content)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(1, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(head)
        outer.addWidget(area, 1)
        self._compare.clicked.connect(self.compare_wanted)
        self._verify.clicked.connect(self.verify_wanted)

    def show_rows(self, rows: Sequence[LibraryRow]) -> None:
        """Show these models."""
        self._title.setText(f"{len(rows)} models")
        self._title.updateGeometry()
        self.setAccessibleName(f"{len(rows)} models are chosen")
        self._total.setText(f"{format_bytes(sum(row.entry.ref.size_bytes for row in rows))} together")
        self._total.updateGeometry()
        self._compare.set_text(f"Compare {len(rows)} models")
        refusal = why_not_compared(rows)
        self._compare.set_usable(not refusal, refusal)
        self._refusal.setText(refusal)
        self._refusal.setVisible(bool(refusal))
        self._verify.set_usable(not all(row.verifying is not None for row in rows), "They are being hashed.")
        while len(self._lines) < len(rows):
            line = _Line(self._controller)
            self._list.insertWidget(len(self._lines), line)
            self._lines.append(line)
        for number, line in enumerate(self._lines):
            line.setVisible(number < len(rows))
            if number < len(rows):
                line.show_row(rows[number])


class _Line(QWidget):
    """Name and type of one model, its size at the right."""

    def __init__(self, theme: ThemeController) -> None:
        super().__init__()
        px = theme.theme.px
        self._name = Label(theme, elide=Qt.TextElideMode.ElideMiddle)
        self._name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._type = Label(theme, style="code", weight=600)
        self._size = Label(theme, style="small", color="text.muted")
        row = QHBoxLayout(self)
        row.setContentsMargins(px(16), px(6), px(16), px(6))
        row.setSpacing(px(8))
        row.addWidget(self._name, 1)
        row.addWidget(self._type)
        row.addWidget(self._size)

    def show_row(self, row: LibraryRow) -> None:
        """Show a model."""
        ref = row.entry.ref
        self._name.setText(ref.name)
        self._name.setToolTip(ref.name)
        for label, text in ((self._type, ref.quant_type or ""), (self._size, format_bytes(ref.size_bytes))):
            label.setText(text)
            label.updateGeometry()
