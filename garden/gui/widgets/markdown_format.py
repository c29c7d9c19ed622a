"""Gives Markdown that Qt has read the type, colours and spacing of the look."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from PySide6.QtGui import (
    QBrush,
    QFont,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFrame,
    QTextFrameFormat,
    QTextTable,
)

from garden.gui.theme.theme import Theme

#: Markdown as GitHub reads it, but no HTML: Qt would drop what stands in angle brackets.
FEATURES = QTextDocument.MarkdownFeature.MarkdownDialectGitHub | QTextDocument.MarkdownFeature.MarkdownNoHTML

_LINE_FIXED = QTextBlockFormat.LineHeightTypes.FixedHeight.value
_LINE_MINIMUM = QTextBlockFormat.LineHeightTypes.MinimumHeight.value

#: Number of the code block that a line belongs to. Code is a run of plain blocks, not a table or a frame: Qt lays those
#: out as a whole for every letter that is added.
CODE_PROPERTY = QTextFormat.Property.UserProperty.value + 1

#: Room inside the area of a code block, and between it and what stands around it.
CODE_PADDING = 8
CODE_GAP = 8

_HEADINGS = {1: (18.0, 26), 2: (15.0, 24), 3: (14.0, 22)}


def is_web_link(address: str) -> bool:
    """Whether a link goes to the web and nowhere else."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme.lower() in ("http", "https") and bool(parts.hostname)


class MarkdownFormatter:
    """Reads Markdown and code into documents with the formats of a theme.

    Args:
        theme: Type and colours.
        style: Step of the type scale for running text.
        color: Token of running text.
    """

    def __init__(self, theme: Theme, style: str = "answer", color: str = "text.primary") -> None:
        self._theme = theme
        self._style = style
        self._color = color
        self._line = theme.line(style)
        self._code_font = theme.font("code")

    def body_format(self) -> QTextCharFormat:
        """Running text."""
        return self._char_format(self._theme.font(self._style), self._color)

    def code_format(self, color: str = "text.primary") -> QTextCharFormat:
        """Text of a code block."""
        return self._char_format(self._code_font, color)

    def code_line(self, number: int, *, top: int = 0, bottom: int = 0) -> QTextBlockFormat:
        """A line of a code block.

        Args:
            number: Of the code block in its document, from 1.
            top: Margin above, logical pixels at 100 %; for the first line.
            bottom: Margin below; for the last line.
        """
        block = QTextBlockFormat()
        block.setProperty(CODE_PROPERTY, number)
        block.setLineHeight(self._theme.line("code"), _LINE_FIXED)
        block.setLeftMargin(self._theme.px(10))
        block.setRightMargin(self._theme.px(10))
        block.setTopMargin(self._theme.px(top))
        block.setBottomMargin(self._theme.px(bottom))
        return block

    def document(self, markdown: str, *, continues: bool = False) -> QTextDocument:
        """Read prose. A first paragraph of one letter is put before it; whoever inserts the document takes it out.

        Qt gives the first block that is inserted the format of the place it comes to; the letter bears that.

        Args:
            markdown: The prose.
            continues: It ends inside a list, so what follows stands close.
        """
        document = QTextDocument()
        document.setUndoRedoEnabled(False)
        document.setDefaultFont(self._theme.font(self._style))
        document.setMarkdown(f"x\n\n{markdown}", FEATURES)
        cursor = QTextCursor(document)
        # As one edit: else a block of thousands of links is laid out anew for each of them.
        cursor.beginEditBlock()
        block = document.begin()
        while block.isValid():
            self._format_block(cursor, block, continues=continues)
            block = block.next()
        for table in _tables(document.rootFrame()):
            self._format_table(table)
        cursor.endEditBlock()
        return document

    def _format_block(self, cursor: QTextCursor, block: QTextBlock, *, continues: bool) -> None:
        given = block.blockFormat()
        level = given.headingLevel()
        quoted = given.property(QTextFormat.Property.BlockQuoteLevel)
        in_list = block.textList() is not None
        size, line = _HEADINGS.get(level, (None, None)) if level else (None, None)
        line_height = self._theme.px(line) if line else self._line
        given.setLineHeight(line_height, _LINE_MINIMUM if _has_tall_letters(block) else _LINE_FIXED)
        given.setTopMargin(self._theme.px(8) if level else 0)
        following = block.next()
        goes_on = in_list and (following.textList() is not None if following.isValid() else continues)
        given.setBottomMargin(self._theme.px(3 if goes_on else 4 if level else 8))
        if quoted:
            given.setLeftMargin(self._theme.px(14) * int(quoted))
        cursor.setPosition(block.position())
        cursor.setBlockFormat(given)
        color = "text.secondary" if quoted else self._color
        for start, length, fmt in _fragments(block):
            new = self._fragment_format(fmt, color, size, heading=bool(level))
            cursor.setPosition(start)
            cursor.setPosition(start + length, QTextCursor.MoveMode.KeepAnchor)
            if fmt.isImageFormat():
                # Nothing is fetched for an answer or a card; what the picture is said to show stands for it.
                told = fmt.property(QTextFormat.Property.ImageAltText) or fmt.toImageFormat().name()
                cursor.insertText(f"[{told}]", new)
            else:
                cursor.setCharFormat(new)

    def _fragment_format(
        self, given: QTextCharFormat, color: str, size: float | None, *, heading: bool
    ) -> QTextCharFormat:
        theme = self._theme
        if given.fontFixedPitch():
            return self._char_format(theme.font("code", size=12 if not heading else size), color)
        bold = heading or given.fontWeight() > QFont.Weight.Normal
        font = theme.font(self._style, size=size, weight=600 if bold else None, italic=given.fontItalic())
        font.setStrikeOut(given.fontStrikeOut())
        link = given.anchorHref() if given.isAnchor() else ""
        if not is_web_link(link):
            return self._char_format(font, color)
        new = self._char_format(font, "text.link")
        new.setAnchor(True)
        new.setAnchorHref(link)
        new.setFontUnderline(True)
        return new

    def _format_table(self, table: QTextTable) -> None:
        fmt = table.format()
        fmt.setBorder(1)
        fmt.setBorderCollapse(True)
        fmt.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        fmt.setBorderBrush(QBrush(self._theme.color("border.default")))
        fmt.setCellPadding(self._theme.px(5))
        fmt.setCellSpacing(0)
        fmt.setBottomMargin(self._theme.px(8))
        table.setFormat(fmt)
        for row in range(table.rows()):
            for column in range(table.columns()):
                cursor = table.cellAt(row, column).firstCursorPosition()
                block = cursor.blockFormat()
                block.setBottomMargin(0)
                block.setTopMargin(0)
                cursor.setBlockFormat(block)

    def _char_format(self, font: QFont, color: str) -> QTextCharFormat:
        fmt = QTextCharFormat()
        fmt.setFont(font)
        fmt.setForeground(QBrush(self._theme.color(color)))
        return fmt


def _has_tall_letters(block: QTextBlock) -> bool:
    """Scripts with marks above and below need more than the line of Latin text."""
    return any(ord(letter) > 0x2FFF or 0x0900 <= ord(letter) <= 0x1FFF for letter in block.text())


def _fragments(block: QTextBlock) -> list[tuple[int, int, QTextCharFormat]]:
    """Position, length and format of the pieces of a block, the last first: editing one does not move the others."""
    pieces = []
    iterator = block.begin()
    while not iterator.atEnd():
        fragment = iterator.fragment()
        pieces.append((fragment.position(), fragment.length(), fragment.charFormat()))
        iterator += 1
    return pieces[::-1]


def _tables(frame: QTextFrame) -> Iterator[QTextTable]:
    for child in frame.childFrames():
        if isinstance(child, QTextTable):
            yield child
        yield from _tables(child)
