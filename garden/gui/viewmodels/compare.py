"""Compare: the conversation at hand, its panes and turns, and everything the user can do to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from garden.core.conversation import Answer, Conversation, Mode, Turn
from garden.core.errors import CancelledByUser, GardenError
from garden.core.library_entry import LibraryEntry
from garden.core.run_configuration import LoadParameters, RunConfiguration
from garden.gui.viewmodels.change_queue import ChangeQueue
from garden.gui.viewmodels.compare_lists import CompareLists
from garden.gui.viewmodels.live_panes import LivePanes, Loss
from garden.gui.viewmodels.pane_changes import PaneChanges
from garden.gui.viewmodels.pane_facts import PaneFactsReader
from garden.gui.viewmodels.pane_loads import PaneLoads
from garden.gui.viewmodels.pane_snapshot import answer_of, load_state_of, pane_snapshot, turn_progress
from garden.gui.viewmodels.pane_state import PaneState
from garden.gui.viewmodels.run_settings import asked_like, with_setting, with_settings_of

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.jobs.handle import Handle
    from garden.services.garden import Garden
    from garden.services.load_plan import LoadPlan

LETTERS = "ABCD"

#: What the two modes mean, one line each.
MODE_MEANINGS = {
    Mode.FAIR: "One answers at a time, in a shuffled order; models stay loaded",
    Mode.RELAY: "Load, answer, unload; never above the memory budget",
}

#: What stands in their place with a single pane.
ALONE = "Add a model to see two answers side by side"


class CompareViewModel(QObject):
    """One conversation at hand; others go on in the background.

    Signals:
        shown: Another conversation or turn is shown, or its panes are others.
        pane_changed: A pane is elsewhere now (letter).
        text_added: A pane of the turn that is shown said more (letter, text).
        said: Something could not be done: a sentence, and what helps.

    Attributes:
        lists: Models and conversations to choose from.
        loads: Changes how panes are loaded.
    """

    shown = Signal()
    pane_changed = Signal(str)
    text_added = Signal(str, str)
    said = Signal(str, str)

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._conversation: Conversation | None = None
        self._turn = -1
        self._sending: str | None = None
        self._to_retry: list[tuple[str, str]] = []
        self.lists = CompareLists(garden, pump, self)
        self.lists.read_failed.connect(self._on_failed)
        self._changes = ChangeQueue(pump, self)
        self._changes.change_failed.connect(self._on_change_failed)
        self._edits = PaneChanges(garden, self._changes, self._take, LETTERS)
        self._panes = LivePanes(pump, self)
        self._panes.moved.connect(self._on_moved)
        self._panes.grew.connect(self._on_grew)
        self._facts = PaneFactsReader(garden, pump, self)
        self._facts.facts_read.connect(self._on_facts_read)
        self.loads = PaneLoads(garden, self._changes, self._facts, lambda: self._conversation, self._take)

    # --- what is shown ---

    @property
    def conversation(self) -> Conversation | None:
        """The conversation at hand."""
        return self._conversation

    @property
    def letters(self) -> tuple[str, ...]:
        """Its panes."""
        return tuple(letter for letter, _run in self._conversation.panes) if self._conversation else ()

    @property
    def turn_number(self) -> int:
        """Index of the turn that is shown, −1 before the first."""
        return self._turn

    @property
    def turn(self) -> Turn | None:
        """The turn that is shown."""
        if self._conversation is None or not 0 <= self._turn < len(self._conversation.turns):
            return None
        return self._conversation.turns[self._turn]

    @property
    def at_last_turn(self) -> bool:
        """Whether the newest turn is shown."""
        return self._conversation is not None and self._turn == len(self._conversation.turns) - 1

    @property
    def answering(self) -> bool:
        """Whether any of its panes is at work, or a prompt on its way to them."""
        here, compare = self._conversation, self._garden.compare
        return here is not None and (self._sending == here.id or compare.answering(here.id))

    @property
    def progress(self) -> str:
        """``1 of 3 answered`` while the newest turn is under way, else empty; a pane that failed has not answered."""
        here = self._conversation
        if here is None or not here.turns or not self._garden.compare.answering(here.id):
            return ""
        return turn_progress(here, len(here.turns) - 1, self._panes)

    def configuration(self, letter: str) -> RunConfiguration | None:
        """What a pane will run with next."""
        return dict(self._conversation.panes).get(letter) if self._conversation else None

    def plan(self, letter: str) -> LoadPlan | None:
        """How a pane's model is loaded and what that comes to, None until its file was read."""
        run = self.configuration(letter)
        return self._facts.of(letter, run).plan if run else None

    def pane(self, letter: str) -> PaneState:
        """Everything a pane shows.

        Args:
            letter: One of ``letters``.
        """
        conversation = self._conversation
        run = self.configuration(letter)
        assert conversation is not None
        assert run is not None
        load_state = load_state_of(self._garden.compare, conversation.id, letter, run)
        return pane_snapshot(conversation, self._turn, letter, self._panes, self._facts.of(letter, run), load_state)

    # --- which conversation ---

    def open_entries(self, entries: Sequence[LibraryEntry], loads: Mapping[str, LoadParameters] | None = None) -> None:
        """Begin a conversation with one pane per model; ``loads`` says by path how some are loaded."""
        usable = [entry for entry in entries if entry.problem is None]
        if not usable:
            return
        if len(usable) > len(LETTERS):
            self.said.emit(f"Compare takes {len(LETTERS)} models; the first {len(LETTERS)} are shown.", "")
            usable = usable[: len(LETTERS)]
        mode = self._conversation.mode if self._conversation else Mode.FAIR

        def work() -> Conversation:
            known = loads or {}
            runs = [self._garden.compare.configuration_for(entry, known.get(entry.ref.path or "")) for entry in usable]
            return self._garden.compare.new([runs[0], *(asked_like(run, runs[0]) for run in runs[1:])], mode)

        self._changes.put(work, self._show)

    def begin_anew(self) -> None:
        """Begin another conversation with the same panes."""
        conversation = self._conversation
        if conversation is not None:
            runs = [run for _letter, run in conversation.panes]
            self._changes.put(lambda: self._garden.compare.new(runs, conversation.mode), self._show)

    def open_conversation(self, conversation_id: str) -> None:
        """Show a kept conversation."""
        self._changes.put(lambda: self._garden.compare.open(conversation_id), self._show)

    def rename(self, conversation_id: str, title: str) -> None:
        """Give a conversation another title."""
        self._changes.put(lambda: self._garden.compare.rename(conversation_id, title), self._take)

    def delete(self, conversation_id: str) -> None:
        """Delete a conversation for good."""

        def deleted(_none: None) -> None:
            if self._conversation is not None and self._conversation.id == conversation_id:
                self._conversation, self._turn = None, -1
                self.shown.emit()

        self._changes.put(lambda: self._garden.compare.delete(conversation_id), deleted)

    def show_turn(self, number: int) -> None:
        """Show another turn."""
        if self._conversation and 0 <= number < len(self._conversation.turns) and number != self._turn:
            self._turn = number
            self.shown.emit()

    # --- its panes ---

    def add_pane(self, entry: LibraryEntry, load: LoadParameters | None = None) -> None:
        """Add a pane with this model, asked as pane A is; the first one begins a conversation."""
        conversation, compare = self._conversation, self._garden.compare

        def make(now: Conversation) -> RunConfiguration:
            return asked_like(compare.configuration_for(entry, load), now.panes[0][1])

        def first() -> Conversation:
            # Another that was added just before may have begun one by now.
            begun = self._conversation
            return self._edits.added(begun.id, make) if begun else compare.new([compare.configuration_for(entry, load)])

        if conversation is not None:
            self._edits.add(conversation.id, make)
        elif entry.problem is None:
            self._changes.put(first, self._show)

    def copy_pane(self, letter: str) -> None:
        """Add a pane with the same model and settings, to change one of them."""
        conversation, run = self._conversation, self.configuration(letter)
        if conversation is not None and run is not None:
            self._edits.add(conversation.id, lambda _now: run)

    def swap_model(self, letter: str, entry: LibraryEntry) -> None:
        """Put another model into a pane."""
        conversation, run = self._conversation, self.configuration(letter)
        if conversation is not None and run is not None:
            self._edits.place(conversation.id, letter, entry, like=run)

    def remove_pane(self, letter: str) -> None:
        """Take a pane away; what it said stays in the turns it took part in."""
        if self._conversation is not None:
            self._edits.set(self._conversation.id, letter, None)

    def adjust(self, letters: Sequence[str], name: str, value: float | str) -> None:
        """Change one setting of some panes, from their next answer on.

        Args:
            letters: Which panes.
            name: Of the setting, as ``with_setting`` takes it.
            value: Its new value.
        """
        conversation = self._conversation
        if conversation is not None:
            for letter in letters:
                self._edits.rewrite(conversation.id, letter, lambda run, _first: with_setting(run, name, value))

    def make_alike(self, letter: str) -> None:
        """Load and ask a pane exactly as the first one is."""
        if self._conversation is not None:
            self.loads.make_alike(letter)
            self._edits.rewrite(self._conversation.id, letter, with_settings_of)

    def set_mode(self, mode: Mode) -> None:
        """Change how the panes share the machine."""
        conversation = self._conversation
        if conversation is not None and mode is not conversation.mode:
            self._changes.put(lambda: self._garden.compare.set_mode(conversation.id, mode), self._take)

    # --- asking ---

    def ask(self, prompt: str) -> None:
        """Ask all panes."""
        conversation = self._conversation
        if conversation is None or not prompt.strip() or self.answering:
            return
        self._panes.forgive(conversation.id)
        self._sending = conversation.id

        def sent() -> None:
            self._sending = None

        def asked(handle: Handle[Turn]) -> None:
            sent()
            self._pump.watch(handle, self._on_turn_done, self._on_failed)
            self._refresh(to_last=True)

        self._changes.put(lambda: self._garden.compare.ask(conversation.id, prompt), asked, sent)
        self.shown.emit()

    def stop(self, letter: str | None = None) -> None:
        """Stop one pane, or all; what was written stays."""
        conversation = self._conversation
        if conversation is None:
            return
        if self._sending == conversation.id:
            # What was not asked yet is stopped as soon as it was.
            self._changes.put(lambda: self._garden.compare.stop(conversation.id, letter), lambda _none: None)
        elif self.answering:
            self._pump.do(lambda: self._garden.compare.stop(conversation.id, letter), self._on_failed)

    def start_again(self, letter: str) -> None:
        """Load a pane's model again, and ask it the last prompt again unless it had answered."""
        conversation = self._conversation
        if conversation is None:
            return
        where = (conversation.id, len(conversation.turns) - 1, letter)
        answer = answer_of(conversation, where[1], letter)
        loss = self._panes.lost(conversation.id, letter)
        unanswered = answer is not None and (bool(answer.error) or answer.finish_reason is None)
        ask_again = unanswered or (loss is not None and loss.asked)

        def started(_none: None) -> None:
            self._panes.end(*where)
            if ask_again:
                self._retry(conversation.id, letter)

        def failed(error: GardenError) -> None:
            self._panes.end(*where, Loss(error.sentence, error.action))

        self._panes.begin(*where)
        self._pump.begin(lambda: self._garden.compare.restart(conversation.id, letter), started, failed, receiver=self)

    def answer_again(self, letter: str) -> None:
        """Ask one pane the last prompt again; its answer is replaced when there is another."""
        if self._conversation is not None:
            self._retry(self._conversation.id, letter)

    # --- inside ---

    def _retry(self, conversation_id: str, letter: str) -> None:
        if self._garden.compare.answering(conversation_id):
            # The others go first; this one follows as soon as they are done.
            self._to_retry.append((conversation_id, letter))
            return

        def asked(handle: Handle[Answer]) -> None:
            self._pump.watch(handle, self._on_turn_done, self._on_failed)
            self._refresh()

        self._changes.put(lambda: self._garden.compare.retry(conversation_id, letter), asked)

    def _show(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._turn = len(conversation.turns) - 1
        self._facts.read(conversation)
        self.shown.emit()

    def _take(self, conversation: Conversation) -> None:
        """Take over a newer version of the conversation at hand."""
        if self._conversation is not None and conversation.id == self._conversation.id:
            self._conversation = conversation
            self._facts.read(conversation)
            self.shown.emit()

    def _reread(self) -> bool:
        """Take the conversation at hand as it is now (the service has it in memory); False when it is gone."""
        if self._conversation is None:
            return False
        self._conversation = self._garden.compare.now(self._conversation.id)
        if self._conversation is None:
            self._turn = -1
            self.shown.emit()
        return self._conversation is not None

    def _refresh(self, *, to_last: bool = False) -> None:
        """Show the conversation at hand as it is now."""
        if self._reread() and self._conversation is not None:
            if to_last:
                self._turn = len(self._conversation.turns) - 1
            self.shown.emit()

    @Slot(object)
    def _on_failed(self, error: GardenError) -> None:
        if not isinstance(error, CancelledByUser):
            self.said.emit(error.sentence, error.action)

    @Slot(object)
    def _on_change_failed(self, error: GardenError) -> None:
        self._on_failed(error)
        # Controls that showed the change already go back to what is.
        self.shown.emit()

    def _on_turn_done(self, _result: object) -> None:
        if self._to_retry:
            self._retry(*self._to_retry.pop(0))
        self._refresh()

    @Slot()
    def _on_facts_read(self) -> None:
        for letter in self.letters:
            self.pane_changed.emit(letter)

    @Slot(str, int, str)
    def _on_moved(self, conversation_id: str, turn: int, letter: str) -> None:
        conversation = self._conversation
        if conversation is None or conversation_id != conversation.id or letter not in self.letters:
            return
        if not self._reread():
            return
        live = self._panes.live(conversation_id, turn, letter)
        if live is not None and live.state == "reading":
            self._panes.hold(conversation_id, letter, self.configuration(letter))
        if turn == self._turn or self._turn < 0:
            self.pane_changed.emit(letter)

    @Slot(str, int, str, str)
    def _on_grew(self, conversation_id: str, turn: int, letter: str, text: str) -> None:
        conversation = self._conversation
        if conversation is not None and conversation_id == conversation.id and turn == self._turn:
            self.text_added.emit(letter, text)
