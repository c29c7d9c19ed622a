"""Colours the code of a document little by little: reading it at once would hold up the window."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtGui import QTextCharFormat, QTextDocument, QTextLayout

from garden.gui.widgets.code_colours import color_pieces, language_ready

#: So long at most per turn of the event loop.
_BUDGET_SECONDS = 0.004

#: Between two looks whether the rules of a language are there.
_WAIT_MS = 15


class _Job:
    """One code block whose lines get their colours."""

    def __init__(self, position: int, language: str, pieces: Iterator[tuple[str, str]]) -> None:
        self.position = position
        self.language = language
        self.pieces = pieces
        self.ranges: list[QTextLayout.FormatRange] = []


class CodePainter(QObject):
    """Sets formats of lines beside the document, as Qt's own highlighter does, so that the text is not touched.

    Args:
        document: Whose lines.
        format_of: Format for a token of the theme.
        parent: Qt parent.
    """

    def __init__(
        self, document: QTextDocument, format_of: Callable[[str], QTextCharFormat], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._document = document
        self._format_of = format_of
        self._jobs: deque[_Job] = deque()
        self._formats: dict[str, QTextCharFormat] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._go_on)

    @property
    def idle(self) -> bool:
        """Whether every line has its colours."""
        return not self._jobs

    def paint(self, position: int, code: str, language: str) -> None:
        """Colour a code block that will not change any more; begins now, goes on when the window has time.

        Args:
            position: Of its first letter in the document.
            code: Its text.
            language: What its fence named.
        """
        self._jobs.append(_Job(position, language, color_pieces(code, language)))
        self._go_on()

    def forget(self) -> None:
        """The document was emptied, or its theme changed."""
        self._jobs.clear()
        self._formats.clear()
        self._timer.stop()

    @Slot()
    def _go_on(self) -> None:
        end = time.perf_counter() + _BUDGET_SECONDS
        while self._jobs:
            job = self._jobs[0]
            if not language_ready(job.language):
                self._timer.start(_WAIT_MS)
                return
            for piece, color in job.pieces:
                self._take(job, piece, color)
                if time.perf_counter() > end:
                    self._timer.start(0)
                    return
            self._end_line(job)
            self._jobs.popleft()

    def _take(self, job: _Job, piece: str, color: str) -> None:
        """Give a piece its colour; what spans lines is cut at their ends."""
        first, *others = piece.split("\n")
        self._add(job, first, color)
        for part in others:
            self._end_line(job)
            job.position += 1
            self._add(job, part, color)

    def _add(self, job: _Job, part: str, color: str) -> None:
        length = len(part.encode("utf-16-le")) // 2
        if length and color != "text.primary":
            known = self._formats.get(color)
            if known is None:
                known = self._formats[color] = self._format_of(color)
            block = self._document.findBlock(job.position)
            colored = QTextLayout.FormatRange()
            colored.start, colored.length, colored.format = job.position - block.position(), length, known
            job.ranges.append(colored)
        job.position += length

    def _end_line(self, job: _Job) -> None:
        if not job.ranges:
            return
        block = self._document.findBlock(job.position)
        if block.isValid():
            block.layout().setFormats(job.ranges)
            self._document.markContentsDirty(block.position(), block.length())
        job.ranges = []
