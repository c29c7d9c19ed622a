"""Picks the source of Workshop from the library, by typing a part of its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QWidget

from garden.core.library_entry import LibraryEntry
from garden.core.quantity import format_bytes
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.quant_source import FULL_PRECISION
from garden.gui.widgets.command_palette import CommandPalette, PaletteEntry


class QuantPicker:
    """Opens over the window.

    Args:
        theme: Where colours come from.
        window: The window to cover.
        entries: The models to pick from, asked each time.
        choose: Called with the one that was picked.
    """

    def __init__(
        self,
        theme: ThemeController,
        window: QWidget,
        entries: Callable[[], Sequence[LibraryEntry]],
        choose: Callable[[LibraryEntry], None],
    ) -> None:
        self._entries = entries
        self._choose = choose
        self._palette = CommandPalette(theme, window, self._matches, name="sourcePicker", prompt="Which model?")

    def open(self) -> None:
        """Show every model."""
        self._palette.open()

    def _matches(self, text: str) -> list[PaletteEntry]:
        words = text.lower().split()
        matching = [entry for entry in self._entries() if all(word in _told(entry) for word in words)]
        return sorted((self._entry(entry) for entry in matching), key=lambda entry: entry.section)

    def _entry(self, entry: LibraryEntry) -> PaletteEntry:
        ref = entry.ref
        full = (ref.quant_type or "").upper() in FULL_PRECISION
        return PaletteEntry(
            section="Full precision" if full else "Quantized already",
            title=ref.name,
            hint=" · ".join(part for part in (ref.quant_type, format_bytes(ref.size_bytes)) if part),
            icon="library",
            run=lambda: self._choose(entry),
        )


def _told(entry: LibraryEntry) -> str:
    ref = entry.ref
    return f"{ref.name} {ref.quant_type or ''} {ref.repo_id or ''}".lower()
