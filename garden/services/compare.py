"""Conversations of one to four panes: one prompt, an answer per pane, one model generating at a time."""

from __future__ import annotations

import dataclasses
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from typing import TypeVar

from garden.comparison.schedule import answer_order
from garden.core.conversation import Answer, Conversation, ConversationSummary, FinishReason, Mode, Turn
from garden.core.errors import CancelledByUser, GardenError, NotFoundError, RefusedError, WorkerDiedError
from garden.core.events import EventBus, PaneChanged, PaneStage
from garden.core.library_entry import LibraryEntry
from garden.core.run_configuration import LoadParameters, RunConfiguration
from garden.jobs.handle import Handle, as_garden_error
from garden.jobs.pool import TaskPool
from garden.services.bookkeeping import bookkeeping
from garden.services.chat_history import messages_for, title_from
from garden.services.fit import FitService
from garden.services.model_pool import LoadedModel, ModelPool, PaneKey
from garden.services.open_conversations import OpenConversations
from garden.services.pane_run import PaneRun
from garden.services.panes_at_work import PanesAtWork
from garden.store.conversations import Conversations

ResultT = TypeVar("ResultT")

LETTERS = "ABCD"


class CompareService:
    """Asks panes and keeps what they said. Safe to use from any thread.

    Args:
        bus: Where panes report.
        conversations: Where they are kept.
        opened: Those that were begun or opened in this process.
        fit: Starting configurations; keeps measured speeds.
        make_pool: Makes the pool of loaded models, given what to call when an idle one dies.
        tasks: Runs turns; one thread per conversation that is answering.
    """

    def __init__(
        self,
        bus: EventBus,
        conversations: Conversations,
        opened: OpenConversations,
        fit: FitService,
        make_pool: Callable[[Callable[[PaneKey, WorkerDiedError], None]], ModelPool],
        tasks: TaskPool,
    ) -> None:
        self._bus = bus
        self._conversations = conversations
        self._fit = fit
        self._models = make_pool(self._on_idle_death)
        self._tasks = tasks
        self._seed = secrets.randbelow(2**31)
        self._open = opened
        # One model generates at a time, whichever conversation asked.
        self._generating = threading.Lock()
        self._at_work = PanesAtWork()

    # --- conversations ---

    def configuration_for(self, entry: LibraryEntry, load: LoadParameters | None = None) -> RunConfiguration:
        """The configuration to start from for a model; one seed for a session, so that panes differ by model alone.

        Args:
            entry: The model.
            load: How it is loaded, to the last field; as this machine would by itself when None.
        """
        return self._fit.configuration(entry, seed=self._seed, load=load, without=self._models.idle_pids)

    def new(self, panes: Sequence[RunConfiguration], mode: Mode = Mode.FAIR) -> Conversation:
        """Begin a conversation; it is stored with its first answer.

        Raises:
            RefusedError: No pane, or more than four.
        """
        if not 1 <= len(panes) <= len(LETTERS):
            raise RefusedError(f"A comparison has one to {len(LETTERS)} panes.", "Choose fewer models.")
        now = time.time()
        conversation = Conversation(
            id=uuid.uuid4().hex,
            title="New comparison" if len(panes) > 1 else "New chat",
            mode=mode,
            panes=tuple(zip(LETTERS, panes, strict=False)),
            created_at=now,
            updated_at=now,
        )
        return self._open.put(conversation)

    def conversations(self, text: str = "") -> tuple[ConversationSummary, ...]:
        """Kept conversations, the newest first; those that contain every word of a text."""
        return self._conversations.search(text) if text.strip() else self._conversations.list()

    def open(self, conversation_id: str) -> Conversation:
        """A conversation as it is now.

        Raises:
            NotFoundError: It was deleted.
        """
        return self._open.get(conversation_id)

    def now(self, conversation_id: str) -> Conversation | None:
        """A conversation that was begun or opened here, as it is now; None when it was deleted. Never waits."""
        return self._open.now(conversation_id)

    def rename(self, conversation_id: str, title: str) -> Conversation:
        """Give it another title."""
        return self._open.change(conversation_id, title=title.strip()[:200] or "Untitled")

    def delete(self, conversation_id: str) -> None:
        """Stop it, unload its models, delete it."""
        self.stop(conversation_id)
        self._open.delete(conversation_id)
        self.close_conversation(conversation_id)

    def close_conversation(self, conversation_id: str) -> None:
        """Unload the models of its panes."""
        for letter in LETTERS:
            self._models.release((conversation_id, letter))

    def set_mode(self, conversation_id: str, mode: Mode) -> Conversation:
        """Change how panes share the machine."""
        return self._open.change(conversation_id, mode=mode)

    def set_pane(self, conversation_id: str, letter: str, configuration: RunConfiguration | None) -> Conversation:
        """Change a pane, add the next one, or (None) take one away.

        Raises:
            RefusedError: It is answering, it is the last pane, or there is no such letter.
        """
        if letter not in LETTERS:
            raise RefusedError(f"There are panes A to {LETTERS[-1]}.")
        with self._open.changing:
            if conversation_id in self._at_work:
                raise RefusedError("The panes are answering.", "Wait for them, or stop them first.")
            panes = dict(self.open(conversation_id).panes)
            if configuration is not None:
                panes[letter] = configuration
            elif len(panes) == 1:
                raise RefusedError("A conversation has at least one pane.")
            else:
                panes.pop(letter, None)
            changed = self._open.change(conversation_id, panes=tuple(sorted(panes.items())))
        if configuration is None:
            self._models.release((conversation_id, letter))
        return changed

    # --- asking ---

    def ask(
        self,
        conversation_id: str,
        prompt: str,
        *,
        order_seed: int | None = None,
        panes: Sequence[str] | None = None,
        standalone: bool = False,
    ) -> Handle[Turn]:
        """Ask every pane (or some); the turn when all have answered, failed or were stopped.

        Args:
            conversation_id: Whose panes.
            prompt: What to ask.
            order_seed: Shuffles the order in fair mode; drawn when None. Relay goes in pane order.
            panes: Letters to ask, all when None.
            standalone: Leave earlier turns out, so that every pane receives the same text.

        Raises:
            RefusedError: Nothing to ask, or the panes are still answering.
        """
        if not prompt.strip():
            raise RefusedError("There is nothing to ask.", "Write a prompt first.")
        with self._open.changing:
            conversation = self.open(conversation_id)
            asked = [(letter, run) for letter, run in conversation.panes if panes is None or letter in panes]
            order = answer_order([letter for letter, _run in asked], conversation.mode, order_seed)
            index = len(conversation.turns)
            turn = Turn(
                prompt=prompt,
                answers=tuple(Answer(pane=letter, configuration=run) for letter, run in asked),
                order="".join(order),
                standalone=standalone,
                asked_at=time.time(),
            )
            title = conversation.title if conversation.turns else title_from(prompt)
            self._at_work.reserve(conversation_id, LETTERS)
            try:
                # May fail (a full disk); only what is stored is asked.
                self._open.change(conversation_id, turns=(*conversation.turns, turn), title=title)
            except BaseException:
                self._at_work.free(conversation_id)
                raise
        return self._begin(conversation_id, index, order, lambda turn: turn)

    def retry(self, conversation_id: str, letter: str) -> Handle[Answer]:
        """Ask one pane the last prompt again; its answer is replaced as soon as there is another, and stays if not.

        Raises:
            RefusedError: Nothing was asked yet, or the panes are answering.
        """
        conversation = self.open(conversation_id)
        if not conversation.turns or letter not in dict(conversation.panes):
            raise RefusedError("Nothing was asked yet.", "Write a prompt first.")
        index = len(conversation.turns) - 1
        self._at_work.reserve(conversation_id, letter)
        return self._begin(
            conversation_id,
            index,
            letter,
            lambda turn: next(answer for answer in turn.answers if answer.pane == letter),
        )

    def restart(self, conversation_id: str, letter: str) -> Handle[None]:
        """Load a pane's model again after its process died.

        Raises:
            NotFoundError: No such pane.
        """
        configuration = dict(self.open(conversation_id).panes).get(letter)
        if configuration is None:
            raise NotFoundError(f"There is no pane {letter}.")
        wanted = configuration

        def work(_cancelled: threading.Event) -> None:
            # In its turn: a load beside an answer would slow it down, and could push out a model about to answer.
            self._open.find_files(conversation_id)
            with self._generating:
                there = dict(self.open(conversation_id).panes).get(letter, wanted)
                self._models.acquire((conversation_id, letter), there)
            self._models.settled((conversation_id, letter))

        return self._tasks.submit(work)

    def stop(self, conversation_id: str, letter: str | None = None) -> None:
        """Stop a pane, or all: what was written so far is kept."""
        for pane in (letter,) if letter else LETTERS:
            key = (conversation_id, pane)
            # First, so that a pane on its way to its backend sees it there.
            self._at_work.stop(*key)
            backend = self._models.backend(key)
            if backend is None or backend.idle:
                continue
            if backend.loaded is None:
                backend.close()  # a load has no other way to stop
            else:
                backend.cancel()

    def answering(self, conversation_id: str = "") -> bool:
        """Whether any pane of a conversation, or of all of them, is still at work."""
        return conversation_id in self._at_work if conversation_id else bool(self._at_work.conversations())

    def holding(self, conversation_id: str) -> dict[str, int]:
        """The processes that hold the models of its panes now, by letter; never waits."""
        pids = {letter: self._models.pid((conversation_id, letter)) for letter in LETTERS}
        return {letter: pid for letter, pid in pids.items() if pid is not None}

    def holds(self, conversation_id: str, letter: str, configuration: RunConfiguration) -> bool:
        """Whether a pane's model is loaded with exactly this; never waits."""
        return self._models.holds((conversation_id, letter), configuration)

    def loaded(self) -> tuple[LoadedModel, ...]:
        """Everything that Gardens on this machine have loaded."""
        return self._models.models()

    def unload(self, pid: int) -> None:
        """Unload an idle model of this program."""
        self._models.unload(pid)

    def close(self) -> None:
        """Stop everything and unload everything."""
        for conversation_id in self._at_work.conversations():
            self.stop(conversation_id)
        self._models.close()

    # --- one turn ---

    def _begin(
        self, conversation_id: str, index: int, order: Sequence[str], result: Callable[[Turn], ResultT]
    ) -> Handle[ResultT]:
        """Put reserved panes to work, in this order; ``result`` takes what is wanted from the turn."""
        begun = threading.Event()

        def work(cancelled: threading.Event) -> ResultT:
            begun.set()
            return result(self._run_turn(conversation_id, index, order, cancelled))

        def done(_handle: Handle[ResultT]) -> None:
            # A turn that ran has freed its panes itself, and they may have been asked again since.
            if not begun.is_set():
                self._end_unbegun(conversation_id, index, order)

        for letter in order:
            self._report(conversation_id, index, letter, "queued")
        handle = self._tasks.submit(work)
        handle.on_done(done)
        return handle

    def _run_turn(self, conversation_id: str, index: int, order: Sequence[str], cancelled: threading.Event) -> Turn:
        try:
            self._open.find_files(conversation_id)
            relay = self.open(conversation_id).mode is Mode.RELAY
            if relay:
                # Whatever other panes still hold makes room first: never two at once.
                for letter in LETTERS:
                    self._models.release((conversation_id, letter))
            for letter in order:
                with self._generating:
                    answer = self._answer(conversation_id, index, letter, cancelled)
                    if relay:
                        self._models.release((conversation_id, letter))
                self._settle(conversation_id, index, answer)
        finally:
            self._at_work.free(conversation_id)
        return self.open(conversation_id).turns[index]

    def _end_unbegun(self, conversation_id: str, index: int, order: Sequence[str]) -> None:
        """A turn whose handle was cancelled before its turn came: nothing ran, and nothing waits any more."""
        self._at_work.free(conversation_id)
        panes = dict(self.open(conversation_id).panes)
        for letter in order:
            answer = Answer(pane=letter, configuration=panes[letter], finish_reason=FinishReason.CANCELLED)
            self._settle(conversation_id, index, answer)

    def _settle(self, conversation_id: str, index: int, answer: Answer) -> None:
        """Keep an answer, and tell its pane what stands there now."""
        stands = self._open.keep(conversation_id, index, answer)
        self._report(conversation_id, index, answer.pane, "failed" if stands.error else "done", answer=stands)

    def _answer(self, conversation_id: str, index: int, letter: str, cancelled: threading.Event) -> Answer:
        key = (conversation_id, letter)
        stopped = self._at_work.stopped(*key)
        conversation = self.open(conversation_id)
        configuration = dict(conversation.panes)[letter]
        run = PaneRun(self._bus, conversation_id, index, letter, configuration)
        try:
            if cancelled.is_set() or stopped.is_set():
                raise CancelledByUser
            run.report("loading", 0.0)
            started = time.perf_counter()
            held = self._models.backend(key)
            was_loaded = held is not None and held.alive
            backend = self._models.acquire(
                key, configuration, lambda fraction: run.report("loading", fraction), stopped
            )
            load_seconds = None if was_loaded and held is backend else time.perf_counter() - started
            if cancelled.is_set():
                raise CancelledByUser
            run.report("reading", None)
            messages = messages_for(conversation, index, letter, configuration)
            with self._open.noting(conversation_id, index, run.so_far):
                answer = run.ask(backend, messages, load_seconds, self._models.forecast_bytes(key), stopped)
            with bookkeeping("The speed of an answer"):
                self._fit.remember_speed(answer)
            with bookkeeping("What an answer made its process take"):
                self._models.answered(key, answer.metrics)
            return answer
        except CancelledByUser:
            return run.ended(FinishReason.CANCELLED)
        except GardenError as error:
            if stopped.is_set():
                return run.ended(FinishReason.CANCELLED)
            return run.ended(FinishReason.ERROR, error)
        except Exception as error:  # a fault of ours ends this answer, not the panes after it
            return run.ended(FinishReason.ERROR, as_garden_error(error))
        finally:
            self._models.settled(key)

    def _report(
        self, conversation_id: str, turn: int, pane: str, state: PaneStage, answer: Answer | None = None
    ) -> None:
        self._bus.publish(
            PaneChanged(conversation_id=conversation_id, turn=turn, pane=pane, state=state, answer=answer)
        )

    def _on_idle_death(self, key: PaneKey, error: WorkerDiedError) -> None:
        """An idle model's process ended: say so in its pane; a busy one is told by its own answer."""
        conversation_id, letter = key
        conversation = self.now(conversation_id)
        if conversation is None:
            return
        configuration = dict(conversation.panes).get(letter)
        if configuration is None:
            return
        said = conversation.turns[-1].answers if conversation.turns else ()
        last = next(
            (answer for answer in said if answer.pane == letter), Answer(pane=letter, configuration=configuration)
        )
        # What it said stays; that its process is gone is said beside it.
        answer = dataclasses.replace(last, error=error.sentence, action=error.action)
        self._report(conversation_id, max(len(conversation.turns) - 1, 0), letter, "failed", answer=answer)
