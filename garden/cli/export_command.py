"""``garden export``."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from garden.cli.output import json_option, opened, print_json, wait
from garden.cli.run_options import RunChoices, context_note, run_options
from garden.cli.targets import usable_model
from garden.core.conversation import Answer
from garden.core.errors import AlreadyThereError, GardenError
from garden.core.library_entry import LibraryEntry
from garden.core.run_configuration import RunConfiguration
from garden.export.formats import FORMATS
from garden.services.garden import Garden
from garden.store.replays import ReplayRecord

_PROMPT = "Write one sentence about gardens."
_VERIFIED_TOKENS = 64


@click.command(help="Render TARGET's configuration for another runtime.")
@click.argument("target", required=False)
@click.option("--format", "format_name", type=click.Choice([known.name for known in FORMATS]), help="What for.")
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path), help="Folder to write to.")
@click.option(
    "--verify", is_flag=True, help="Answer a prompt here and through the exported script, and compare tokens."
)
@run_options
@click.option("--force", is_flag=True, help="Replace files of the same name.")
@click.option("--list", "list_formats", is_flag=True, help="Name the formats.")
@json_option
def export(
    target: str | None,
    format_name: str | None,
    output: Path | None,
    verify: bool,
    choices: RunChoices,
    force: bool,
    list_formats: bool,
    as_json: bool,
) -> None:
    """Export."""
    if list_formats:
        _list(as_json)
        return
    if target is None or format_name is None or output is None:
        raise click.UsageError("Name a TARGET, --format and -o DIR; --list names the formats.")
    with opened(notes_optional=not verify) as garden:
        garden.machine.read()
        entry = usable_model(garden, target)
        configuration = choices.applied_to(garden.compare.configuration_for(entry))
        answer, replay = None, None
        if verify:
            configuration, answer, replay = _replayed(garden, entry, configuration)
        rendered = garden.exports.render(format_name, configuration, answer, with_seed=choices.seed is not None)
        try:
            paths = garden.exports.write(rendered, output, replace=force)
        except AlreadyThereError as error:
            raise AlreadyThereError(error.sentence, "Choose another folder, or --force to replace them.") from error
    context = context_note(choices.context, configuration.load.context_length, entry.context_length)
    notes = (*rendered.notes, *filter(None, (context,)))
    verified = None if replay is None else replay.verdict == "reproduces"
    _show(paths, verified, replay.detail if replay else "", notes, as_json)
    if verified is False:
        raise GardenError(
            "The exported script does not give the answer that Garden gives.", replay.detail if replay else ""
        )


def _replayed(
    garden: Garden, entry: LibraryEntry, configuration: RunConfiguration
) -> tuple[RunConfiguration, Answer, ReplayRecord]:
    """What to export as the engine resolved it, a greedy answer with it, and the verdict on the script's."""
    sampling = dataclasses.replace(configuration.ask.sampling, temperature=0.0)
    greedy = configuration.with_ask(sampling=sampling, max_tokens=_VERIFIED_TOKENS)
    conversation = garden.compare.new([greedy])
    asked = garden.compare.ask(conversation.id, _PROMPT)
    answer = wait(asked, garden, as_json=False, what=f"Asking {entry.ref.name}").answers[0]
    garden.compare.delete(conversation.id)
    if answer.error:
        raise GardenError(answer.error, answer.action)
    handle = garden.exports.replay(answer.configuration, answer)
    replay = wait(handle, garden, as_json=False, what="Replaying the exported script")
    # The proof was greedy; what is taken away is asked as the user wants it.
    ask = dataclasses.replace(
        answer.configuration.ask, sampling=configuration.ask.sampling, max_tokens=configuration.ask.max_tokens
    )
    return dataclasses.replace(answer.configuration, ask=ask), answer, replay


def _list(as_json: bool) -> None:
    if as_json:
        print_json([{"name": known.name, "title": known.title} for known in FORMATS])
        return
    for known in FORMATS:
        click.echo(f"{known.name:18} {known.title}")


def _show(paths: tuple[Path, ...], verified: bool | None, detail: str, notes: tuple[str, ...], as_json: bool) -> None:
    if as_json:
        told = " ".join(filter(None, (detail, *notes)))
        print_json({"files": [str(path) for path in paths], "verified": verified, "detail": told})
        return
    for path in paths:
        click.echo(str(path))
    if verified:
        click.echo(f"Verified with greedy tokens through the llama-cpp-python script: {detail}")
    for note in notes:
        click.echo(f"Note: {note}")
