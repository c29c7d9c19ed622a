"""The menu of models on this machine that a pane can take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QMenu, QWidget

from garden.core.library_entry import LibraryEntry
from garden.core.quantity import format_bytes
from garden.gui.viewmodels.model_choice import full_name, places

if TYPE_CHECKING:
    from garden.gui.theme.theme import ThemeController


def open_model_menu(
    theme: ThemeController,
    anchor: QWidget,
    entries: Sequence[LibraryEntry],
    choose: Callable[[LibraryEntry], None],
    find_more: Callable[[], None],
    *,
    first: Sequence[LibraryEntry] = (),
    current_path: str | None = None,
) -> QMenu:
    """Show it below a widget.

    Args:
        theme: Where fonts come from.
        anchor: The widget.
        entries: What is offered.
        choose: Called with the model that was picked.
        find_more: Called when the user wants to look for another one.
        first: What is offered above it.
        current_path: The file that is in the pane now.
    """
    menu = QMenu(anchor)
    menu.setObjectName("models.menu")
    menu.setFont(theme.theme.font("body", size=12.5))
    apart = places((*first, *entries))
    for entry in (*first, *entries):
        if first and entries and entry is entries[0]:
            menu.addSeparator()
        ref = entry.ref
        name = " · ".join(filter(None, (full_name(ref), apart.get(ref.path or "")))).replace("&", "&&")
        # What follows a tab stands at the right edge, as keys do.
        action = menu.addAction(f"{name}\t{format_bytes(ref.size_bytes)}")
        action.setCheckable(True)
        action.setChecked(current_path is not None and ref.path == current_path)
        action.triggered.connect(lambda _checked=False, entry=entry: choose(entry))
    if first or entries:
        menu.addSeparator()
    menu.addAction("Find a model …").triggered.connect(lambda _checked=False: find_more())
    menu.aboutToHide.connect(menu.deleteLater)
    menu.popup(anchor.mapToGlobal(anchor.rect().bottomLeft()))
    return menu
