"""A model card: Markdown that strangers wrote, shown without letting it read a file, load an image or run a link."""

from __future__ import annotations

import re
from collections.abc import Callable

from PySide6.QtCore import QUrl, Signal, Slot
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QStackedWidget, QTextBrowser, QWidget

from garden.core.errors import GardenError, NotFoundError
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.no_resource import nothing_to_load
from garden.gui.widgets.skeleton import Skeleton
from garden.gui.widgets.state_view import StateView

#: Metadata between two lines of dashes at the top of a card.
_FRONT_MATTER = re.compile(r"\A\s*---\r?\n.*?\r?\n---\r?\n", re.DOTALL)

#: Longer cards are cut: Qt lays out about 2 MB of Markdown a second.
_MOST_CHARACTERS = 256 * 1024


class CardBrowser(QTextBrowser):
    """Shows Markdown; nothing is loaded and no link is followed by itself.

    Signals:
        link_opened: A link to a web page was clicked.
    """

    link_opened = Signal(str)

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = theme
        self._markdown = ""
        self.setObjectName("card")
        self.setAccessibleName("Model card")
        self.setFrameShape(QTextBrowser.Shape.NoFrame)
        self.setOpenLinks(False)
        self.setOpenExternalLinks(False)
        self.setUndoRedoEnabled(False)
        self.anchorClicked.connect(self._on_anchor_clicked)
        self.highlighted.connect(self._on_highlighted)
        theme.changed.connect(self._show)

    def show_markdown(self, text: str) -> None:
        """Show a card; its metadata is left out."""
        self._markdown = _FRONT_MATTER.sub("", text, count=1)
        if len(self._markdown) > _MOST_CHARACTERS:
            self._markdown = self._markdown[:_MOST_CHARACTERS] + "\n\n*The card goes on; open its page to read all.*"
        self._show()

    def loadResource(self, _kind: int, _name: QUrl | str) -> object:
        """Nothing is ever loaded: not from the disk, not from the network."""
        # Something has to be handed out: Qt itself reads the file when it gets nothing, or an empty QByteArray.
        return nothing_to_load()

    @Slot()
    def _show(self) -> None:
        theme = self._controller.theme
        document = self.document()
        document.setDocumentMargin(theme.px(20))
        document.setDefaultFont(theme.font("answer"))
        # HTML inside the Markdown stays text: it could name files.
        features = QTextDocument.MarkdownFeature.MarkdownDialectGitHub | QTextDocument.MarkdownFeature.MarkdownNoHTML
        document.setMarkdown(self._markdown, features)

    @Slot(QUrl)
    def _on_anchor_clicked(self, address: QUrl) -> None:
        if address.scheme() in ("http", "https") and address.host():
            self.link_opened.emit(address.toString())

    @Slot(QUrl)
    def _on_highlighted(self, address: QUrl) -> None:
        """Say where a link leads before it is clicked."""
        web = address.scheme() in ("http", "https") and bool(address.host())
        self.setToolTip(f"Opens {address.host()} in the browser" if web else "")


class CardView(QStackedWidget):
    """The card, or why there is none.

    Signals:
        link_opened: A link to a web page was clicked.
    """

    link_opened = Signal(str)

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._browser = CardBrowser(theme)
        self._browser.link_opened.connect(self.link_opened)
        self._loading = Skeleton(theme, 46)
        self._state = StateView(theme, name="card.state")
        for page in (self._loading, self._browser, self._state):
            self.addWidget(page)

    def clear(self) -> None:
        """Forget the card of another repository."""
        self._browser.show_markdown("")
        self.setCurrentWidget(self._loading)

    def show_loading(self) -> None:
        """The card is on its way."""
        self.setCurrentWidget(self._loading)

    def show_card(self, text: str) -> None:
        """Show a card."""
        self._browser.show_markdown(text)
        self.setCurrentWidget(self._browser)

    def show_problem(self, error: GardenError, retry: Callable[[], None]) -> None:
        """Say why there is no card."""
        if isinstance(error, NotFoundError):
            self._state.show_state("info", "No card", "The publisher has not written one.")
        else:
            self._state.show_error(error, retry)
        self.setCurrentWidget(self._state)
