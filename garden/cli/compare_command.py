"""``garden compare``."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import sys

import click

from garden.cli.output import json_option, opened, print_json, printable
from garden.cli.run_options import RunChoices, context_note, run_options
from garden.cli.targets import about, usable_model
from garden.core.conversation import Answer, Conversation, Mode, Turn
from garden.core.errors import CancelledByUser, GardenError
from garden.core.events import PaneChanged, PaneText
from garden.jobs.handle import Handle
from garden.services.compare import LETTERS
from garden.services.figures import figures
from garden.services.garden import Garden
from garden.services.target import full_name


@click.command(help="One PROMPT to several models, side by side. PROMPT “-” reads standard input.")
@click.argument("prompt")
@click.option("--model", "models", multiple=True, required=True, help="A TARGET; give one to four.")
@click.option("--mode", type=click.Choice([mode.value for mode in Mode]), default="fair", show_default=True)
@run_options
@json_option
def compare(
    prompt: str,
    models: tuple[str, ...],
    mode: str,
    choices: RunChoices,
    as_json: bool,
) -> None:
    """Compare."""
    if len(models) > len(LETTERS):
        raise click.UsageError(f"A comparison has at most {len(LETTERS)} models.")
    if prompt == "-":
        if sys.stdin is None:
            raise click.UsageError("There is no standard input to read the prompt from.")
        prompt = sys.stdin.read()
    # One for all panes: what differs between them is then the models.
    seed = secrets.randbelow(2**31) if choices.seed is None else choices.seed
    choices = dataclasses.replace(choices, seed=seed)
    with opened() as garden:
        garden.machine.read()
        panes, names, trained = [], [], []
        for target in models:
            entry = usable_model(garden, target)
            with about(full_name(entry)):
                panes.append(choices.applied_to(garden.compare.configuration_for(entry)))
            names.append(printable(full_name(entry)))
            trained.append(entry.context_length)
        conversation = garden.compare.new(panes, Mode(mode))
        turn = wait_for_turn(garden, conversation, prompt, names, quiet=as_json)
    if as_json:
        print_json({"panes": [pane_document(names[LETTERS.index(answer.pane)], answer) for answer in turn.answers]})
    else:
        notes = [
            context_note(choices.context, answer.configuration.load.context_length, trained[LETTERS.index(answer.pane)])
            for answer in turn.answers
        ]
        _show(turn, names, notes)
        if not all(answer.configuration.ask.sampling.greedy for answer in turn.answers):
            click.echo(f"Drawn with seed {seed}: --seed {seed} gives the same answers.")
    if all(answer.error for answer in turn.answers):
        first = turn.answers[0]
        with about(names[LETTERS.index(first.pane)]):
            raise GardenError(first.error or "No pane answered.", first.action)


def wait_for_turn(garden: Garden, conversation: Conversation, prompt: str, names: list[str], *, quiet: bool) -> Turn:
    """Ask and wait, showing which pane is where; Ctrl+C stops the panes and ends the command."""
    events = garden.bus.subscribe()
    handle: Handle[Turn] = garden.compare.ask(conversation.id, prompt, standalone=True)
    terminal = sys.stderr.isatty() and not quiet
    tokens: dict[str, int] = {}
    try:
        while not handle.done:
            for event in events.wait(0.2):
                if isinstance(event, PaneText):
                    tokens[event.pane] = tokens.get(event.pane, 0) + event.tokens
                if terminal and isinstance(event, PaneText | PaneChanged):
                    state = event.state if isinstance(event, PaneChanged) else f"{tokens[event.pane]} tokens"
                    name = names[LETTERS.index(event.pane)]
                    click.echo(f"\r\033[K{event.pane}  {name}  {state}", nl=False, err=True)
        return handle.result()
    except KeyboardInterrupt:
        garden.compare.stop(conversation.id)
        with contextlib.suppress(GardenError, TimeoutError):
            handle.result(10)
        raise CancelledByUser from None
    finally:
        garden.bus.unsubscribe(events)
        if terminal:
            click.echo("\r\033[K", nl=False, err=True)


def _show(turn: Turn, names: list[str], notes: list[str]) -> None:
    for answer, note in zip(turn.answers, notes, strict=True):
        click.echo(f"── {answer.pane}  {names[LETTERS.index(answer.pane)]}")
        if answer.text:
            click.echo(printable(answer.text.strip()))
        if answer.error:
            click.echo(printable(f"{answer.error} {answer.action}".strip()))
        click.echo(f"   {figures(answer)}")
        if note and not answer.error:
            click.echo(f"   {note}")
        click.echo()


def pane_document(name: str, answer: Answer) -> dict[str, object]:
    """A pane as JSON."""
    metrics = answer.metrics
    return {
        "model": name,
        "text": answer.text,
        "finish_reason": answer.finish_reason.value if answer.finish_reason else None,
        "prompt_tokens": metrics.prompt_tokens,
        "completion_tokens": metrics.completion_tokens,
        "time_to_first_token_ms": metrics.time_to_first_token_ms,
        "prefill_tokens_per_second": metrics.prefill_tokens_per_second,
        "decode_tokens_per_second": metrics.decode_tokens_per_second,
        "buffers_bytes": metrics.buffers_bytes,
        "peak_memory_bytes": metrics.peak_memory_bytes,
        "error": answer.error,
        "run_configuration": answer.configuration.to_document(),
    }
