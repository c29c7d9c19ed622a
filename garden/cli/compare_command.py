"""``garden compare``."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import sys

import click

from garden.cli.answer_stream import AnswerStream, heading
from garden.cli.output import json_option, opened, print_json, printable
from garden.cli.run_options import RunChoices, check_text, context_note, run_options
from garden.cli.targets import about, usable_model
from garden.core.conversation import Answer, Conversation, Mode, Turn
from garden.core.errors import CancelledByUser, GardenError, RefusedError
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
        prompt = _standard_input()
    check_text(prompt, "The prompt")
    # One for all panes: what differs between them is then the models.
    seed = secrets.randbelow(2**31) if choices.seed is None else choices.seed
    choices = dataclasses.replace(choices, seed=seed)
    with opened() as garden:
        garden.machine.read()
        panes, names, trained = [], [], []
        for target in models:
            entry = usable_model(garden, target)
            with about(full_name(entry)):
                configuration = garden.compare.configuration_for(entry)
            panes.append(choices.applied_to(configuration))
            names.append(printable(full_name(entry)))
            trained.append(entry.context_length)
        conversation = garden.compare.new(panes, Mode(mode))
        stream = AnswerStream(
            names, text=not as_json and sys.stdout.isatty(), progress=not as_json and sys.stderr.isatty()
        )
        try:
            turn = wait_for_turn(garden, conversation, prompt, stream)
        except StoppedError as stop:
            if stop.turn is not None and not as_json and any(answer.text for answer in stop.turn.answers):
                _show(stop.turn, names, [""] * len(names), stream.streamed)
                click.echo("Stopped: the answers end where they were.", err=True)
            raise
    if as_json:
        print_json({"panes": [pane_document(names[LETTERS.index(answer.pane)], answer) for answer in turn.answers]})
    else:
        notes = [
            context_note(choices.context, answer.configuration.load.context_length, trained[LETTERS.index(answer.pane)])
            for answer in turn.answers
        ]
        _show(turn, names, notes, stream.streamed)
        answered = [answer for answer in turn.answers if not answer.error]
        if answered and not all(answer.configuration.ask.sampling.greedy for answer in turn.answers):
            click.echo(f"Drawn with seed {seed}: --seed {seed} gives the same answers.")
    failed = [answer for answer in turn.answers if answer.error]
    if failed:
        *others, last = [_failure(answer, names) for answer in failed]
        raise GardenError(" ".join([*(str(error) for error in others), last.sentence]), last.action)


def _standard_input() -> str:
    """What is piped in.

    Raises:
        RefusedError: It is not UTF-8.
    """
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise RefusedError("The prompt is not UTF-8 text.", "Write it as UTF-8.", str(error)) from error


def _failure(answer: Answer, names: list[str]) -> GardenError:
    name = names[LETTERS.index(answer.pane)]
    sentence = answer.error or ""
    return GardenError(sentence if name in sentence else f"{name}: {sentence}", answer.action)


class StoppedError(CancelledByUser):
    """The user stopped the panes.

    Attributes:
        turn: What they had answered, None when that is not known.
    """

    def __init__(self, turn: Turn | None) -> None:
        super().__init__()
        self.turn = turn


def wait_for_turn(garden: Garden, conversation: Conversation, prompt: str, stream: AnswerStream) -> Turn:
    """Ask and wait, showing what comes; Ctrl+C stops the panes and ends the command.

    Raises:
        StoppedError: Ctrl+C; the panes have stopped.
    """
    events = garden.bus.subscribe()
    handle: Handle[Turn] = garden.compare.ask(conversation.id, prompt, standalone=True)

    def show(timeout: float) -> None:
        for event in events.wait(timeout):
            if isinstance(event, PaneText | PaneChanged):
                stream.show(event)

    try:
        while not handle.done:
            show(0.2)
        show(0)
        return handle.result()
    except KeyboardInterrupt:
        garden.compare.stop(conversation.id)
        turn = None
        with contextlib.suppress(GardenError, TimeoutError):
            turn = handle.result(10)
        show(0)
        raise StoppedError(turn) from None
    finally:
        garden.bus.unsubscribe(events)
        stream.end_line()


def _show(turn: Turn, names: list[str], notes: list[str], streamed: set[str]) -> None:
    for answer, note in zip(turn.answers, notes, strict=True):
        if answer.pane not in streamed or len(names) > 1:
            click.echo(heading(answer.pane, names))
        if answer.text and answer.pane not in streamed:
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
