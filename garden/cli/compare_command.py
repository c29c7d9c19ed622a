"""``garden compare``."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import sys

import click

from garden.cli.output import json_option, opened, print_json, printable
from garden.core.conversation import Answer, Conversation, Mode, Turn
from garden.core.errors import CancelledByUser, GardenError
from garden.core.events import PaneChanged, PaneText
from garden.core.run_configuration import RunConfiguration
from garden.jobs.handle import Handle
from garden.services.compare import LETTERS
from garden.services.figures import figures
from garden.services.garden import Garden
from garden.services.target import full_name


@click.command(help="One PROMPT to several models, side by side. PROMPT “-” reads standard input.")
@click.argument("prompt")
@click.option("--model", "models", multiple=True, required=True, help="A TARGET; give one to four.")
@click.option("--mode", type=click.Choice([mode.value for mode in Mode]), default="fair", show_default=True)
@click.option("--system", help="System prompt.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 2), help="Of the draw; one is drawn and told by default.")
@click.option("--temperature", type=click.FloatRange(0, 5), help="0 is greedy; the model's own by default.")
@click.option("--max-tokens", type=click.IntRange(1, 1_000_000), default=512, show_default=True)
@click.option("--context", type=click.IntRange(16, 16_777_216), help="Tokens that a pane holds.")
@json_option
def compare(
    prompt: str,
    models: tuple[str, ...],
    mode: str,
    system: str | None,
    seed: int | None,
    temperature: float | None,
    max_tokens: int,
    context: int | None,
    as_json: bool,
) -> None:
    """Compare."""
    if len(models) > len(LETTERS):
        raise click.UsageError(f"A comparison has at most {len(LETTERS)} models.")
    if prompt == "-":
        prompt = sys.stdin.read()
    # One for all panes: what differs between them is then the models.
    drawn = secrets.randbelow(2**31) if seed is None else seed
    with opened() as garden:
        garden.machine.read()
        panes, names = [], []
        for target in models:
            entry = garden.library.resolve(target)
            if entry.problem:
                raise GardenError(entry.problem)
            configuration = garden.compare.configuration_for(entry)
            panes.append(_asked(configuration, system, drawn, temperature, max_tokens, context))
            names.append(printable(full_name(entry)))
        conversation = garden.compare.new(panes, Mode(mode))
        turn = wait_for_turn(garden, conversation, prompt, names, quiet=as_json)
    if as_json:
        print_json({"panes": [pane_document(names[LETTERS.index(answer.pane)], answer) for answer in turn.answers]})
    else:
        _show(turn, names)
        if not all(answer.configuration.ask.sampling.greedy for answer in turn.answers):
            click.echo(f"Drawn with seed {drawn}: --seed {drawn} gives the same answers.")
    if all(answer.error for answer in turn.answers):
        first = turn.answers[0]
        raise GardenError(first.error or "No pane answered.", first.action)


def _asked(
    configuration: RunConfiguration,
    system: str | None,
    seed: int,
    temperature: float | None,
    max_tokens: int,
    context: int | None,
) -> RunConfiguration:
    sampling = configuration.ask.sampling
    if temperature is not None:
        sampling = dataclasses.replace(sampling, temperature=temperature)
    changed = configuration.with_ask(system_prompt=system, sampling=sampling, max_tokens=max_tokens, seed=seed)
    return changed.with_load(context_length=context) if context else changed


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


def _show(turn: Turn, names: list[str]) -> None:
    for answer in turn.answers:
        click.echo(f"── {answer.pane}  {names[LETTERS.index(answer.pane)]}")
        if answer.text:
            click.echo(printable(answer.text.strip()))
        if answer.error:
            click.echo(printable(f"{answer.error} {answer.action}".strip()))
        click.echo(f"   {figures(answer)}\n")


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
