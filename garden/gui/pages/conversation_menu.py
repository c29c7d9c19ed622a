"""The popover with the kept conversations: search, open, rename, delete, begin anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QRectF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from garden.core.conversation import ConversationSummary
from garden.gui.pages.row_list import RowList
from garden.gui.viewmodels.conversation_list import ConversationListModel, ConversationRole, describe
from garden.gui.viewmodels.wording import age
from garden.gui.widgets.button import Button
from garden.gui.widgets.card import Divider
from garden.gui.widgets.field import Field
from garden.gui.widgets.overlay import Popover
from garden.gui.widgets.row_delegate import Index, RowDelegate
from garden.gui.widgets.state_view import StateView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from garden.gui.theme.theme import ThemeController

_WIDTH = 380
_LIST_HEIGHT = 290
_SEARCH_DELAY_MS = 150


class _RowDelegate(RowDelegate):
    """Title and date; turns and models below."""

    def paint_content(self, painter: QPainter, rect: QRectF, index: Index, *, selected: bool) -> None:
        """Draw two lines."""
        row = index.data(ConversationRole.SUMMARY)
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


class ConversationMenu(Popover):
    """Opens below the title of the conversation at hand.

    Args:
        theme: Where colours come from.
        anchor: The title.

    Signals:
        search_changed: The user searches for these words.
        opened: The user opens a conversation (its id).
        renamed: A conversation got another title (id, title).
        delete_wanted: The user wants to delete a conversation (id, title).
        new_wanted: The user begins another conversation.
    """

    search_changed = Signal(str)
    opened = Signal(str)
    renamed = Signal(str, str)
    delete_wanted = Signal(str, str)
    new_wanted = Signal()

    def __init__(self, theme: ThemeController, anchor: QWidget) -> None:
        super().__init__(theme, anchor, name="conversations", width=_WIDTH)
        px = theme.theme.px
        self._renaming = ""
        self._search = Field(
            theme,
            "Search prompts and answers",
            name="conversations.search",
            label="Search conversations",
            icon="search",
        )
        self._new = Button(theme, "New", icon="plus", name="conversations.new")
        self._new.setAccessibleName("New conversation with the same models")
        self._model = ConversationListModel(self)
        self._list = RowList(theme, name="conversations.list", label="Conversations")
        self._list.setModel(self._model)
        self._list.setItemDelegate(_RowDelegate(theme, "row_library", self._list))
        self._list.setFixedHeight(px(_LIST_HEIGHT))
        self._none = StateView(theme, name="conversations.none")
        self._stack = QStackedWidget()
        self._stack.setStyleSheet("QStackedWidget { background: transparent; }")
        self._stack.addWidget(self._list)
        self._stack.addWidget(self._none)
        self._title = Field(theme, "Title", name="conversations.title", label="Title of the conversation")
        self._rename = Button(theme, "Rename", kind="ghost", small=True, name="conversations.rename")
        self._delete = Button(
            theme, "Delete", icon="trash", kind="danger_ghost", small=True, name="conversations.delete"
        )
        self._open = Button(theme, "Open", small=True, name="conversations.open")
        head = QHBoxLayout()
        head.setContentsMargins(px(12), px(12), px(12), px(10))
        head.setSpacing(px(8))
        head.addWidget(self._search, 1)
        head.addWidget(self._new)
        foot = QHBoxLayout()
        foot.setContentsMargins(px(8), px(8), px(12), px(8))
        foot.setSpacing(px(4))
        foot.addWidget(self._title, 1)
        foot.addWidget(self._rename)
        foot.addWidget(self._delete)
        foot.addStretch(1)
        foot.addWidget(self._open)
        column: QVBoxLayout = self.sheet.column
        column.addLayout(head)
        column.addWidget(Divider(theme))
        column.addWidget(self._stack)
        column.addWidget(Divider(theme))
        column.addLayout(foot)
        self._title.hide()
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.setInterval(_SEARCH_DELAY_MS)
        self._late.timeout.connect(lambda: self.search_changed.emit(self._search.text))
        self._search.edited.connect(self._late.start)
        self._search.entered.connect(self._on_open)
        self._new.clicked.connect(self._on_new)
        self._list.row_entered.connect(self._on_row_entered)
        self._list.clicked.connect(self._on_row_clicked)
        self._rename.clicked.connect(self._on_rename)
        self._title.entered.connect(self._on_rename)
        self._delete.clicked.connect(self._on_delete)
        self._open.clicked.connect(self._on_open)
        self._list.selectionModel().currentChanged.connect(self._on_current_changed)
        self.closed.connect(self.deleteLater)
        self.show_rows((), "", "")

    def show_rows(self, rows: Sequence[ConversationSummary], current_id: str, search: str) -> None:
        """List conversations, the one at hand selected."""
        chosen = self._chosen()
        self._model.set_rows(rows)
        row = max(0, self._model.row_of(chosen.id if chosen else current_id))
        if rows:
            self._list.setCurrentIndex(self._model.index(row))
        if not rows and search:
            self._none.show_state("search", f"Nothing contains “{search}”", "Titles, prompts and answers are searched.")
        elif not rows:
            self._none.show_state("compare", "No conversation yet", "Each one is kept as soon as it was answered.")
        self._stack.setCurrentWidget(self._list if rows else self._none)
        self._on_current_changed()

    def _chosen(self) -> ConversationSummary | None:
        row = self._list.currentIndex().data(ConversationRole.SUMMARY)
        return row if isinstance(row, ConversationSummary) else None

    @Slot()
    def _on_current_changed(self) -> None:
        usable = self._chosen() is not None
        for button in (self._rename, self._delete, self._open):
            button.set_usable(usable, "Choose a conversation first.")
        self._stop_renaming()

    @Slot()
    def _on_new(self) -> None:
        self.dismiss()
        self.new_wanted.emit()

    @Slot(QModelIndex)
    def _on_row_entered(self, _index: QModelIndex) -> None:
        self._on_open()

    @Slot(QModelIndex)
    def _on_row_clicked(self, _index: QModelIndex) -> None:
        self._list.setFocus()

    @Slot()
    def _on_open(self) -> None:
        chosen = self._chosen()
        if chosen is not None:
            self.dismiss()
            self.opened.emit(chosen.id)

    @Slot()
    def _on_rename(self) -> None:
        chosen = self._chosen()
        if chosen is None:
            return
        if not self._renaming:
            self._renaming = chosen.id
            self._title.set_text(chosen.title)
            self._title.show()
            self._delete.hide()
            self._open.hide()
            self._title.line.setFocus()
            self._title.line.selectAll()
            return
        title = self._title.text.strip()
        if title and title != chosen.title:
            self.renamed.emit(chosen.id, title)
        self._stop_renaming()
        self._list.setFocus()

    def _stop_renaming(self) -> None:
        self._renaming = ""
        self._title.hide()
        self._delete.show()
        self._open.show()

    @Slot()
    def _on_delete(self) -> None:
        chosen = self._chosen()
        if chosen is not None:
            self.dismiss()
            self.delete_wanted.emit(chosen.id, chosen.title)
