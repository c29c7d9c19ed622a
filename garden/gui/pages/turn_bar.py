"""The prompt of a turn, once above all panes; with several turns, the way from one to another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QScrollArea, QSizePolicy, QWidget

from garden.gui.widgets.button import Button
from garden.gui.widgets.label import Label
from garden.gui.widgets.pane_header import TextButton
from garden.gui.widgets.themed_widget import Surface

if TYPE_CHECKING:
    from garden.gui.theme.theme import ThemeController

#: Lines of a prompt that are shown before they scroll.
_MOST_LINES = 5


class _PromptArea(QScrollArea):
    """The prompt, wrapped; a long one scrolls."""

    def __init__(self, theme: ThemeController, label: Label) -> None:
        super().__init__()
        self._theme = theme
        self._label = label
        self.setObjectName("turn.promptArea")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setWidgetResizable(True)
        self.setWidget(label)
        self.viewport().setAutoFillBackground(False)
        label.setAutoFillBackground(False)

    def hasHeightForWidth(self) -> bool:
        """As the text in it."""
        return True

    def heightForWidth(self, width: int) -> int:
        """As high as the text, within bounds."""
        most = _MOST_LINES * self._label.line_height()
        return min(most, self._label.heightForWidth(width))

    def sizeHint(self) -> QSize:
        """For the width it has."""
        width = max(self.width(), self._theme.theme.px(100))
        return QSize(self._theme.theme.px(300), self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        """One line."""
        return QSize(self._theme.theme.px(100), self._label.line_height())


class TurnBar(Surface):
    """``Turn 2 of 3``, the prompt, and changing it for another try.

    Args:
        theme: Where colours come from.
        parent: Qt parent.

    Signals:
        turn_wanted: The user wants to see another turn (its index).
        edit_wanted: The user wants to ask this prompt again, changed.
    """

    turn_wanted = Signal(int)
    edit_wanted = Signal()

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(theme, "bg.sunken", edges="b", parent=parent)
        self.setObjectName("turn")
        # A fixed height would be that of one line, whatever the width.
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self._prompts: tuple[str, ...] = ()
        self._turn = -1
        px = theme.theme.px
        self._number = Label(theme, style="caption", color="text.muted", line=20)
        self._number.setObjectName("turn.number")
        self._number.setMinimumWidth(px(48))
        self._number.setContentsMargins(px(4), 0, 0, 0)
        self._pick = TextButton(
            theme, name="turn.pick", label="Turn", weight=500, style="caption", color="text.muted", height=20
        )
        self._prompt = Label(theme, style="body", wrap=True, max_width=4_000)
        self._prompt.setObjectName("turn.prompt")
        self._prompt.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        self._edit = Button(
            theme, "Edit", kind="ghost", small=True, name="turn.edit", hint="Put this prompt into the field below"
        )
        self._edit.setAccessibleName("Edit this prompt")
        row = QHBoxLayout(self)
        row.setContentsMargins(px(10), px(8), px(14), px(8) + 1)
        row.setSpacing(px(10))
        top = Qt.AlignmentFlag.AlignTop
        row.addWidget(self._number, 0, top)
        row.addWidget(self._pick, 0, top)
        row.addWidget(_PromptArea(theme, self._prompt), 1, top)
        row.addWidget(self._edit, 0, top)
        self._pick.clicked.connect(self._open_menu)
        self._edit.clicked.connect(self.edit_wanted)

    @property
    def prompt(self) -> str:
        """What is shown."""
        return self._prompt.text()

    def show_turn(self, prompts: Sequence[str], turn: int) -> None:
        """Show one of these prompts; with no turn yet nothing is shown."""
        self._prompts, self._turn = tuple(prompts), turn
        self.setVisible(0 <= turn < len(prompts))
        if not 0 <= turn < len(prompts):
            return
        several = len(prompts) > 1
        self._number.setText(f"Turn {turn + 1}")
        self._number.setVisible(not several)
        self._pick.setVisible(several)
        self._pick.set_parts(f"Turn {turn + 1} of {len(prompts)}")
        self._prompt.setText(prompts[turn])
        self._prompt.setAccessibleName(f"Prompt: {prompts[turn]}")
        self.updateGeometry()

    def showEvent(self, event: QShowEvent) -> None:
        """The height depends on the width, known now."""
        super().showEvent(event)
        self.updateGeometry()

    def _open_menu(self) -> None:
        menu = QMenu(self)
        menu.setObjectName("turn.menu")
        for number, prompt in enumerate(self._prompts):
            first = " ".join(prompt.split())
            shown = first if len(first) <= 70 else first[:69] + "…"
            action = menu.addAction(f"{number + 1}   {shown}".replace("&", "&&"))
            action.setCheckable(True)
            action.setChecked(number == self._turn)
            action.triggered.connect(lambda _checked=False, which=number: self.turn_wanted.emit(which))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self._pick.mapToGlobal(self._pick.rect().bottomLeft()))
