"""An answer as it streams: Markdown shown block by block, with nothing in it that can reach out.

No HTML, no pictures, no files: ``loadResource`` hands out nothing whatever is asked, and only links to the web can be
followed, by a click.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QRectF, QSize, Qt, QUrl, Slot
from PySide6.QtGui import (
    QDesktopServices,
    QPainter,
    QPaintEvent,
    QPen,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocumentFragment,
    QTextFormat,
)
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser, QWidget

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.code_painter import CodePainter
from garden.gui.widgets.markdown_blocks import Block, BlockSplitter
from garden.gui.widgets.markdown_format import (
    CODE_GAP,
    CODE_PADDING,
    CODE_PROPERTY,
    MarkdownFormatter,
    is_web_link,
)
from garden.gui.widgets.no_resource import nothing_to_load

#: More than this is shown plain: nobody reads it, and laying it out would hold up the window.
_LONGEST = 2_000_000
#: A paragraph longer than this is drawn anew only when it has grown by one part in so many.
_LONG_TAIL = 3_000
_LONG_TAIL_STEPS = 12


def open_in_browser(address: str) -> None:
    """Hand a link to the desktop's browser."""
    QDesktopServices.openUrl(QUrl(address))


class MarkdownView(QTextBrowser):
    """Shows Markdown, whole or growing.

    Args:
        theme: Type and colours.
        name: objectName.
        label: Accessible name.
        style: Step of the type scale for running text.
        open_link: Called with the address of a link to the web that was clicked.
        parent: Qt parent.
    """

    def __init__(
        self,
        theme: ThemeController,
        *,
        name: str = "",
        label: str = "",
        style: str = "answer",
        open_link: Callable[[str], None] = open_in_browser,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._controller = theme
        self._style = style
        self._open_link = open_link
        self._text: list[str] = []
        self._length = 0
        self._splitter = BlockSplitter()
        self._formatter = MarkdownFormatter(theme.theme, style)
        self._tail = 0
        self._shown_tail = 0
        self._code_count = 0
        self._code_top = 0
        self._open_code: tuple[int, str] | None = None
        self._painter = CodePainter(self.document(), self._code_format, self)
        self._streaming = False
        self.setObjectName(name)
        self.setAccessibleName(label)
        self.setOpenLinks(False)
        self.setOpenExternalLinks(False)
        self.setUndoRedoEnabled(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.viewport().setAutoFillBackground(False)
        self.setStyleSheet("QTextBrowser { background: transparent; }")
        self.document().setDocumentMargin(0)
        self._set_margins()
        self.verticalScrollBar().rangeChanged.connect(self._on_range_changed)
        self.anchorClicked.connect(self._on_anchor_clicked)
        self.highlighted.connect(self._on_highlighted)
        theme.changed.connect(self._on_theme_changed)
        self.clear_text()

    @property
    def coloured(self) -> bool:
        """Whether every finished code block has its colours."""
        return self._painter.idle

    @property
    def text(self) -> str:
        """The Markdown that was given so far."""
        return "".join(self._text)

    def set_text(self, text: str) -> None:
        """Show a whole text."""
        self.clear_text()
        self.append(text)
        self.finish()

    def clear_text(self) -> None:
        """Show nothing."""
        self._text, self._length = [], 0
        self._splitter = BlockSplitter()
        self._formatter = MarkdownFormatter(self._controller.theme, self._style)
        self._open_code = None
        self._code_count = 0
        self._shown_tail = 0
        self._painter.forget()
        self.document().clear()
        self.document().setDefaultFont(self._controller.theme.font(self._style))
        self.document().setIndentWidth(self._controller.theme.px(20))
        # Room above the first line, where an area of code that begins the text is drawn.
        frame = self.document().rootFrame().frameFormat()
        frame.setTopMargin(self._controller.theme.px(CODE_PADDING))
        self.document().rootFrame().setFrameFormat(frame)
        self._tail = 0

    def set_streaming(self, streaming: bool) -> None:
        """Show a caret at the end while text is coming."""
        if streaming != self._streaming:
            self._streaming = streaming
            self.viewport().update()

    def append(self, text: str) -> None:
        """Add text at the end; the view follows it only if its end was in sight."""
        if not text or self._length > _LONGEST:
            return
        self._text.append(text)
        self._length += len(text)
        bar = self.verticalScrollBar()
        follows = bar.value() >= bar.maximum() - 4
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        for block in self._splitter.feed(text):
            self._commit(cursor, block)
        self._show_growing(cursor)
        cursor.endEditBlock()
        if follows:
            bar.setValue(bar.maximum())

    def finish(self) -> None:
        """No more text will come."""
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        for block in self._splitter.finish():
            self._commit(cursor, block)
        self._drop_tail(cursor)
        cursor.endEditBlock()
        self.set_streaming(False)

    def loadResource(self, _kind: int, _name: QUrl | str) -> object:
        """Nothing is ever loaded: no picture, no file, no page."""
        return nothing_to_load()

    def sizeHint(self) -> QSize:
        """Takes the room it gets."""
        return QSize(self._controller.theme.px(300), self._controller.theme.px(200))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the areas of code and the bars of quotes below the text, the caret above it."""
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shift = -float(self.verticalScrollBar().value())
        visible = QRectF(self.viewport().rect())
        self._paint_blocks(painter, shift, visible)
        painter.end()
        super().paintEvent(event)
        if self._streaming:
            self._paint_caret()

    def _paint_blocks(self, painter: QPainter, shift: float, visible: QRectF) -> None:
        theme = self._controller.theme
        layout = self.document().documentLayout()
        padding = theme.px(CODE_PADDING)
        block = self.cursorForPosition(self.viewport().rect().topLeft()).block()
        while block.isValid():
            top = layout.blockBoundingRect(block).top() + shift
            if top > visible.bottom() + padding:
                return
            code = _code_number(block)
            if code:
                # Where lines of it lie above the view, the area begins out of sight.
                upper = visible.top() - 20 if _code_number(block.previous()) == code else top - padding
                while _code_number(block.next()) == code and top < visible.bottom():
                    block = block.next()
                    top = layout.blockBoundingRect(block).top() + shift
                lower = top + _block_height(block, theme.line("code")) + padding
                painter.setBrush(theme.color("bg.code"))
                painter.setPen(QPen(theme.color("border.subtle"), 1))
                area = QRectF(0, upper, visible.width(), lower - upper)
                painter.drawRoundedRect(area.adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
            elif block.blockFormat().property(QTextFormat.Property.BlockQuoteLevel):
                height = _block_height(block, theme.line(self._style))
                painter.fillRect(QRectF(0, top, 3, height), theme.color("border.strong"))
            block = block.next()

    def _paint_caret(self) -> None:
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        place = QRectF(self.cursorRect(cursor))
        theme = self._controller.theme
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("text.primary"))
        height = theme.px(14)
        painter.drawRoundedRect(QRectF(place.left() + 1, place.center().y() - height / 2, theme.px(7), height), 1, 1)

    # Blocks into the document. Its end, from ``_tail`` on, is what still grows.

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
        if cursor.block().length() > 1 or _code_number(cursor.block()):
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
        gap = 0 if not before.isValid() else CODE_PADDING + CODE_GAP if _code_number(before) else CODE_GAP
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

    def _set_margins(self) -> None:
        """The text is as wide with a scroll bar as without, so that it does not move when one appears."""
        px = self._controller.theme.px
        bar = self._controller.theme.size("scrollbar") if self.verticalScrollBar().maximum() > 0 else 0
        self.setViewportMargins(px(14), px(6), px(14) - bar, 0)

    @Slot(int, int)
    def _on_range_changed(self, _low: int, _high: int) -> None:
        self._set_margins()

    @Slot(QUrl)
    def _on_anchor_clicked(self, url: QUrl) -> None:
        address = url.toString()
        if is_web_link(address):
            self._open_link(address)

    @Slot(QUrl)
    def _on_highlighted(self, url: QUrl) -> None:
        """Say where a link leads before it is clicked."""
        self.viewport().setToolTip(url.toString() if is_web_link(url.toString()) else "")

    @Slot()
    def _on_theme_changed(self) -> None:
        text, streaming = self.text, self._streaming
        self._set_margins()
        self.clear_text()
        self.append(text)
        if not streaming:
            self.finish()


def _block_height(block: QTextBlock, line: int) -> float:
    """Height of a block whose lines are of a fixed height, which Qt's own rectangle does not count."""
    return float(max(1, block.layout().lineCount()) * line)


def _code_number(block: QTextBlock) -> int:
    """Number of the code block that a line belongs to, 0 for none."""
    return int(block.blockFormat().property(CODE_PROPERTY) or 0) if block.isValid() else 0


def _units(text: str) -> int:
    """Length of a text as a document counts it: letters outside the basic plane are two."""
    return len(text.encode("utf-16-le")) // 2


def _common_length(one: str, other: str) -> int:
    """How many letters two texts share at their start."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((number for number, (left, right) in pairs if left != right), min(len(one), len(other)))
