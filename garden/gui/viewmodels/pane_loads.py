"""How panes are loaded: what is chosen for one of them, or for all at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from garden.core.conversation import Conversation
from garden.core.load_choice import LoadChoice
from garden.gui.viewmodels.change_queue import ChangeQueue
from garden.gui.viewmodels.load_options import LoadOptions, of_any_model
from garden.gui.viewmodels.pane_facts import PaneFactsReader, room_for
from garden.services.load_plan import LoadPlan
from garden.services.pane_plan import chosen_anew, plan_behind

if TYPE_CHECKING:
    from garden.services.garden import Garden

_Change = Callable[[LoadChoice], LoadChoice]


class PaneLoads:
    """Changes how the panes of a conversation are loaded, from their next answer on.

    A slider asks faster than can be answered: what is asked while a change waits for its turn is made with it, so that
    a prompt is never sent before what was chosen for it, and the bars of all panes move together.

    Args:
        garden: Services.
        changes: Where changes wait for their turn.
        facts: Told what the panes come to.
        here: The conversation at hand.
        take: Called on the Qt thread with the conversation as it is after a change.
    """

    def __init__(
        self,
        garden: Garden,
        changes: ChangeQueue,
        facts: PaneFactsReader,
        here: Callable[[], Conversation | None],
        take: Callable[[Conversation], None],
    ) -> None:
        self._garden = garden
        self._changes = changes
        self._facts = facts
        self._here = here
        self._take = take
        self._lock = threading.Lock()
        self._wanted: dict[tuple[str, str], list[_Change]] = {}
        self._under_way = 0
        facts.files_moved.connect(self._on_files_moved)

    @property
    def changing(self) -> bool:
        """Whether something that was chosen is still to come: controls stand where the user put them until then."""
        return self._under_way > 0

    def _on_files_moved(self) -> None:
        """The files of the panes lie elsewhere now."""
        here = self._here()
        now = self._garden.compare.now(here.id) if here is not None else None
        if now is not None:
            self._take(now)

    def options(self, letter: str = "") -> LoadOptions:
        """What a bar or an advanced view changes: the load of one pane, or (without a letter) of all."""
        return _PaneOptions(self, letter)

    def choose(self, letter: str, values: Mapping[str, Any]) -> None:
        """Choose fields of LoadChoice; None leaves one open again.

        Args:
            letter: For which pane; for all when empty.
            values: What is chosen, by name of the field.
        """
        self._change(letter, lambda choice: choice.with_values(**values))

    def reset(self, letter: str) -> None:
        """Choose nothing for one pane, or for all: everything is found, or the machine's own."""
        self._change(letter, lambda _choice: LoadChoice())

    def make_alike(self, letter: str) -> None:
        """Choose for a pane what is chosen for the first, except what is a matter of the model."""
        conversation = self._here()
        first = self._facts.of(*conversation.panes[0]).plan if conversation else None
        if first is not None:
            self._change(letter, lambda _choice: of_any_model(first.choice))

    def _change(self, letter: str, change: _Change) -> None:
        conversation = self._here()
        if conversation is None:
            return
        known = {letter: self._facts.of(letter, run).plan for letter, run in conversation.panes}
        with self._lock:
            waiting = any(key[0] == conversation.id for key in self._wanted)
            for each in (letter,) if letter else dict(conversation.panes):
                self._wanted.setdefault((conversation.id, each), []).append(change)
        if not waiting:
            self._under_way += 1
            self._changes.put(lambda: self._made(conversation.id, known), self._on_made, self._on_ended)

    def _made(
        self, conversation_id: str, known: Mapping[str, LoadPlan | None]
    ) -> tuple[Conversation, dict[str, LoadPlan]]:
        """Away from the Qt thread: everything that was asked for until now."""
        with self._lock:
            wanted = {key[1]: self._wanted.pop(key) for key in list(self._wanted) if key[0] == conversation_id}
        compare, fit = self._garden.compare, self._garden.fit
        now = compare.open(conversation_id)
        plans = {}
        for letter, run in now.panes:
            if letter not in wanted:
                continue
            header = fit.header(run.model)
            room = room_for(self._garden, now, letter)
            plan = known.get(letter)
            if plan is None or plan.configuration.model != run.model or plan.load != run.load:
                plan = plan_behind(fit, run, header, room)
            choice = plan.choice
            for change in wanted[letter]:
                choice = change(choice)
            plan = plans[letter] = chosen_anew(fit, run, header, choice, room)
            if plan.configuration != run:
                now = compare.set_pane(conversation_id, letter, plan.configuration)
        return now, plans

    def _on_made(self, made: tuple[Conversation, dict[str, LoadPlan]]) -> None:
        self._on_ended()
        conversation, plans = made
        self._facts.know(conversation, plans)
        self._take(conversation)

    def _on_ended(self) -> None:
        self._under_way -= 1


class _PaneOptions(LoadOptions):
    """The choice of one pane, or of all: it lies in their configurations."""

    def __init__(self, loads: PaneLoads, letter: str) -> None:
        super().__init__()
        self._loads = loads
        self._letter = letter

    def choose(self, **values: Any) -> None:
        """Choose some fields of LoadChoice; None leaves one open again."""
        self._loads.choose(self._letter, values)

    def reset(self) -> None:
        """Choose nothing."""
        self._loads.reset(self._letter)
