"""What is read from the files of panes: how each would be loaded, whether it fits, whether it chats."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from garden.core.conversation import Conversation, Mode
from garden.core.errors import GardenError
from garden.core.events import FilesMoved, FitDecided, MachineRead, SpeedsChanged
from garden.core.fit_forecast import FitForecast
from garden.core.run_configuration import LoadParameters, RunConfiguration
from garden.services.load_plan import LoadPlan
from garden.services.pane_plan import Room, plan_behind

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.services.garden import Garden

#: A pane, its file and how that is loaded.
_Key = tuple[str, str, str | None, LoadParameters]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaneFacts:
    """What is known of a pane's file; nothing until it was read.

    Attributes:
        plan: How it would be loaded, and what that comes to beside what other models hold.
        has_template: Whether it carries a chat template.
    """

    plan: LoadPlan | None = None
    has_template: bool | None = None

    @property
    def forecast(self) -> FitForecast | None:
        """What it needs here when loaded like this."""
        return self.plan.forecast if self.plan is not None else None

    def note(self, run: RunConfiguration) -> str:
        """A sentence that the user should know before asking, empty for none."""
        if self.has_template is False and run.ask.template in ("file", "none"):
            return "A base model without a chat template: it continues your text instead of answering."
        trained = self.plan.trained_context if self.plan is not None else None
        if trained and run.load.context_length > trained:
            return f"Trained for {trained:,} tokens; beyond that it may lose the thread."
        return ""


def room_for(garden: Garden, conversation: Conversation, letter: str) -> Room:
    """The loaded models that make room for a pane's own; waits for the disk."""
    holding = garden.compare.holding(conversation.id)
    relay = conversation.mode is Mode.RELAY
    always = tuple(pid for pane, pid in holding.items() if relay or pane == letter)
    idle = [model.pid for model in garden.compare.loaded() if model.ours and model.idle]
    return Room(always=always, at_need=tuple(pid for pid in idle if pid not in always))


class PaneFactsReader(QObject):
    """Reads each pane's file once per way of loading it, and forecasts again when more is known or memory changed.

    Both happen away from the Qt thread.

    Args:
        garden: Reads headers and forecasts.
        pump: Runs the reading.
        parent: Qt parent.

    Signals:
        facts_read: More is known of some file.
        files_moved: Files of panes may lie elsewhere now.
    """

    facts_read = Signal()
    files_moved = Signal()

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._facts: dict[_Key, PaneFacts] = {}
        self._conversation: Conversation | None = None
        # Being read, and whether more became known since that was begun.
        self._reading: dict[_Key, bool] = {}
        pump.on(MachineRead, self._on_more_known)
        pump.on(FitDecided, self._on_more_known)
        pump.on(SpeedsChanged, self._on_more_known)
        pump.on(FilesMoved, self._on_files_moved)

    def _on_files_moved(self, _event: FilesMoved) -> None:
        self.files_moved.emit()

    def of(self, letter: str, run: RunConfiguration) -> PaneFacts:
        """What is known of a pane's file, loaded like this."""
        conversation = self._conversation
        return self._facts.get(_key(conversation, letter, run), PaneFacts()) if conversation else PaneFacts()

    def read(self, conversation: Conversation) -> None:
        """Read what is not known yet of the panes at hand."""
        other_mode = self._conversation is not None and self._conversation.mode is not conversation.mode
        self._conversation = conversation
        last = {key[:3]: facts for key, facts in self._facts.items()}
        known = self._facts
        self._facts = {}
        for letter, run in conversation.panes:
            key = _key(conversation, letter, run)
            # What was read of another load stands there for the moment that it takes.
            self._facts[key] = known.get(key) or last.get(key[:3], PaneFacts())
            if key not in known or other_mode:
                self._read(letter, run)

    def know(self, conversation: Conversation, plans: Mapping[str, LoadPlan]) -> None:
        """Take over plans that were just made of some panes, before these panes are shown."""
        for letter, plan in plans.items():
            run = plan.configuration
            before = self.of(letter, run)
            same_file = [facts for key, facts in self._facts.items() if key[1:3] == (letter, run.model.path)]
            has_template = (same_file[0] if same_file else before).has_template
            self._facts[_key(conversation, letter, run)] = PaneFacts(plan=plan, has_template=has_template)

    def _on_more_known(self, _event: MachineRead | FitDecided | SpeedsChanged) -> None:
        if self._conversation is not None:
            for letter, run in self._conversation.panes:
                self._read(letter, run)

    def _read(self, letter: str, run: RunConfiguration) -> None:
        conversation = self._conversation
        assert conversation is not None
        key = _key(conversation, letter, run)
        if key in self._reading:
            # Memory changes faster than a slow disk answers, and an older answer must not come last.
            self._reading[key] = True
            return
        self._reading[key] = False

        def work() -> PaneFacts:
            fit = self._garden.fit
            header = fit.header(run.model)
            room = room_for(self._garden, conversation, letter)
            plan = plan_behind(fit, run, header, room, lambda pids: fit.forecast(run.model, run.load, without=pids))
            return PaneFacts(plan=plan, has_template=header.chat_template is not None)

        def known(facts: PaneFacts) -> None:
            here = self._facts.get(key, PaneFacts())
            if here.plan is not None and facts.plan is not None and here.plan.load == run.load:
                # With other memory free another number of layers is found; what was chosen is what was chosen, be it
                # since this was begun.
                facts = dataclasses.replace(facts, plan=dataclasses.replace(facts.plan, choice=here.plan.choice))
            if self._is_at_hand(key) and facts != here:
                self._facts[key] = facts
                self.facts_read.emit()
            ended()

        def unreadable(_error: GardenError) -> None:
            """A file that cannot be read is told of when it is asked; it may be back by then."""
            if self._facts.pop(key, PaneFacts()) != PaneFacts():
                self.facts_read.emit()
            ended()

        def ended() -> None:
            if self._reading.pop(key) and self._is_at_hand(key):
                self._read(letter, run)

        self._pump.run(work, known, unreadable, receiver=self)

    def _is_at_hand(self, key: _Key) -> bool:
        conversation = self._conversation
        return conversation is not None and any(key == _key(conversation, *pane) for pane in conversation.panes)


def _key(conversation: Conversation, letter: str, run: RunConfiguration) -> _Key:
    return conversation.id, letter, run.model.path, run.load
