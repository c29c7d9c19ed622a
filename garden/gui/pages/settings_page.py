"""Settings: sections at the left, what can be set at the right, a search over all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from garden.gui.pages.nav_button import NavButton
from garden.gui.pages.scaled_width import fix_width, limit_width
from garden.gui.pages.settings_about import AboutSection, KeyboardSection
from garden.gui.pages.settings_folders import FoldersSection
from garden.gui.pages.settings_hub import HubSection
from garden.gui.pages.settings_section import Section
from garden.gui.pages.settings_sections import EngineSection, GeneralSection
from garden.gui.viewmodels.settings import SettingsViewModel
from garden.gui.widgets.field import Field
from garden.gui.widgets.page_header import PageHeader
from garden.gui.widgets.state_view import StateView
from garden.gui.widgets.themed_widget import Surface

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.gui.navigator import Navigator
    from garden.gui.theme.theme import ThemeController
    from garden.services.garden import Garden

_SECTIONS: tuple[tuple[str, str, str, type[Section]], ...] = (
    ("general", "General", "settings", GeneralSection),
    ("folders", "Models and folders", "folder", FoldersSection),
    ("hub", "Hub", "discover", HubSection),
    ("engine", "Engine and memory", "engine", EngineSection),
    ("keyboard", "Keyboard", "template", KeyboardSection),
    ("about", "About", "info", AboutSection),
)

_WIDEST = 760


class SettingsPage(QWidget):
    """The page.

    Args:
        garden: Services.
        pump: Brings their answers to the Qt thread.
        navigator: The window.
        theme: Where colours come from.
    """

    def __init__(self, garden: Garden, pump: EventPump, navigator: Navigator, theme: ThemeController) -> None:
        super().__init__()
        self.setObjectName("page")
        self._begun = False
        self._current = _SECTIONS[0][0]
        self._words: tuple[str, ...] = ()
        self.settings = SettingsViewModel(garden, pump, self)
        self.header = PageHeader(theme, "Settings")
        self._field = Field(
            theme,
            "Search settings",
            name="settings.search",
            label="Search settings",
            icon="search",
            key="Ctrl F",
            width=280,
        )
        self.header.add(self._field)
        self._buttons: dict[str, NavButton] = {}
        self._sections: dict[str, Section] = {}
        self._nothing = StateView(theme, name="settings.nothing")
        self._build(theme)
        self._field.edited.connect(self._on_search)
        self.settings.changed.connect(self._on_changed)
        self.settings.said.connect(navigator.notify)
        self._on_changed()
        self._show()

    def _build(self, theme: ThemeController) -> None:
        px = theme.theme.px
        nav = Surface(theme, "bg.sunken", edges="r")
        fix_width(nav, theme, 220)
        nav.setAccessibleName("Sections")
        links = QVBoxLayout(nav)
        links.setContentsMargins(px(8), px(12), px(8) + 1, px(12))
        links.setSpacing(0)
        group = QButtonGroup(self)
        content = QWidget()
        limit_width(content, theme, _WIDEST)
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, px(24))
        column.setSpacing(px(22))
        for key, title, icon, section_type in _SECTIONS:
            button = NavButton(theme, title, icon, name=f"settings.section.{key}")
            button.clicked.connect(lambda _checked=False, which=key: self.show_section(which))
            group.addButton(button)
            links.addWidget(button)
            self._buttons[key] = button
            section = section_type(theme, self.settings)
            self._sections[key] = section
            column.addWidget(section)
        column.addWidget(self._nothing)
        column.addStretch(1)
        links.addStretch(1)
        around = Surface(theme, "bg.window")
        row = QHBoxLayout(around)
        row.setContentsMargins(px(40), px(24), px(40), 0)
        row.addWidget(content, 1_000)
        row.addStretch(1)
        area = QScrollArea()
        area.setObjectName("settings.scroll")
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(around)
        body = QHBoxLayout()
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(0)
        body.addWidget(nav)
        body.addWidget(area, 1)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(0)
        page.addWidget(self.header)
        page.addLayout(body, 1)

    def focus_search(self) -> None:
        """Put the cursor into the search field."""
        self._field.line.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._field.line.selectAll()

    def show_section(self, key: str) -> None:
        """Show one section."""
        self._current = key
        self._words = ()
        self._field.set_text("")
        self._show()

    def showEvent(self, event: QShowEvent) -> None:
        """The first time, ask what may take a moment."""
        super().showEvent(event)
        if not self._begun:
            self._begun = True
            self.settings.load()

    @Slot(str)
    def _on_search(self, text: str) -> None:
        self._words = tuple(text.lower().split())
        self._show()

    def _show(self) -> None:
        found = False
        for key, section in self._sections.items():
            if self._words:
                found = section.show_matching(self._words) or found
            else:
                section.show_matching(())
                section.setVisible(key == self._current)
            self._buttons[key].setChecked(key == self._current)
        self._nothing.setVisible(bool(self._words) and not found)
        if not found:
            self._nothing.show_state("search", "No setting is called that", "Try another word.")

    @Slot()
    def _on_changed(self) -> None:
        for section in self._sections.values():
            section.refresh()
