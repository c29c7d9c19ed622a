"""The panes of Compare side by side, parted by hairlines, all as wide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from garden.gui.pages.compare_pane import ComparePane
from garden.gui.widgets.card import Divider

if TYPE_CHECKING:
    from garden.gui.theme.theme import ThemeController


class PaneRow(QWidget):
    """Makes a pane per letter and keeps those that stay.

    Args:
        theme: Where colours come from.
        parent: Qt parent.

    Signals:
        model_wanted: The user wants another model in a pane (letter).
        settings_wanted: The user wants a pane's settings.
        more_wanted: The user wants a pane's further actions.
        stop_wanted: The user stops a pane.
        again_wanted: The user starts a pane again.
        copy_wanted: The user copies a pane's answer.
        prompt_wanted: The user wants to see what a pane's model received.
        export_wanted: The user takes a pane's configuration away.
    """

    model_wanted = Signal(str)
    settings_wanted = Signal(str)
    more_wanted = Signal(str)
    stop_wanted = Signal(str)
    again_wanted = Signal(str)
    copy_wanted = Signal(str)
    prompt_wanted = Signal(str)
    export_wanted = Signal(str)

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._panes: dict[str, ComparePane] = {}
        self._dividers: list[Divider] = []
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(0)

    @property
    def letters(self) -> tuple[str, ...]:
        """The panes that stand here."""
        return tuple(self._panes)

    def pane(self, letter: str) -> ComparePane | None:
        """One of them."""
        return self._panes.get(letter)

    def set_letters(self, letters: Sequence[str]) -> None:
        """Show these panes, in this order."""
        if tuple(letters) == self.letters:
            return
        for letter in [letter for letter in self._panes if letter not in letters]:
            self._discard(self._panes.pop(letter))
        while self._row.takeAt(0) is not None:
            pass
        for divider in self._dividers:
            self._discard(divider)
        self._dividers = []
        self._panes = {letter: self._panes.get(letter) or self._make(letter) for letter in letters}
        for number, pane in enumerate(self._panes.values()):
            if number:
                divider = Divider(self._theme, "border.default", vertical=True)
                self._dividers.append(divider)
                self._row.addWidget(divider)
            self._row.addWidget(pane, 1)
            pane.set_alone(len(letters) == 1)

    def _make(self, letter: str) -> ComparePane:
        pane = ComparePane(self._theme, letter)
        for source, target in (
            (pane.header.model_wanted, self.model_wanted),
            (pane.header.settings_wanted, self.settings_wanted),
            (pane.header.more_wanted, self.more_wanted),
            (pane.header.stop_wanted, self.stop_wanted),
            (pane.again_wanted, self.again_wanted),
            (pane.copy_wanted, self.copy_wanted),
            (pane.prompt_wanted, self.prompt_wanted),
            (pane.export_wanted, self.export_wanted),
        ):
            source.connect(_telling(target.emit, letter))
        return pane

    @staticmethod
    def _discard(widget: QWidget) -> None:
        widget.hide()
        widget.deleteLater()


def _telling(emit: Callable[[str], None], letter: str) -> Callable[[], None]:
    def tell() -> None:
        emit(letter)

    return tell
