"""Conversations in memory, each change stored before it shows: whoever looks never waits for the disk."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from garden.core.conversation import Answer, Conversation, FinishReason
from garden.core.errors import GardenError
from garden.core.events import ConversationsChanged, EventBus, FilesMoved
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import RunConfiguration
from garden.services.answer_notes import noting
from garden.services.bookkeeping import bookkeeping
from garden.services.pane_run import KEPT
from garden.store.conversations import Conversations

_LOG = logging.getLogger(__name__)


class OpenConversations:
    """What was begun or opened in this process. Safe to use from any thread.

    Args:
        bus: Where changes are announced.
        conversations: Where they are kept.
        find: Where a model's file lies now that is not where it was; None when it is nowhere.
        found: Stores that a conversation's file was found: its id, the old and the new place.
    """

    def __init__(
        self,
        bus: EventBus,
        conversations: Conversations,
        find: Callable[[ModelRef], str | None] = lambda _ref: None,
        found: Callable[[str, str, str], None] = lambda _id, _old, _new: None,
    ) -> None:
        self._bus = bus
        self._conversations = conversations
        self._find = find
        self._found = found
        self._open: dict[str, Conversation] = {}
        # Guards memory alone, never held over the disk.
        self._lock = threading.Lock()
        # One change and its saving at a time; taken before ``_lock``, and never by whoever only looks.
        self._saving = threading.RLock()

    @property
    def changing(self) -> contextlib.AbstractContextManager[object]:
        """Held by whoever decides on a change from what a conversation is now."""
        return self._saving

    def now(self, conversation_id: str) -> Conversation | None:
        """A conversation as it is now, None when it was deleted or never opened; never waits."""
        with self._lock:
            return self._open.get(conversation_id)

    def get(self, conversation_id: str) -> Conversation:
        """A conversation as it is now, read from the disk when it was not opened yet.

        Raises:
            NotFoundError: It was deleted.
        """
        conversation = self.now(conversation_id)
        if conversation is not None:
            return conversation
        with self._saving:
            # Nobody deletes it meanwhile.
            return self.put(self.now(conversation_id) or _interrupted(self._conversations.load(conversation_id)))

    def put(self, conversation: Conversation) -> Conversation:
        """Take one over as it is, without storing it."""
        with self._lock:
            self._open[conversation.id] = conversation
        return conversation

    def change(self, conversation_id: str, *, store: bool = False, **fields: object) -> Conversation:
        """Give it other fields and store it; one without a turn is stored only when ``store`` says so.

        Raises:
            GardenError: It was deleted, or could not be stored; nothing is changed then.
        """
        with self._saving:
            conversation = dataclasses.replace(self.get(conversation_id), updated_at=time.time(), **fields)  # type: ignore[arg-type]  # fields of Conversation
            if store or conversation.turns:
                self._conversations.save(conversation)
            self.put(conversation)
        if store or "title" in fields:
            self._bus.publish(ConversationsChanged())
        return conversation

    def keep(self, conversation_id: str, index: int, answer: Answer) -> Answer:
        """Put an answer into its turn and store the conversation; one without words never replaces one that has some.

        Returns:
            The answer to show: the new one, or the one that stays, with what went wrong told beside it.
        """
        with self._saving:
            conversation = self.get(conversation_id)
            turn = conversation.turns[index]
            said = next((old for old in turn.answers if old.pane == answer.pane and old.text), None)
            if said is not None and not answer.text:
                return _beside(said, answer)
            answers = tuple(answer if old.pane == answer.pane else old for old in turn.answers)
            if answer.pane not in [old.pane for old in turn.answers]:
                answers = (*answers, answer)
            turns = list(conversation.turns)
            turns[index] = dataclasses.replace(turn, answers=answers)
            try:
                self.change(conversation_id, turns=tuple(turns), store=True)
            except GardenError as error:
                # It stands in its pane all the same, and is stored with the next change that can be.
                _LOG.warning("An answer was not stored: %s", error.sentence)
                self.put(dataclasses.replace(conversation, turns=tuple(turns)))
        return answer

    def noting(
        self, conversation_id: str, index: int, so_far: Callable[[], Answer]
    ) -> contextlib.AbstractContextManager[None]:
        """Store what a pane has written so far from time to time, on the disk alone, until its answer is kept.

        An answer that ended well stays there until another one has: a retry that is cut off does not cost it.
        """

        def note(answer: Answer) -> None:
            with self._saving:
                old = next(
                    (old for old in self.get(conversation_id).turns[index].answers if old.pane == answer.pane), None
                )
                if old is None or not old.text or old.error:
                    self._conversations.note(conversation_id, index, answer)

        return noting(note, so_far)

    def moved(self, old: str, new: str) -> None:
        """Name a file where it lies now, in every conversation that was begun or opened here; nothing is stored."""
        changed = False
        with self._saving:
            for conversation in tuple(self._open.values()):
                there = _with_file(conversation, old, new)
                changed = changed or there is not conversation
                self.put(there)
        if changed:
            self._bus.publish(FilesMoved())

    def find_files(self, conversation_id: str | None = None) -> None:
        """Look for files of panes that are not where they were, e.g. since another program of Garden moved them.

        Args:
            conversation_id: Whose panes; of all that were begun or opened here when None.
        """
        with self._lock:
            looked = [one for key, one in self._open.items() if conversation_id in (None, key)]
        refs = {run.model.path: run.model for one in looked for _letter, run in one.panes}
        for path, ref in refs.items():
            if path is not None and not Path(path).exists() and (there := self._find(ref)) is not None:
                self.moved(path, there)
                for conversation in looked:
                    with bookkeeping("Where a model's file lies now"):
                        self._found(conversation.id, path, there)

    def delete(self, conversation_id: str) -> None:
        """Delete it, in memory and on the disk."""
        # In one step: an answer that comes meanwhile is kept before this, or finds nothing to be kept in.
        with self._saving:
            self._conversations.delete(conversation_id)
            with self._lock:
                self._open.pop(conversation_id, None)
        self._bus.publish(ConversationsChanged())


def _interrupted(stored: Conversation) -> Conversation:
    """A conversation as it was left: what had not ended when it was stored last, never will."""

    def settled(answer: Answer) -> Answer:
        if answer.finish_reason is not None:
            return answer
        return dataclasses.replace(
            answer,
            finish_reason=FinishReason.ERROR,
            error="This answer was interrupted: Garden ended while it was written."
            if answer.text
            else "Garden ended before this was answered.",
            action=f"Start again to ask once more; {KEPT}" if answer.text else "Start again to ask once more.",
        )

    turns = (dataclasses.replace(turn, answers=tuple(map(settled, turn.answers))) for turn in stored.turns)
    return dataclasses.replace(stored, turns=tuple(turns))


def _with_file(conversation: Conversation, old: str, new: str) -> Conversation:
    def there(run: RunConfiguration) -> RunConfiguration:
        adapters = run.load.adapters
        if any(adapter.path == old for adapter in adapters):
            moved = (dataclasses.replace(one, path=new) if one.path == old else one for one in adapters)
            run = run.with_load(adapters=tuple(moved))
        return (
            dataclasses.replace(run, model=dataclasses.replace(run.model, path=new)) if run.model.path == old else run
        )

    panes = tuple((letter, there(run)) for letter, run in conversation.panes)
    turns = tuple(
        dataclasses.replace(
            turn,
            answers=tuple(
                dataclasses.replace(answer, configuration=there(answer.configuration)) for answer in turn.answers
            ),
        )
        for turn in conversation.turns
    )
    if panes == conversation.panes and turns == conversation.turns:
        return conversation
    return dataclasses.replace(conversation, panes=panes, turns=turns)


def _beside(said: Answer, silent: Answer) -> Answer:
    """What was said before, with why the answer that was to replace it has no words; a stop needs no reason."""
    if silent.finish_reason is FinishReason.CANCELLED:
        return said
    error = silent.error or "The model ended its new answer at once, without a word."
    action = silent.action or "The earlier answer stays."
    return dataclasses.replace(said, error=error, action=action)
