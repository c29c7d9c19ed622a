"""Opens the popover of the searches that are kept, and does what it asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from garden.core.saved_search import SavedSearch

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from garden.core.errors import GardenError
    from garden.core.model_query import ModelQuery
    from garden.gui.bridge.event_pump import EventPump
    from garden.gui.pages.saved_search_menu import SavedSearchMenu
    from garden.gui.theme.theme import ThemeController
    from garden.services.saved_searches import SavedSearches


def open_saved_searches(
    anchor: QWidget,
    theme: ThemeController,
    pump: EventPump,
    searches: SavedSearches,
    query: ModelQuery,
    *,
    opened: Callable[[SavedSearch], None],
    notify: Callable[[str, str], None],
) -> SavedSearchMenu:
    """Show the popover.

    Args:
        anchor: The button below which it opens.
        theme: Where colours come from.
        pump: Keeps the disk away from the Qt thread.
        searches: What is kept.
        query: The search at hand.
        opened: Called with the search that the user opens.
        notify: Told what was done, or why it was not and what helps.
    """
    from garden.gui.pages.saved_search_menu import SavedSearchMenu

    menu = SavedSearchMenu(theme, anchor, query)

    def failed(error: GardenError) -> None:
        notify(error.sentence, error.action)

    def change(work: Callable[[], object]) -> None:
        def changed() -> tuple[SavedSearch, ...]:
            work()
            return searches.all()

        pump.run(changed, menu.show_rows, failed, receiver=menu, ahead=True)

    menu.save_wanted.connect(lambda name: change(lambda: searches.save(name, query)))
    menu.rename_wanted.connect(lambda saved, name: change(lambda: searches.rename(saved.name, name)))
    menu.delete_wanted.connect(lambda saved: change(lambda: searches.delete(saved.name)))
    menu.opened.connect(opened)
    change(lambda: None)
    menu.open()
    return menu
