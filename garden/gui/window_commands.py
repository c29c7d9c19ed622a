"""What the palette offers besides the pages: the commands of the page in front and of the window."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from garden.gui.command_list import Command, CommandList
from garden.gui.navigator import OffersCommands
from garden.gui.page_list import BY_NAME

if TYPE_CHECKING:
    from garden.gui.main_window import MainWindow
    from garden.services.garden import Garden


def window_commands(window: MainWindow, garden: Garden) -> CommandList:
    """Everything the palette of this window finds."""
    own = functools.partial(_commands_now, window, garden)
    return CommandList(garden, window.pump, window, own, window.search_hub, window.open_conversation, window)


def _commands_now(window: MainWindow, garden: Garden) -> list[Command]:
    """What can be done now, the page's own first."""
    page: object = window.page(window.current_page)
    icon = BY_NAME[window.current_page].icon
    own = page.commands() if isinstance(page, OffersCommands) else ()
    choose_theme = functools.partial(_choose_theme, window, garden)
    return [
        *(Command(title, icon, run, (keys,) if keys else ()) for title, keys, run in own),
        Command("Add a folder with models…", "folder", window.ask_for_folder),
        Command("Search the Hub", "search", window.look_for_models, ("Ctrl", "F")),
        Command("Show or fold the rail", "more", window.toggle_rail, ("Ctrl", "B")),
        Command("Use the light theme", "sun", lambda: choose_theme("light")),
        Command("Use the dark theme", "blind", lambda: choose_theme("dark")),
        Command("Quit Garden", "close", window.close, ("Ctrl", "Q")),
    ]


def _choose_theme(window: MainWindow, garden: Garden, theme: str) -> None:
    window.pump.do(
        lambda: garden.settings.change(theme=theme), lambda error: window.notify(error.sentence, error.action)
    )
