"""Answers under way, of every conversation: what events tell before the conversation itself holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from garden.core.events import PaneChanged, PaneText
from garden.core.run_configuration import LoadParameters, RunConfiguration
from garden.gui.viewmodels.pane_state import LiveAnswer

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump


@dataclass(frozen=True, slots=True)
class Loss:
    """Why a pane failed beside what it had said: its idle model is gone, or gave no answer when asked again.

    Attributes:
        sentence: What happened.
        action: What helps.
        asked: It failed when it was asked, so that starting it again asks it again.
    """

    sentence: str
    action: str
    asked: bool = False


class LivePanes(QObject):
    """Keeps what panes say until their answer is whole; a conversation in the background loses nothing.

    Args:
        pump: Where events come from.
        parent: Qt parent.

    Signals:
        moved: A pane is elsewhere now (conversation, turn, letter).
        grew: A pane said more (conversation, turn, letter, text).
    """

    moved = Signal(str, int, str)
    grew = Signal(str, int, str, str)

    def __init__(self, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._live: dict[tuple[str, int, str], LiveAnswer] = {}
        self._lost: dict[tuple[str, str], Loss] = {}
        self._held: dict[tuple[str, str], tuple[str | None, LoadParameters] | None] = {}
        pump.on(PaneChanged, self._on_pane_changed)
        pump.on(PaneText, self._on_pane_text)

    def live(self, conversation_id: str, turn: int, letter: str) -> LiveAnswer | None:
        """The answer under way, None when there is none."""
        return self._live.get((conversation_id, turn, letter))

    def lost(self, conversation_id: str, letter: str) -> Loss | None:
        """Why a pane failed beside its answer, None when it did not, or was asked anew since."""
        return self._lost.get((conversation_id, letter))

    def begin(self, conversation_id: str, turn: int, letter: str) -> None:
        """A pane's model is being started again."""
        self._lost.pop((conversation_id, letter), None)
        self._live[conversation_id, turn, letter] = LiveAnswer(state="loading")
        self.moved.emit(conversation_id, turn, letter)

    def end(self, conversation_id: str, turn: int, letter: str, loss: Loss | None = None) -> None:
        """It was started, or could not be."""
        self._live.pop((conversation_id, turn, letter), None)
        if loss is not None:
            self._lost[conversation_id, letter] = loss
        self.moved.emit(conversation_id, turn, letter)

    def forgive(self, conversation_id: str) -> None:
        """All panes are asked anew: what was lost is loaded by that."""
        for key in [key for key in self._lost if key[0] == conversation_id]:
            del self._lost[key]

    def holds(self, conversation_id: str, letter: str, run: RunConfiguration) -> bool:
        """Whether the pane's model was loaded like this, and not unloaded since, as far as was seen here."""
        return self._held.get((conversation_id, letter)) == (run.model.path, run.load)

    def hold(self, conversation_id: str, letter: str, run: RunConfiguration | None) -> None:
        """Note what a pane's model was loaded with; None when it was unloaded."""
        self._held[conversation_id, letter] = (run.model.path, run.load) if run is not None else None

    def _on_pane_changed(self, event: PaneChanged) -> None:
        key = (event.conversation_id, event.turn, event.pane)
        if event.state in ("done", "failed"):
            was_live = self._live.pop(key, None)
            if event.state == "failed":
                self._held.pop((event.conversation_id, event.pane), None)
            if event.state == "failed" and event.answer is not None:
                loss = Loss(event.answer.error or "", event.answer.action, asked=was_live is not None)
                self._lost[event.conversation_id, event.pane] = loss
        else:
            live = self._live.get(key)
            if live is None or event.state == "queued":
                live = self._live[key] = LiveAnswer()
                self._lost.pop((event.conversation_id, event.pane), None)
            live.enter(event.state, event.fraction)
        self.moved.emit(*key)

    def _on_pane_text(self, event: PaneText) -> None:
        key = (event.conversation_id, event.turn, event.pane)
        live = self._live.get(key)
        if live is not None:
            live.add(event.text, event.tokens)
            self.grew.emit(*key, event.text)
