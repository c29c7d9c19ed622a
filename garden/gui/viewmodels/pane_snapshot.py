"""One pane at one moment, put together from what is stored, what is under way and what its file says."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from garden.core.conversation import Answer, Conversation, FinishReason, Mode
from garden.core.run_configuration import RunConfiguration
from garden.gui.viewmodels.live_panes import LivePanes
from garden.gui.viewmodels.pane_facts import PaneFacts
from garden.gui.viewmodels.pane_state import (
    LiveAnswer,
    LoadState,
    PaneState,
    Step,
    answer_figures,
    idle_figures,
    live_figures,
    memory_told,
)
from garden.gui.viewmodels.relay_plan import plan_steps
from garden.gui.viewmodels.run_difference import differences

if TYPE_CHECKING:
    from garden.services.compare import CompareService


def answer_of(conversation: Conversation, turn: int, letter: str) -> Answer | None:
    """What a pane said in a turn, None when it took no part in it or there is no such turn."""
    if not 0 <= turn < len(conversation.turns):
        return None
    return next((answer for answer in conversation.turns[turn].answers if answer.pane == letter), None)


def turn_progress(conversation: Conversation, turn: int, panes: LivePanes) -> str:
    """``1 of 3 answered``, with how many failed or were stopped; empty where one pane was asked."""
    order = conversation.turns[turn].order
    ended = [
        answer
        for letter in order
        if panes.live(conversation.id, turn, letter) is None
        and (answer := answer_of(conversation, turn, letter)) is not None
        and answer.finish_reason is not None
    ]
    failed = sum(answer.finish_reason is FinishReason.ERROR or bool(answer.error) for answer in ended)
    stopped = sum(answer.finish_reason is FinishReason.CANCELLED for answer in ended)
    parts = [f"{len(ended) - failed - stopped} of {len(order)} answered"]
    parts += [f"{count} {how}" for count, how in ((failed, "failed"), (stopped, "stopped")) if count]
    return " · ".join(parts) if len(order) > 1 else ""


def load_state_of(compare: CompareService, conversation_id: str, letter: str, run: RunConfiguration) -> LoadState:
    """Whether a pane's model is loaded, and as its configuration says."""
    if compare.holds(conversation_id, letter, run):
        return "as chosen"
    return "otherwise" if letter in compare.holding(conversation_id) else "not"


def pane_snapshot(
    conversation: Conversation,
    turn: int,
    letter: str,
    panes: LivePanes,
    facts: PaneFacts,
    load_state: LoadState = "not",
) -> PaneState:
    """Everything that a pane shows.

    Args:
        conversation: As the service has it.
        turn: Index of the turn that is shown, −1 before the first.
        letter: One of the conversation's panes.
        panes: Answers under way.
        facts: What is known of the pane's file.
        load_state: Whether its model is loaded.
    """
    run, (baseline, first) = dict(conversation.panes)[letter], conversation.panes[0]
    answer = answer_of(conversation, turn, letter)
    state = PaneState(
        letter=letter,
        configuration=run,
        tags=() if letter == baseline else differences(run, first),
        baseline=letter == baseline and len(conversation.panes) > 1,
        state="absent" if turn >= 0 and answer is None else "empty",
        answer=answer,
        note=facts.note(run),
        plan=facts.plan,
        load_state=load_state,
        figures=idle_figures(facts.forecast),
        memory=memory_told(None, facts.forecast),
    )
    live = panes.live(conversation.id, turn, letter)
    if live is not None:
        steps = () if live.pieces else _steps(conversation, turn, run, live, letter, panes)
        return dataclasses.replace(
            state,
            # The first token is told of before its text.
            state="reading" if live.state == "answering" and not live.pieces else live.state,
            fraction=live.fraction,
            # What was written stays until the next answer begins.
            text=live.text if live.pieces else answer.text if answer else "",
            figures=live_figures(live, facts.forecast),
            steps=steps,
        )
    if answer is not None and answer.finish_reason is not None:
        state = dataclasses.replace(
            state,
            state="failed" if answer.error else "done",
            text=answer.text,
            error=answer.error,
            action=answer.action,
            note=_answered_with(answer, run, load_state) or state.note,
            figures=answer_figures(answer, facts.forecast),
            memory=memory_told(answer, facts.forecast),
        )
    loss = panes.lost(conversation.id, letter) if turn == len(conversation.turns) - 1 else None
    # What the answer itself failed with is told as such; anything later goes before it.
    if loss is not None and loss.sentence != state.error:
        return dataclasses.replace(state, state="failed", error=loss.sentence, action=loss.action, lost=True)
    return state


def _answered_with(answer: Answer, run: RunConfiguration, load_state: LoadState) -> str:
    """What an answer came from, where the pane was changed since."""
    ran = answer.configuration
    if (ran.model.name, ran.model.quant_type) != (run.model.name, run.model.quant_type):
        return f"Answered by {' '.join(filter(None, (ran.model.name, ran.model.quant_type)))}."
    if run.load.flash_attention == "auto":
        # The engine's choice is no change.
        ran = ran.with_load(flash_attention="auto")
    changed = differences(ran, run)
    again = "; the next prompt loads the model again" if load_state == "otherwise" else ""
    return f"Answered with {', '.join(changed)}{again}." if changed else ""


def _steps(
    conversation: Conversation, turn: int, run: RunConfiguration, live: LiveAnswer, letter: str, panes: LivePanes
) -> tuple[Step, ...]:
    order = conversation.turns[turn].order if turn >= 0 else ""
    before = order[: order.find(letter)] if letter in order else ""
    waits = [
        (other, under_way.state)
        for other in before
        if (under_way := panes.live(conversation.id, turn, other)) is not None
    ]
    relay = conversation.mode is Mode.RELAY
    if turn < 0:
        # Nothing was asked: the model is loaded, and no more.
        return plan_steps(live, run, waits, relay=False, loaded=False)[:1]
    return plan_steps(live, run, waits, relay=relay, loaded=not relay and panes.holds(conversation.id, letter, run))
