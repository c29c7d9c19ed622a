"""A model card: Markdown that strangers wrote, shown without letting it read a file, load an image or run a link."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from garden.core.errors import GardenError, NotFoundError
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.markdown_view import MarkdownView
from garden.gui.widgets.skeleton import Skeleton
from garden.gui.widgets.state_view import StateView
from garden.services.model_card import readable_card


class CardView(QStackedWidget):
    """The card, or why there is none.

    Signals:
        link_opened: A link to a web page was clicked.
    """

    link_opened = Signal(str)

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = MarkdownView(theme, name="card", label="Model card", open_link=self.link_opened.emit)
        around = QWidget()
        column = QVBoxLayout(around)
        px = theme.theme.px
        column.setContentsMargins(px(6), px(8), 0, 0)
        column.addWidget(self._text)
        self._card = around
        self._loading = Skeleton(theme, 46)
        self._state = StateView(theme, name="card.state")
        for page in (self._loading, around, self._state):
            self.addWidget(page)

    def clear(self) -> None:
        """Forget the card of another repository."""
        self._text.clear_text()
        self.setCurrentWidget(self._loading)

    def show_loading(self) -> None:
        """The card is on its way."""
        self.setCurrentWidget(self._loading)

    def show_card(self, text: str, license_id: str | None = None) -> None:
        """Show a card from its beginning: licence and purpose on top, its metadata left out."""
        self._text.set_text(readable_card(text, license_id))
        self.setCurrentWidget(self._card)
        self._text.verticalScrollBar().setValue(0)

    def show_problem(self, error: GardenError, retry: Callable[[], None]) -> None:
        """Say why there is no card."""
        if isinstance(error, NotFoundError):
            self._state.show_state("info", "No card", "The publisher has not written one.")
        else:
            self._state.show_error(error, retry)
        self.setCurrentWidget(self._state)
