"""An answer as it streams: Markdown shown block by block, with nothing in it that can reach out.

No HTML, no pictures, no files: ``loadResource`` hands out nothing whatever is asked, and only links to the web can be
followed, by a click.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QRectF, QSize, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QPainter, QPaintEvent, QPen, QTextBlock, QTextCursor, QTextFormat
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser, QWidget

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.markdown_format import CODE_PADDING, is_web_link
from garden.gui.widgets.markdown_writer import MarkdownWriter, code_number
from garden.gui.widgets.no_resource import nothing_to_load

#: More than this is shown plain: nobody reads it, and laying it out would hold up the window.
_LONGEST = 2_000_000


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
        self._writer = MarkdownWriter(self.document(), theme.theme, style, self)
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
        return self._writer.coloured

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
        self._writer.clear(self._controller.theme)
        self.document().setDefaultFont(self._controller.theme.font(self._style))
        self.document().setIndentWidth(self._controller.theme.px(20))
        # Room above the first line, where an area of code that begins the text is drawn.
        frame = self.document().rootFrame().frameFormat()
        frame.setTopMargin(self._controller.theme.px(CODE_PADDING))
        self.document().rootFrame().setFrameFormat(frame)

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
        self._writer.append(text)
        if follows:
            bar.setValue(bar.maximum())

    def finish(self) -> None:
        """No more text will come."""
        self._writer.finish()
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
            code = code_number(block)
            if code:
                # Where lines of it lie above the view, the area begins out of sight.
                upper = visible.top() - 20 if code_number(block.previous()) == code else top - padding
                while code_number(block.next()) == code and top < visible.bottom():
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
