"""A strip below what a pane has written: what went wrong, what helps, and starting again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QWidget

from garden.gui.widgets.button import Button
from garden.gui.widgets.label import Label
from garden.gui.widgets.themed_widget import Surface

if TYPE_CHECKING:
    from garden.gui.theme.theme import ThemeController


class FailureStrip(Surface):
    """What was written stays above it.

    Args:
        theme: Where colours come from.
        name: objectName.
        parent: Qt parent.

    Signals:
        again_wanted: The user wants to start again.
    """

    again_wanted = Signal()

    def __init__(self, theme: ThemeController, *, name: str, parent: QWidget | None = None) -> None:
        super().__init__(theme, "status.danger.bg", edges="t", edge="border.default", parent=parent)
        self.setObjectName(name)
        # A fixed height would be that of one line, whatever the width.
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        px = theme.theme.px
        self._icon = QLabel(self)
        self._sentence = Label(theme, style="small", weight=600, color="status.danger.fg", wrap=True, max_width=2_000)
        self._sentence.setObjectName(f"{name}.sentence")
        self._action = Label(theme, style="small", color="text.secondary", wrap=True, max_width=2_000)
        self._again = Button(theme, "Start again", icon="retry", small=True, name=f"{name}.again")
        # One flat layout: Qt asks nested ones for a height that it remembers from an earlier text.
        grid = QGridLayout(self)
        grid.setContentsMargins(px(14), px(8), px(10), px(8))
        grid.setHorizontalSpacing(px(8))
        grid.setVerticalSpacing(px(2))
        grid.setColumnStretch(1, 1)
        grid.addWidget(self._icon, 0, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(self._sentence, 0, 1)
        grid.addWidget(self._action, 1, 1)
        grid.addWidget(self._again, 0, 2, 2, 1, Qt.AlignmentFlag.AlignVCenter)
        self._again.clicked.connect(self.again_wanted)
        theme.changed.connect(self._draw_icon)
        self._draw_icon()

    @property
    def sentence(self) -> str:
        """What went wrong."""
        return self._sentence.text()

    def show_error(self, sentence: str, action: str) -> None:
        """Say it."""
        self._sentence.setText(sentence)
        self._action.setText(action)
        self._action.setVisible(bool(action))
        self.setAccessibleName(sentence)
        self.setAccessibleDescription(action)

    def minimumSizeHint(self) -> QSize:
        """The texts wrap."""
        return QSize(self.look.px(160), super().minimumSizeHint().height())

    def _draw_icon(self) -> None:
        self._icon.setPixmap(self.look.pixmap("warning", "status.danger.fg", 16, self.devicePixelRatioF()))
