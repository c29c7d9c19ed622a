"""The popover with the kept conversations: search, open, rename, delete, begin anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

from garden.core.conversation import ConversationSummary
from garden.gui.pages.kept_popover import KeptPopover
from garden.gui.viewmodels.conversation_list import conversation_list, describe
from garden.gui.viewmodels.value_list import VALUE_ROLE
from garden.gui.viewmodels.wording import age
from garden.gui.widgets.button import Button
from garden.gui.widgets.field import Field
from garden.gui.widgets.row_delegate import Index, RowDelegate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from garden.gui.theme.theme import ThemeController

_LIST_HEIGHT = 290
_SEARCH_DELAY_MS = 150


class _RowDelegate(RowDelegate):
    """Title and date; turns and models below."""

    def paint_content(self, painter: QPainter, rect: QRectF, index: Index, *, selected: bool) -> None:
        """Draw two lines."""
        row = index.data(VALUE_ROLE)
        if not isinstance(row, ConversationSummary):
            return
        theme = self.look
        px = theme.px
        area = rect.adjusted(px(14), px(5), -px(14), -px(5))
        line = area.height() / 2
        small = theme.font("small")
        when = self.text(
            painter,
            QRectF(area.left(), area.top(), area.width(), line),
            age(row.updated_at),
            font=small,
            color="text.muted",
            align=Qt.AlignmentFlag.AlignRight,
        )
        title = QRectF(area.left(), area.top(), area.width() - when - px(10), line)
        self.text(painter, title, row.title, font=theme.font("body", weight=500), color="text.primary")
        below = QRectF(area.left(), area.top() + line, area.width(), line)
        self.text(painter, below, describe(row), font=small, color="text.muted")


class ConversationMenu(KeptPopover):
    """Opens below the title of the conversation at hand; what it hands out are summaries.

    Args:
        theme: Where colours come from.
        anchor: The title.

    Signals:
        search_changed: The user searches for these words.
        new_wanted: The user begins another conversation.
    """

    search_changed = Signal(str)
    new_wanted = Signal()

    def __init__(self, theme: ThemeController, anchor: QWidget) -> None:
        search = Field(
            theme,
            "Search prompts and answers",
            name="conversations.search",
            label="Search conversations",
            icon="search",
        )
        new = Button(theme, "New", icon="plus", name="conversations.new")
        new.setAccessibleName("New conversation with the same models")
        rows = conversation_list()
        super().__init__(
            theme,
            anchor,
            name="conversations",
            head=(search, new),
            rows=rows,
            delegate=_RowDelegate,
            list_height=_LIST_HEIGHT,
            label="Conversations",
            title=("Title", "Title of the conversation"),
            choose_first="Choose a conversation first.",
        )
        self._rows = rows
        self._search = search
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.setInterval(_SEARCH_DELAY_MS)
        self._late.timeout.connect(self._on_search_settled)
        search.edited.connect(self._late.start)
        search.entered.connect(self._on_open)
        new.clicked.connect(self._on_new)
        self.show_rows((), "", "")

    def show_rows(self, rows: Sequence[ConversationSummary], current_id: str, search: str) -> None:
        """List conversations, the one at hand selected."""
        chosen = self.chosen
        self._rows.set_rows(rows)
        if search:
            self._none.show_state("search", f"Nothing contains “{search}”", "Titles, prompts and answers are searched.")
        else:
            self._none.show_state("compare", "No conversation yet", "Each one is kept as soon as it was answered.")
        wanted = chosen.id if isinstance(chosen, ConversationSummary) else current_id
        self.choose(next((number for number, row in enumerate(rows) if row.id == wanted), 0))

    @Slot()
    def _on_search_settled(self) -> None:
        self.search_changed.emit(self._search.text)

    @Slot()
    def _on_new(self) -> None:
        self.dismiss()
        self.new_wanted.emit()
