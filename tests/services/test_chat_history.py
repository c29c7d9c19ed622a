from __future__ import annotations

from garden.core.conversation import Answer, Conversation, Turn
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import RunConfiguration
from garden.services.chat_history import messages_for

CONFIGURATION = RunConfiguration(model=ModelRef(name="Tiny", filenames=("Tiny.gguf",)))


def turn(prompt: str, *, standalone: bool = False, **answers: str) -> Turn:
    said = tuple(
        Answer(pane=pane, configuration=CONFIGURATION, text=text, error=None if text else "It failed.")
        for pane, text in answers.items()
    )
    return Turn(prompt=prompt, answers=said, standalone=standalone)


def told(*turns: Turn, pane: str = "A", configuration: RunConfiguration = CONFIGURATION) -> list[tuple[str, str]]:
    conversation = Conversation(id="c", title="t", turns=turns)
    messages = messages_for(conversation, len(turns) - 1, pane, configuration)
    return [(message.role, message.content) for message in messages]


def test_a_pane_is_told_its_own_answers_only() -> None:
    turns = (turn("One?", A="a", B="b"), turn("Two?"))

    assert told(*turns, pane="B") == [("user", "One?"), ("assistant", "b"), ("user", "Two?")]


def test_turns_in_which_a_pane_failed_or_was_not_there_are_left_out() -> None:
    turns = (turn("One?", A=""), turn("Two?", B="b"), turn("Three?"))

    assert told(*turns, pane="A") == [("user", "Three?")]


def test_the_system_prompt_comes_first() -> None:
    configuration = CONFIGURATION.with_ask(system_prompt="Be brief.")

    assert told(turn("One?"), configuration=configuration) == [("system", "Be brief."), ("user", "One?")]


def test_a_turn_on_its_own_leaves_earlier_ones_out() -> None:
    assert told(turn("One?", A="a"), turn("Two?", standalone=True)) == [("user", "Two?")]
