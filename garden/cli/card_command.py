"""``garden card``."""

from __future__ import annotations

import click

from garden.cli.output import json_option, opened, print_json, printable
from garden.core.errors import NotFoundError
from garden.hub.address import parse_repo_id
from garden.services.model_card import readable_card


@click.command(help="What the publisher of a repository wrote, licence and intended use on top; as Markdown.")
@click.argument("repo")
@click.option("--revision", help="Branch, tag or commit.")
@json_option
def card(repo: str, revision: str | None, as_json: bool) -> None:
    """Show the card."""
    repo_id = parse_repo_id(repo)
    if repo_id is None:
        raise click.UsageError(f"“{repo}” is not owner/name.")
    with opened(notes_optional=True) as garden:
        repository = garden.catalog.repository(repo_id, revision).result()
        try:
            text = garden.catalog.card(repo_id, repository.revision).result()
        except NotFoundError:
            raise NotFoundError(f"{repo_id} has no card.", "Its publisher has not written one.") from None
    license_id = repository.summary.license
    if as_json:
        told = {"repo_id": repo_id, "revision": repository.revision, "license": license_id, "markdown": text}
        print_json(told)
    else:
        click.echo(printable(readable_card(text, license_id)))
