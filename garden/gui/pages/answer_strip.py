"""The line between panes and composer: in which order panes answer, how many have, and stopping them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from garden.gui.widgets.button import Button
from garden.gui.widgets.label import Label
from garden.gui.widgets.pane_header import LetterSquare
from garden.gui.widgets.tag import KeyCap
from garden.gui.widgets.themed_widget import Surface

if TYPE_CHECKING:
    from garden.gui.theme.theme import ThemeController

_HEIGHT = 34


class AnswerStrip(Surface):
    """Stands there as soon as something was asked, so that nothing jumps when the answers begin.

    Args:
        theme: Where colours come from.
        parent: Qt parent.

    Signals:
        stop_wanted: The user stops all panes.
    """

    stop_wanted = Signal()

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(theme, "bg.surface", edges="t", parent=parent)
        self.setObjectName("strip")
        px = theme.theme.px
        self.setFixedHeight(px(_HEIGHT))
        self._order = ""
        self._title = Label(theme, style="small", color="text.secondary")
        self._squares = QWidget()
        self._row = QHBoxLayout(self._squares)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(px(4))
        self._how = Label(theme, style="small", color="text.muted", elide=Qt.TextElideMode.ElideRight)
        self._progress = Label(theme, style="small", color="text.muted")
        self._progress.setObjectName("strip.progress")
        self._stop = Button(theme, "Stop all", icon="stop", kind="ghost", small=True, name="strip.stop")
        self._key = KeyCap(theme, "Esc")
        row = QHBoxLayout(self)
        row.setContentsMargins(px(14), 1, px(14), 0)
        row.setSpacing(px(8))
        row.addWidget(self._title)
        row.addWidget(self._squares)
        row.addWidget(self._how)
        row.addStretch(1)
        row.addWidget(self._progress)
        row.addSpacing(px(6))
        row.addWidget(self._stop)
        row.addWidget(self._key)
        self._stop.clicked.connect(self.stop_wanted)

    def show_turn(self, order: str, how: str, progress: str, *, answering: bool) -> None:
        """Show where a turn is.

        Args:
            order: Letters in the order in which they answer.
            how: Where the order comes from; with one pane, what its answer took.
            progress: How many have answered, empty when nothing is under way.
            answering: Whether there is something to stop.
        """
        several = len(order) > 1
        self._title.setText("Order")
        for part in (self._title, self._squares):
            part.setVisible(several)
        self._how.setText(how)
        if order != self._order:
            self._order = order
            while (item := self._row.takeAt(0)) is not None:
                widget = item.widget()
                if widget is not None:
                    widget.deleteLater()
            for letter in order:
                self._row.addWidget(LetterSquare(self._controller, letter))
            self._squares.setAccessibleName(f"Order of the answers: {', '.join(order)}")
        self._progress.setText(progress)
        self._stop.set_text("Stop all" if several else "Stop")
        self._stop.setVisible(answering)
        self._key.setVisible(answering)
