"""How panes are loaded: what is chosen for one of them, or for all at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from garden.core.conversation import Conversation
from garden.core.errors import GardenError
from garden.core.load_choice import LoadChoice
from garden.gui.viewmodels.change_queue import ChangeQueue
from garden.gui.viewmodels.load_options import LoadOptions, of_any_model
from garden.gui.viewmodels.pane_facts import PaneFactsReader, room_for
from garden.services.load_plan import LoadPlan
from garden.services.pane_plan import chosen_anew, plan_behind

if TYPE_CHECKING:
    from garden.services.garden import Garden

#: Of what is chosen for a pane, and of what is for the first one by then.
_Change = Callable[[LoadChoice, Callable[[], LoadChoice]], LoadChoice]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What came of changes.

    Attributes:
        conversation: As it is now.
        plans: Of the panes that were changed.
        failure: Why one was not, None when all were.
    """

    conversation: Conversation
    plans: Mapping[str, LoadPlan]
    failure: GardenError | None


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
        self._under_way: Counter[str] = Counter()
        facts.files_moved.connect(self._on_files_moved)

    @property
    def changing(self) -> bool:
        """Whether something chosen here is still to come: controls stand where the user put them until then."""
        here = self._here()
        return here is not None and self._under_way[here.id] > 0

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
        self._change(letter, lambda choice, _first: choice.with_values(**values))

    def reset(self, letter: str) -> None:
        """Choose nothing for one pane, or for all: everything is found, or the machine's own."""
        self._change(letter, lambda _choice, _first: LoadChoice())

    def make_alike(self, letter: str) -> None:
        """Choose for a pane what is chosen for the first, except what is a matter of the model."""
        self._change(letter, lambda _choice, first: of_any_model(first()))

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
            self._under_way[conversation.id] += 1
            self._changes.put(
                lambda: self._made(conversation.id, known), self._on_made, lambda: self._on_ended(conversation.id)
            )

    def _made(self, conversation_id: str, known: Mapping[str, LoadPlan | None]) -> _Made:
        """Away from the Qt thread: everything that was asked for until now."""
        with self._lock:
            wanted = {key[1]: self._wanted.pop(key) for key in list(self._wanted) if key[0] == conversation_id}
        now = self._garden.compare.open(conversation_id)
        plans: dict[str, LoadPlan] = {}
        failure = None

        def first() -> LoadChoice:
            letter = now.panes[0][0]
            return (plans.get(letter) or self._plan(now, letter, known.get(letter))).choice

        for letter, run in now.panes:
            if letter not in wanted:
                continue
            try:
                choice = self._plan(now, letter, known.get(letter)).choice
                for change in wanted[letter]:
                    choice = change(choice, first)
                plan = self._chosen(now, letter, choice)
                if plan.configuration != run:
                    now = self._garden.compare.set_pane(conversation_id, letter, plan.configuration)
                plans[letter] = plan
            except GardenError as error:
                # One whose file is gone does not hold up the others, which may have been changed already.
                failure = failure or error
        return _Made(conversation=now, plans=plans, failure=failure)

    def _plan(self, conversation: Conversation, letter: str, known: LoadPlan | None) -> LoadPlan:
        """How a pane is loaded: what is known of it, unless it is loaded otherwise by now."""
        fit, run = self._garden.fit, dict(conversation.panes)[letter]
        if known is not None and known.configuration.model == run.model and known.load == run.load:
            return known
        return plan_behind(fit, run, fit.header(run.model), room_for(self._garden, conversation, letter))

    def _chosen(self, conversation: Conversation, letter: str, choice: LoadChoice) -> LoadPlan:
        fit, run = self._garden.fit, dict(conversation.panes)[letter]
        return chosen_anew(fit, run, fit.header(run.model), choice, room_for(self._garden, conversation, letter))

    def _on_made(self, made: _Made) -> None:
        self._on_ended(made.conversation.id)
        self._facts.know(made.conversation, made.plans)
        self._take(made.conversation)
        if made.failure is not None:
            self._changes.change_failed.emit(made.failure)

    def _on_ended(self, conversation_id: str) -> None:
        self._under_way[conversation_id] -= 1


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
