"""What the sections of Settings have in common: groups below each other, refreshed and searched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QVBoxLayout, QWidget

from garden.gui.pages.setting_row import SettingGroup, SettingRow

if TYPE_CHECKING:
    from garden.gui.theme.theme import ThemeController
    from garden.gui.viewmodels.settings import SettingsViewModel


class Section(QWidget):
    """Groups below each other.

    Args:
        theme: Where colours come from.
        model: What is set.
    """

    def __init__(self, theme: ThemeController, model: SettingsViewModel) -> None:
        super().__init__()
        self._theme = theme
        self._model = model
        self._groups: list[SettingGroup] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme.theme.px(22))

    def add_group(self, title: str, rows: Sequence[SettingRow]) -> SettingGroup:
        """Put a group below the others."""
        group = SettingGroup(self._theme, title, rows)
        self._groups.append(group)
        self._column.addWidget(group)
        return group

    def show_matching(self, words: Sequence[str]) -> bool:
        """Show what contains every word; whether anything does."""
        shown = [group.show_matching(words) for group in self._groups]
        self.setVisible(any(shown))
        return any(shown)

    def refresh(self) -> None:
        """Show what is set now."""
