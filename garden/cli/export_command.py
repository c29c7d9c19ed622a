"""``garden export``."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from garden.cli.output import json_option, opened, print_json
from garden.core.errors import GardenError
from garden.export.formats import FORMATS

_PROMPT = "Write one sentence about gardens."


@click.command(help="Render TARGET's configuration for another runtime.")
@click.argument("target", required=False)
@click.option("--format", "format_name", type=click.Choice([known.name for known in FORMATS]), help="What for.")
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path), help="Folder to write to.")
@click.option("--verify", is_flag=True, help="Answer a prompt here and through the script, and compare tokens.")
@click.option("--force", is_flag=True, help="Replace files of the same name.")
@click.option("--list", "list_formats", is_flag=True, help="Name the formats.")
@json_option
def export(
    target: str | None,
    format_name: str | None,
    output: Path | None,
    verify: bool,
    force: bool,
    list_formats: bool,
    as_json: bool,
) -> None:
    """Export."""
    if list_formats:
        if as_json:
            print_json([{"name": known.name, "title": known.title} for known in FORMATS])
        else:
            for known in FORMATS:
                click.echo(f"{known.name:18} {known.title}")
        return
    if target is None or format_name is None or output is None:
        raise click.UsageError("Name a TARGET, --format and -o DIR; --list names the formats.")
    with opened() as garden:
        entry = garden.library.resolve(target)
        if entry.problem:
            raise GardenError(entry.problem)
        configuration = garden.compare.configuration_for(entry)
        answer, verified, detail = None, None, ""
        if verify:
            sampling = dataclasses.replace(configuration.ask.sampling, temperature=0.0)
            greedy = configuration.with_ask(sampling=sampling, max_tokens=64)
            conversation = garden.compare.new([greedy])
            answer = garden.compare.ask(conversation.id, _PROMPT).result().answers[0]
            garden.compare.delete(conversation.id)
            if answer.error:
                raise GardenError(answer.error, answer.action)
            configuration = answer.configuration
            record = garden.exports.replay(configuration, answer).result()
            verified, detail = record.verdict == "reproduces", record.detail
        rendered = garden.exports.render(format_name, configuration, answer)
        paths = garden.exports.write(rendered, output, replace=force)
    detail = " ".join(filter(None, (detail, *rendered.notes)))
    if as_json:
        print_json({"files": [str(path) for path in paths], "verified": verified, "detail": detail})
    else:
        for path in paths:
            click.echo(str(path))
        if detail:
            click.echo(detail)
    if verified is False:
        raise GardenError("The exported script does not give the pane's answer.", detail)
