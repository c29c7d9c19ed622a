"""Blocks of Markdown into a document, finished ones once and the growing one again and again."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtGui import (
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextDocumentFragment,
)

from garden.gui.theme.theme import Theme
from garden.gui.widgets.code_painter import CodePainter
from garden.gui.widgets.markdown_blocks import Block, BlockSplitter
from garden.gui.widgets.markdown_format import CODE_GAP, CODE_PADDING, CODE_PROPERTY, MarkdownFormatter

#: A paragraph longer than this is drawn anew only when it has grown by one part in so many.
_LONG_TAIL = 3_000
_LONG_TAIL_STEPS = 12


class MarkdownWriter:
    """Writes a text that grows at its end into a document.

    The document's end, from ``_tail`` on, is what still grows: it is taken out and written anew; code grows in place.

    Args:
        document: Where to.
        theme: Type and colours.
        style: Step of the type scale for running text.
        parent: Owner of the timers that colour code.
    """

    def __init__(self, document: QTextDocument, theme: Theme, style: str, parent: QObject) -> None:
        self._document = document
        self._style = style
        self._painter = CodePainter(document, self._code_format, parent)
        self._start(theme)

    def _start(self, theme: Theme) -> None:
        self._splitter = BlockSplitter()
        self._formatter = MarkdownFormatter(theme, self._style)
        self._tail = 0
        self._shown_tail = 0
        self._code_count = 0
        self._code_top = 0
        self._open_code: tuple[int, str] | None = None

    @property
    def coloured(self) -> bool:
        """Whether every finished code block has its colours."""
        return self._painter.idle

    def clear(self, theme: Theme) -> None:
        """Begin an empty document, in the type and colours of a theme."""
        self._painter.forget()
        self._document.clear()
        self._start(theme)

    def append(self, text: str) -> None:
        """Add text at the end."""
        cursor = QTextCursor(self._document)
        cursor.beginEditBlock()
        for block in self._splitter.feed(text):
            self._commit(cursor, block)
        self._show_growing(cursor)
        cursor.endEditBlock()

    def finish(self) -> None:
        """No more text will come."""
        cursor = QTextCursor(self._document)
        cursor.beginEditBlock()
        for block in self._splitter.finish():
            self._commit(cursor, block)
        self._drop_tail(cursor)
        cursor.endEditBlock()

    def _commit(self, cursor: QTextCursor, block: Block) -> None:
        if block.kind == "code":
            if self._open_code is None:
                self._start_code(cursor)
            self._close_code(cursor, block)
            return
        self._drop_tail(cursor)
        self._insert_prose(cursor, block.text, continues=block.continues)
        self._move_tail(cursor)

    def _show_growing(self, cursor: QTextCursor) -> None:
        growing = self._splitter.growing
        if growing is not None and growing.kind == "code":
            if self._open_code is None:
                self._start_code(cursor)
            self._grow_code(cursor, growing.text)
            return
        length = len(growing.text) if growing is not None else 0
        if length > _LONG_TAIL and 0 <= length - self._shown_tail < length / _LONG_TAIL_STEPS:
            # A paragraph without end is shown in larger and larger steps, so that it costs no more than others.
            return
        self._drop_tail(cursor)
        if growing is not None:
            self._insert_prose(cursor, growing.text)
        self._shown_tail = length

    def _drop_tail(self, cursor: QTextCursor) -> None:
        self._shown_tail = 0
        cursor.setPosition(self._tail)
        before = cursor.blockFormat()
        cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        if cursor.hasSelection():
            cursor.removeSelectedText()
            if before.property(CODE_PROPERTY):
                # An empty line takes over the format of what is removed after it.
                cursor.setBlockFormat(before)

    def _insert_prose(self, cursor: QTextCursor, markdown: str, *, continues: bool = False) -> None:
        """Insert at the tail, in blocks of its own."""
        self._to_fresh_block(cursor)
        start = cursor.position()
        cursor.insertFragment(QTextDocumentFragment(self._formatter.document(markdown, continues=continues)))
        # The letter that was put before the text took the format of this place; out with it, and with its block.
        cursor.setPosition(start)
        cursor.deleteChar()
        following = cursor.block().next()
        probe = QTextCursor(following) if following.isValid() else None
        if probe is not None and probe.currentTable() is None:
            cursor.deleteChar()
        cursor.movePosition(QTextCursor.MoveOperation.End)

    def _to_fresh_block(self, cursor: QTextCursor) -> None:
        """Go to an empty block at the end, one that bears nothing of what stood there."""
        cursor.movePosition(QTextCursor.MoveOperation.End)
        if cursor.block().length() > 1 or code_number(cursor.block()):
            cursor.insertBlock(QTextBlockFormat(), self._formatter.body_format())
            return
        items = cursor.block().textList()
        if items is not None:
            items.remove(cursor.block())
        cursor.setBlockFormat(QTextBlockFormat())

    def _start_code(self, cursor: QTextCursor) -> None:
        self._drop_tail(cursor)
        self._to_fresh_block(cursor)
        self._code_count += 1
        before = cursor.block().previous()
        # Margins of neighbours do not add up: the larger one counts.
        gap = 0 if not before.isValid() else CODE_PADDING + CODE_GAP if code_number(before) else CODE_GAP
        self._code_top = gap + CODE_PADDING
        line = self._formatter.code_line(self._code_count, top=self._code_top, bottom=CODE_PADDING + CODE_GAP)
        cursor.setBlockFormat(line)
        cursor.setBlockCharFormat(self._formatter.code_format())
        self._open_code = (cursor.position(), "")
        self._move_tail(cursor)

    def _grow_code(self, cursor: QTextCursor, code: str) -> None:
        assert self._open_code is not None
        start, shown = self._open_code
        if not code.startswith(shown):
            # The last, unfinished line turned out to be something else.
            shown = shown[: _common_length(code, shown)]
            cursor.setPosition(start + _units(shown))
            cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
            cursor.removeSelectedText()
            top = self._code_top if cursor.block().position() == start else 0
            cursor.setBlockFormat(self._formatter.code_line(self._code_count, top=top, bottom=CODE_PADDING + CODE_GAP))
        cursor.movePosition(QTextCursor.MoveOperation.End)
        added = code[len(shown) :]
        if "\n" in added:
            self._insert_lines(cursor, added)
        else:
            cursor.insertText(added, self._formatter.code_format())
        self._open_code = (start, code)
        self._move_tail(cursor)

    def _insert_lines(self, cursor: QTextCursor, text: str) -> None:
        """Insert lines; the margin below the code moves on to the last one."""
        number, bottom = self._code_count, CODE_PADDING + CODE_GAP
        here = cursor.blockFormat()
        here.setBottomMargin(0)
        cursor.setBlockFormat(here)
        first, _, rest = text.partition("\n")
        cursor.insertText(first, self._formatter.code_format())
        cursor.insertBlock(self._formatter.code_line(number), self._formatter.code_format())
        cursor.insertText(rest, self._formatter.code_format())
        cursor.setBlockFormat(self._formatter.code_line(number, bottom=bottom))

    def _close_code(self, cursor: QTextCursor, block: Block) -> None:
        """The fence is closed: the code is whole, and is read and coloured once."""
        assert self._open_code is not None
        self._grow_code(cursor, block.text)
        start, _shown = self._open_code
        self._open_code = None
        self._painter.paint(start, block.text, block.language)

    def _move_tail(self, cursor: QTextCursor) -> None:
        cursor.movePosition(QTextCursor.MoveOperation.End)
        self._tail = cursor.position()

    def _code_format(self, color: str) -> QTextCharFormat:
        return self._formatter.code_format(color)


def code_number(block: QTextBlock) -> int:
    """Number of the code block that a line belongs to, 0 for none."""
    return int(block.blockFormat().property(CODE_PROPERTY) or 0) if block.isValid() else 0


def _units(text: str) -> int:
    """Length of a text as a document counts it: letters outside the basic plane are two."""
    return len(text.encode("utf-16-le")) // 2


def _common_length(one: str, other: str) -> int:
    """How many letters two texts share at their start."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((number for number, (left, right) in pairs if left != right), min(len(one), len(other)))
