"""What the window does with a part of a page, where the page has one."""

from __future__ import annotations

from garden.gui.navigator import HasSearch, HasSections


def show_section(page: object, section: str) -> None:
    """Bring a section of the page to the front; nothing without one."""
    if section and isinstance(page, HasSections):
        page.show_section(section)


def focus_search(page: object) -> None:
    """Put the cursor into the page's search."""
    if isinstance(page, HasSearch):
        page.focus_search()
