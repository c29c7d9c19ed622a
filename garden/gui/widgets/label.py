"""Text in a type style of the look, with the style's own line height, elided or wrapped. Never rich text."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QTextLayout, QTextOption
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from garden.gui.theme.theme import ThemeController


class Label(QLabel):
    """Plain text. A line that must not grow its neighbours away is elided, a paragraph is wrapped.

    Args:
        theme: Where fonts and colours come from.
        text: What stands there.
        style: Step of the type scale.
        color: Token of the text.
        weight: Instead of the style's.
        size: Instead of the style's, logical pixels at 100 %.
        mono: The family of code.
        wrap: Break into lines instead of eliding.
        elide: Where a line that is too long is cut; None lets it take the room it needs.
        align: Left, right or centre.
        line: Line height instead of the style's, logical pixels at 100 %.
        max_width: Widest that a paragraph runs, logical pixels at 100 %.
        parent: Qt parent.
    """

    def __init__(
        self,
        theme: ThemeController,
        text: str = "",
        *,
        style: str = "body",
        color: str = "text.primary",
        weight: int | None = None,
        size: float | None = None,
        mono: bool = False,
        wrap: bool = False,
        elide: Qt.TextElideMode | None = None,
        align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
        line: float | None = None,
        max_width: float = 420,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._max_width = max_width
        self._controller = theme
        self._style = style
        self._color = color
        self._weight = weight
        self._size = size
        self._mono = mono
        self._elide = elide
        self._line = line
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAlignment(align | (Qt.AlignmentFlag.AlignTop if wrap else Qt.AlignmentFlag.AlignVCenter))
        self.setWordWrap(wrap)
        self.setText(text)
        self._take_font()
        policy = self.sizePolicy()
        if wrap:
            # A fixed height would clamp what a narrower layout needs.
            policy.setHeightForWidth(True)
            policy.setHorizontalPolicy(QSizePolicy.Policy.Preferred)
            policy.setVerticalPolicy(QSizePolicy.Policy.Preferred)
        else:
            policy.setVerticalPolicy(QSizePolicy.Policy.Fixed)
            if elide is not None:
                policy.setHorizontalPolicy(QSizePolicy.Policy.Maximum)
        self.setSizePolicy(policy)
        theme.changed.connect(self._on_theme_changed)

    def set_color(self, color: str) -> None:
        """Use another token for the text."""
        if color != self._color:
            self._color = color
            self.update()

    def line_height(self) -> int:
        """Height of one line."""
        theme = self._controller.theme
        return theme.px(self._line) if self._line is not None else theme.line(self._style)

    def sizeHint(self) -> QSize:
        """One line as wide as its text, or a paragraph of a readable width."""
        if self.wordWrap():
            width = min(self._text_width(), self._controller.theme.px(self._max_width))
            return QSize(math.ceil(width), self.heightForWidth(math.ceil(width)))
        return QSize(math.ceil(self._text_width()), self.line_height())

    def minimumSizeHint(self) -> QSize:
        """A line that may be elided shrinks to a few letters; any other keeps its width."""
        if self.wordWrap():
            return QSize(self._controller.theme.px(60), self.line_height())
        width = self.sizeHint().width()
        if self._elide is not None:
            width = min(width, self._controller.theme.px(24))
        return QSize(width, self.line_height())

    def hasHeightForWidth(self) -> bool:
        """A paragraph's height depends on its width."""
        return self.wordWrap()

    def heightForWidth(self, width: int) -> int:
        """Height of the wrapped text."""
        if not self.wordWrap():
            return self.line_height()
        layout = self._layout(min(width, self._controller.theme.px(self._max_width)))
        return max(1, layout.lineCount()) * self.line_height()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the text on the grid of its line height."""
        painter = QPainter(self)
        theme = self._controller.theme
        painter.setPen(theme.color(self._color if self.isEnabled() else "text.disabled"))
        painter.setFont(self.font())
        area = QRectF(self.contentsRect())
        if not self.wordWrap():
            text = self.text()
            if self._elide is not None:
                text = QFontMetricsF(self.font()).elidedText(text, self._elide, area.width() + 0.5)
            painter.drawText(area, int(self.alignment()), text)
            return
        width = min(self.contentsRect().width(), self._controller.theme.px(self._max_width))
        centred = bool(self.alignment() & Qt.AlignmentFlag.AlignHCenter)
        layout = self._balanced_layout(width) if centred else self._layout(width)
        line_height = self.line_height()
        left = area.left() + ((area.width() - layout.lineAt(0).width()) / 2 if centred else 0)
        spare = max(0.0, area.height() - layout.lineCount() * line_height)
        top = area.top() + (0 if self.alignment() & Qt.AlignmentFlag.AlignTop else spare / 2)
        for number in range(layout.lineCount()):
            line = layout.lineAt(number)
            shift = (line_height - line.height()) / 2
            line.draw(painter, QPointF(left, top + number * line_height + shift - line.y()))

    def _text_width(self) -> float:
        metrics = QFontMetricsF(self.font())
        return max((metrics.horizontalAdvance(part) for part in self.text().split("\n")), default=0.0)

    def _balanced_layout(self, width: float) -> QTextLayout:
        """The narrowest layout of no more lines, so that the last line of a centred text is no single word."""
        layout = self._layout(width)
        lines = layout.lineCount()
        low, high = width / max(1, lines), width
        while high - low > 4:
            middle = (low + high) / 2
            if self._layout(middle).lineCount() > lines:
                low = middle
            else:
                high = middle
        return self._layout(math.ceil(high))

    def _layout(self, width: float) -> QTextLayout:
        option = QTextOption(self.alignment())
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        layout = QTextLayout(self.text().replace("\n", "\u2028"), self.font())
        layout.setTextOption(option)
        layout.beginLayout()
        height = 0.0
        while (line := layout.createLine()).isValid():
            line.setLineWidth(max(1.0, width))
            line.setPosition(QPointF(0, height))
            height += line.height()
        layout.endLayout()
        return layout

    def _take_font(self) -> None:
        theme = self._controller.theme
        self.setFont(theme.font(self._style, weight=self._weight, size=self._size, mono=self._mono))

    @Slot()
    def _on_theme_changed(self) -> None:
        self._take_font()
        self.updateGeometry()
        self.update()
