"""The pages of the window: names, titles, icons, and where each is built when it is first shown."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from garden.gui.bridge.event_pump import EventPump
    from garden.gui.navigator import Navigator
    from garden.gui.theme.theme import ThemeController
    from garden.services.garden import Garden


@dataclass(frozen=True, slots=True)
class PageEntry:
    """One page.

    Attributes:
        name: As Navigator.show_page takes it.
        title: In the rail and the palette.
        icon: Name of its icon.
        shortcut: Key sequence in Qt's portable words, empty for none.
        class_name: Its widget in ``garden.gui.pages.{name}_page``.
    """

    name: str
    title: str
    icon: str
    shortcut: str
    class_name: str

    def build(self, garden: Garden, pump: EventPump, navigator: Navigator, theme: ThemeController) -> QWidget:
        """The page itself; its module is imported now, so that the first paint waits for one page only."""
        module = importlib.import_module(f"garden.gui.pages.{self.name}_page")
        page: QWidget = getattr(module, self.class_name)(garden, pump, navigator, theme)
        return page


PAGES = (
    PageEntry("discover", "Discover", "discover", "Ctrl+1", "DiscoverPage"),
    PageEntry("library", "Library", "library", "Ctrl+2", "LibraryPage"),
    PageEntry("workshop", "Workshop", "workshop", "Ctrl+3", "WorkshopPage"),
    PageEntry("compare", "Compare", "compare", "Ctrl+4", "ComparePage"),
    PageEntry("machine", "Machine", "machine", "Ctrl+5", "MachinePage"),
    PageEntry("activity", "Activity", "activity", "Ctrl+6", "ActivityPage"),
    PageEntry("settings", "Settings", "settings", "Ctrl+,", "SettingsPage"),
    PageEntry("welcome", "Welcome", "leaf", "", "WelcomePage"),
)

BY_NAME = {entry.name: entry for entry in PAGES}
