"""``garden trust``."""

from __future__ import annotations

import dataclasses

import click

from garden.cli.output import json_option, opened, print_json, printable
from garden.core.licence import licence_of
from garden.core.trust import RepositoryTrust
from garden.hub.address import parse_repo_id
from garden.services.trust_report import Weight, trust_facts

_MARKS = {Weight.GOOD: "+", Weight.NOTE: "·", Weight.WARNING: "!"}


@click.command(help="What speaks for and against a repository (owner/name, or its address on the Hub).")
@click.argument("repo")
@click.option("--revision", help="Branch, tag or commit.")
@json_option
def trust(repo: str, revision: str | None, as_json: bool) -> None:
    """Show the facts."""
    repo_id = parse_repo_id(repo)
    if repo_id is None:
        raise click.UsageError(f"“{repo}” is not owner/name.")
    with opened(notes_optional=True) as garden:
        found = garden.catalog.trust(repo_id, revision).result()
    if as_json:
        print_json(_document(found))
        return
    click.echo(printable(found.repo_id))
    for fact in trust_facts(found):
        click.echo(f"{_MARKS[fact.weight]} {fact.subject}: {printable(fact.headline)}")
        if fact.sentence:
            click.echo(f"  {printable(fact.sentence)}")


def _document(found: RepositoryTrust) -> dict[str, object]:
    licence = licence_of(found.license_id)
    return {
        **dataclasses.asdict(found),
        "license_class": licence.license_class.value,
        "license_duties": list(licence.duties),
    }
