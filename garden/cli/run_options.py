"""How a model is loaded and asked, as options that ``compare`` and ``export`` share."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from garden.core.errors import RefusedError
from garden.core.run_configuration import RunConfiguration
from garden.export.rendering import check_numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChoices:
    """What the user chose; None leaves it as the model and this machine have it.

    Attributes:
        system: System prompt.
        seed: Of the draw.
        temperature: 0 is greedy.
        max_tokens: Most tokens of an answer.
        context: Tokens that a conversation holds.
    """

    system: str | None = None
    seed: int | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    context: int | None = None

    def applied_to(self, configuration: RunConfiguration) -> RunConfiguration:
        """The configuration with what was chosen in it.

        Raises:
            RefusedError: A choice is no number, or no text.
        """
        check_text(self.system or "", "The system prompt")
        ask: dict[str, Any] = {"system_prompt": self.system, "seed": self.seed, "max_tokens": self.max_tokens}
        changes = {name: value for name, value in ask.items() if value is not None}
        if self.temperature is not None:
            changes["sampling"] = dataclasses.replace(configuration.ask.sampling, temperature=self.temperature)
        changed = configuration.with_ask(**changes)
        check_numbers(changed)
        return changed.with_load(context_length=self.context) if self.context else changed


def check_text(text: str, what: str) -> None:
    """Refuse bytes that are no UTF-8; Python hides them in what it hands on as text.

    Raises:
        RefusedError: There are some.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RefusedError(f"{what} is not UTF-8 text.", "Write it as UTF-8.", str(error)) from error


_OPTIONS = (
    click.option("--system", help="System prompt."),
    click.option("--seed", type=click.IntRange(0, 2**32 - 2), help="Of the draw."),
    click.option("--temperature", type=click.FloatRange(0, 5), help="0 is greedy; the model's own by default."),
    click.option("--max-tokens", type=click.IntRange(1, 1_000_000), help="Most tokens of an answer; 512 by default."),
    click.option("--context", type=click.IntRange(16, 16_777_216), help="Tokens that a conversation holds."),
)


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options; it receives them as ``choices``."""

    @functools.wraps(command)
    def with_choices(
        *,
        system: str | None,
        seed: int | None,
        temperature: float | None,
        max_tokens: int | None,
        context: int | None,
        **others: Any,
    ) -> None:
        choices = RunChoices(system=system, seed=seed, temperature=temperature, max_tokens=max_tokens, context=context)
        command(choices=choices, **others)

    # The last one stands first in the help.
    for option in reversed(_OPTIONS):
        with_choices = option(with_choices)
    return with_choices


def context_note(asked: int | None, used: int, trained: int | None) -> str:
    """What there is to say of a context; empty when it is as asked for and within what the model learnt.

    Args:
        asked: What the user chose, None when nothing.
        used: What the engine makes of it.
        trained: What the model was trained for, None when the file does not say.
    """
    notes = []
    if asked is not None and used != asked:
        notes.append(f"A context of {asked:,} tokens becomes {used:,}: the engine takes it in steps of 256.")
    if trained is not None and used > trained:
        notes.append(f"The model was trained for {trained:,} tokens: beyond them its answers fall apart.")
    return " ".join(notes)
