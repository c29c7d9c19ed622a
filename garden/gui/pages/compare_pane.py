"""One pane of Compare: a column with a model, what it says and what that took."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from garden.core.conversation import FinishReason
from garden.gui.pages.failure_strip import FailureStrip
from garden.gui.pages.pane_memory import PaneMemory
from garden.gui.pages.scaled_width import widen
from garden.gui.pages.wait_card import WaitCard
from garden.gui.viewmodels.pane_state import CUT_OFF, PaneState
from garden.gui.viewmodels.wording import about
from garden.gui.widgets.button import Button
from garden.gui.widgets.label import Label
from garden.gui.widgets.markdown_view import MarkdownView
from garden.gui.widgets.pane_foot import PaneFoot
from garden.gui.widgets.pane_header import PaneHeader
from garden.gui.widgets.state_view import StateView
from garden.gui.widgets.themed_widget import Surface

if TYPE_CHECKING:
    from garden.gui.theme.theme import ThemeController

#: Longest lines of an answer, logical pixels at 100 %; and Qt's word for no limit.
_READABLE = 880
_WIDEST = 16_777_215
_NARROW = 340
#: Below this width the buttons are their icons alone; none goes away.
_NARROWEST = 240
#: Four panes stand beside each other in the largest text, too.
_LEAST = 180


class ComparePane(Surface):
    """Shows a PaneState; says what the user wants.

    Args:
        theme: Where colours come from.
        letter: ``A`` … ``D``.
        parent: Qt parent.

    Signals:
        again_wanted: Start the pane's model again.
        copy_wanted: Copy its answer.
        prompt_wanted: Show what its model received.
        export_wanted: Take its configuration away.

    Attributes:
        header: Its head, with signals of its own.
        answer: What it says.
        foot: Its figures.
    """

    again_wanted = Signal()
    copy_wanted = Signal()
    prompt_wanted = Signal()
    export_wanted = Signal()

    def __init__(self, theme: ThemeController, letter: str, parent: QWidget | None = None) -> None:
        super().__init__(theme, "bg.surface", parent=parent)
        name = f"pane.{letter}"
        self.setObjectName(name)
        self.setAccessibleName(f"Pane {letter}")
        widen(self, theme, _LEAST)
        self._letter = letter
        self._shown_text = ""
        self._followed = False
        self.header = PaneHeader(theme, letter)
        self.answer = MarkdownView(theme, name=f"{name}.answer", label=f"Answer of pane {letter}")
        self.foot = PaneFoot(theme, name=f"{name}.foot")
        self._card = WaitCard(theme, name=f"{name}.waiting")
        self._state = StateView(theme, name=f"{name}.state")
        self._failure = FailureStrip(theme, name=f"{name}.failure")
        self._note = _Note(theme, name=f"{name}.note")
        self._memory = PaneMemory(theme, name=f"{name}.memory")
        self._memory.load_wanted.connect(self.again_wanted)
        self._memory_wanted = False
        self._stack = QStackedWidget()
        self._nothing = QWidget()
        self._stack.setStyleSheet("QStackedWidget { background: transparent; }")
        for page in (self._nothing, self.answer, self._state):
            self._stack.addWidget(page)
        px = theme.theme.px
        self._actions = QWidget()
        self._buttons: list[tuple[Button, str]] = []
        actions = QHBoxLayout(self._actions)
        actions.setContentsMargins(px(6), px(2), px(14), px(6))
        actions.setSpacing(px(2))
        for text, icon, key, hint, signal in (
            ("Copy", "copy", "copy", f"Copy the answer of pane {letter}", self.copy_wanted),
            (
                "Prompt",
                "template",
                "prompt",
                f"Show exactly what the model of pane {letter} received",
                self.prompt_wanted,
            ),
            ("Export", "export", "export", f"Take the configuration of pane {letter} away", self.export_wanted),
        ):
            button = Button(theme, text, icon=icon, kind="ghost", small=True, name=f"{name}.{key}", hint=hint)
            button.setAccessibleName(f"{text}, pane {letter}")
            button.clicked.connect(signal)
            actions.addWidget(button)
            self._buttons.append((button, text))
        self._cut = Label(
            theme,
            style="small",
            color="text.muted",
            elide=Qt.TextElideMode.ElideRight,
            align=Qt.AlignmentFlag.AlignRight,
        )
        self._cut.setObjectName(f"{name}.cut")
        actions.addStretch(1)
        actions.addWidget(self._cut)
        policy = self._actions.sizePolicy()
        # The text above does not move when the answer is complete.
        policy.setRetainSizeWhenHidden(True)
        self._actions.setSizePolicy(policy)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addWidget(self._memory)
        column.addWidget(self._note)
        column.addWidget(self._card)
        column.addWidget(self._stack, 1)
        column.addWidget(self._failure)
        column.addWidget(self._actions)
        column.addWidget(self.foot)
        self._failure.again_wanted.connect(self.again_wanted)
        theme.changed.connect(self._use_width)
        self._at_end = True
        bar = self.answer.verticalScrollBar()
        bar.valueChanged.connect(self._on_scrolled)
        bar.rangeChanged.connect(self._on_range_changed)

    def show_pane(self, pane: PaneState) -> None:
        """Show where the pane is. Text that is shown already is only added to."""
        model = pane.configuration.model
        self.header.set_model(model.name, model.quant_type or "")
        self.header.set_tags(pane.tags, baseline=pane.baseline)
        self.header.set_busy(pane.busy)
        self._note.set_text(pane.note)
        self._show_cut(pane)
        self.foot.set_figures(pane.figures, pane.memory)
        waiting = bool(pane.steps) or (pane.state == "empty" and pane.forecast is not None)
        if waiting:
            self._card.show_pane(pane)
        self._card.setVisible(waiting)
        # The card tells it as well.
        self._memory.show_pane(pane)
        self._memory.setVisible(self._memory_wanted and not waiting and pane.forecast is not None)
        self._show_text(pane)
        failed_empty = pane.state == "failed" and not pane.text
        if failed_empty:
            file = PurePath(model.path).name if model.path else model.name
            # Other panes may stand beside it: the file is named even where the sentence alone would do.
            title = about(file, pane.error or "It failed.").rstrip(".")
            self._state.show_state(
                "warning",
                title,
                pane.action,
                mood="danger",
                actions=(("Start again", "default", "retry", self._on_again),),
            )
        elif pane.state == "absent":
            self._state.show_state("info", f"{self._letter} was not asked in this turn", "It joined later.")
        elif pane.state == "done" and not pane.text:
            self._show_silence(pane)
        silent = failed_empty or pane.state == "absent" or (pane.state == "done" and not pane.text)
        self._stack.setCurrentWidget(self._state if silent else self.answer if pane.text else self._nothing)
        self._failure.setVisible(pane.state == "failed" and bool(pane.text))
        if pane.state == "failed":
            self._failure.show_error(pane.error or "", pane.action)
        self._actions.setVisible(pane.state in ("done", "failed") and pane.answer is not None)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The foot says it too; where it is narrow that is enough."""
        super().resizeEvent(event)
        self._use_width()

    @Slot()
    def _use_width(self) -> None:
        self._cut.setVisible(self.width() >= self.look.px(_NARROW))
        roomy = self.width() >= self.look.px(_NARROWEST)
        for button, text in self._buttons:
            button.set_text(text if roomy else "")
            button.setAccessibleName(f"{text}, pane {self._letter}")

    def set_alone(self, alone: bool) -> None:
        """Keep lines readable where one pane has all the width."""
        self.answer.setMaximumWidth(self.look.px(_READABLE) if alone else _WIDEST)

    @property
    def streams(self) -> bool:
        """Whether a growing answer is in sight, so that what comes can just be added."""
        return self._followed and self._stack.currentWidget() is self.answer and self._card.isHidden()

    def add_text(self, text: str) -> None:
        """The pane said more; only while it ``streams``."""
        self._shown_text += text
        self.answer.append(text)

    def want_memory(self, wanted: bool) -> None:
        """Show what its model takes beside what it says, from the next ``show_pane`` on."""
        self._memory_wanted = wanted

    def set_changeable(self, changeable: bool) -> None:
        """Allow or refuse another model: a pane that answers is what it is."""
        self.header.model.setEnabled(changeable)

    def _show_text(self, pane: PaneState) -> None:
        streaming = pane.state == "answering"
        if pane.text != self._shown_text:
            if streaming and self._followed and pane.text.startswith(self._shown_text):
                self.answer.append(pane.text[len(self._shown_text) :])
            else:
                self.answer.clear_text()
                self.answer.append(pane.text)
                if not streaming:
                    self.answer.finish()
                    self._at_end = False
                    self.answer.verticalScrollBar().setValue(0)
            self._shown_text = pane.text
        elif self._followed and not streaming:
            self.answer.finish()
        self._followed = streaming
        self.answer.set_streaming(streaming)

    @Slot()
    def _on_again(self) -> None:
        self.again_wanted.emit()

    def _show_cut(self, pane: PaneState) -> None:
        reason = pane.answer.finish_reason if pane.answer is not None and pane.state == "done" else None
        words, help_text = CUT_OFF.get(reason, ("", "")) if reason is not None else ("", "")
        self._cut.setText(words)
        self._cut.setToolTip(help_text)
        self._cut.setAccessibleDescription(help_text)

    @Slot(int)
    def _on_scrolled(self, value: int) -> None:
        highest = self.answer.verticalScrollBar().maximum()
        # A text that needs no scrolling, or is not laid out yet, says nothing about where the reader is.
        if highest > 0:
            self._at_end = value >= highest - 4

    @Slot(int, int)
    def _on_range_changed(self, _low: int, high: int) -> None:
        """Whoever reads the end goes on reading it, whatever takes room below."""
        if self._at_end:
            self.answer.verticalScrollBar().setValue(high)

    def _show_silence(self, pane: PaneState) -> None:
        stopped = pane.answer is not None and pane.answer.finish_reason is FinishReason.CANCELLED
        if stopped:
            self._state.show_state("stop", "Stopped before the first word", "Ask again, or the other panes.")
        else:
            self._state.show_state("info", "The model ended its answer at once", "It said nothing at all.")


class _Note(Surface):
    """One line below the head: what the user should know of the model or of the answer."""

    def __init__(self, theme: ThemeController, *, name: str, parent: QWidget | None = None) -> None:
        super().__init__(theme, "bg.surface", edges="b", edge="border.subtle", parent=parent)
        self.setObjectName(name)
        px = theme.theme.px
        self._icon = QLabel(self)
        self._text = Label(theme, style="small", color="text.secondary", wrap=True, max_width=2_000)
        row = QHBoxLayout(self)
        row.setContentsMargins(px(14), px(6), px(14), px(7))
        row.setSpacing(px(7))
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._text, 1)
        theme.changed.connect(self._draw_icon)
        self._draw_icon()
        self.hide()

    @property
    def text(self) -> str:
        """The sentence."""
        return self._text.text()

    def set_text(self, text: str) -> None:
        """Say it; an empty one hides the line."""
        self._text.setText(text)
        self.setAccessibleName(text)
        self.setVisible(bool(text))

    @Slot()
    def _draw_icon(self) -> None:
        self._icon.setPixmap(self.look.pixmap("info", "text.muted", 14, self.devicePixelRatioF()))
