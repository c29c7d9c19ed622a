"""What a pane is told of the conversation so far."""

from __future__ import annotations

from garden.core.conversation import ChatMessage, Conversation
from garden.core.run_configuration import RunConfiguration

_TITLE_LENGTH = 60


def messages_for(
    conversation: Conversation, index: int, letter: str, configuration: RunConfiguration
) -> tuple[ChatMessage, ...]:
    """The chat as one pane lived it: its own answers; turns in which it failed or was not there are left out.

    Args:
        conversation: With the turn to answer as its ``index``-th.
        index: Which turn is to be answered.
        letter: Whose chat.
        configuration: Holds the system prompt.
    """
    messages = []
    if configuration.ask.system_prompt:
        messages.append(ChatMessage(role="system", content=configuration.ask.system_prompt))
    for turn in () if conversation.turns[index].standalone else conversation.turns[:index]:
        answer = next((a for a in turn.answers if a.pane == letter and a.text and not a.error), None)
        if answer is not None:
            messages.append(ChatMessage(role="user", content=turn.prompt))
            messages.append(ChatMessage(role="assistant", content=answer.text))
    messages.append(ChatMessage(role="user", content=conversation.turns[index].prompt))
    return tuple(messages)


def title_from(prompt: str) -> str:
    """The title of a conversation that begins with this prompt, cut between words."""
    first = " ".join(prompt.split())
    return first if len(first) <= _TITLE_LENGTH else first[: _TITLE_LENGTH - 1].rsplit(" ", 1)[0] + "…"
