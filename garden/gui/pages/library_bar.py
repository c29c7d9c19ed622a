"""What stands above the Library's list: where models are from, how much they take, what can be done with all."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot

from garden.core.quantity import format_bytes
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.library import LibraryViewModel
from garden.gui.viewmodels.library_table import SEGMENTS
from garden.gui.widgets.button import Button
from garden.gui.widgets.label import Label
from garden.gui.widgets.page_header import Toolbar
from garden.gui.widgets.segmented_control import SegmentedControl

_ALL = "all"


class LibraryBar(Toolbar):
    """Segments, total and two buttons.

    Signals:
        segment_chosen: Show one of SEGMENTS, or all with None.
        folder_wanted: Add a folder.
        verify_wanted: Verify all.
    """

    segment_chosen = Signal(object)
    folder_wanted = Signal()
    verify_wanted = Signal()

    def __init__(self, theme: ThemeController) -> None:
        super().__init__(theme, spacing=6)
        self._segments = SegmentedControl(theme, [(_ALL, "All")], name="library.origins", label="Where models are from")
        self._total = Label(theme, style="small", color="text.muted", elide=Qt.TextElideMode.ElideRight)
        self._total.setObjectName("library.total")
        add = Button(theme, "Add folder", icon="folder", name="library.addFolder")
        self._verify_all = Button(theme, "Verify all", icon="shield", name="library.verifyAll")
        self.row.addWidget(self._segments)
        self.row.addStretch(1)
        self.row.addWidget(self._total)
        self.row.addWidget(add)
        self.row.addWidget(self._verify_all)
        self._segments.chosen.connect(self._on_chosen)
        add.clicked.connect(self.folder_wanted)
        self._verify_all.clicked.connect(self.verify_wanted)

    def show_library(self, library: LibraryViewModel) -> None:
        """Show what is there now."""
        counts = library.counts
        rows = library.table.rows
        segments = [(_ALL, f"All {len(rows)}")]
        segments += [(key, f"{word} {counts[key]}") for key, (word, _origins) in SEGMENTS.items() if counts.get(key)]
        self._segments.set_options(segments)
        twice = f", {format_bytes(library.twice_bytes)} of it twice" if library.twice_bytes else ""
        self._total.setText(f"{format_bytes(library.size_bytes)} on disk{twice}" if rows else "")
        self._total.updateGeometry()
        unchecked = any(row.entry.verified is None for row in rows)
        self._verify_all.set_usable(unchecked, "Every model was checked.")

    def show_all(self) -> None:
        """No segment alone."""
        self._segments.set_current(_ALL)

    @Slot(str)
    def _on_chosen(self, key: str) -> None:
        self.segment_chosen.emit(None if key == _ALL else key)
