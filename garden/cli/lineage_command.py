"""``garden lineage``."""

from __future__ import annotations

import click

from garden.cli.output import json_option, opened, print_json, print_table, printable
from garden.core.catalog import ModelSummary
from garden.core.model_family import ModelFamily, Relation
from garden.core.quantity import format_count, format_parameters
from garden.hub.address import parse_repo_id

_HOW = {
    Relation.FINETUNE: "fine-tuned from",
    Relation.ADAPTER: "an adapter of",
    Relation.MERGE: "merged from",
    Relation.QUANTIZED: "quantized from",
    None: "made from",
}

_MADE = {
    Relation.FINETUNE: "Fine-tunes",
    Relation.ADAPTER: "Adapters",
    Relation.MERGE: "Merges",
    Relation.QUANTIZED: "Quantizations",
}


@click.command(help="What a repository (owner/name, or its address on the Hub) was made from, and what was made of it.")
@click.argument("repo")
@json_option
def lineage(repo: str, as_json: bool) -> None:
    """Show a family."""
    repo_id = parse_repo_id(repo)
    if repo_id is None:
        raise click.UsageError(f"“{repo}” is not owner/name.")
    with opened(notes_optional=True) as garden:
        family = garden.catalog.families.family(repo_id).result()
    if as_json:
        print_json(_document(family))
        return
    click.echo(printable(family.repo_id))
    for depth, parents in enumerate(family.generations, 1):
        names = ", ".join(printable(parent.repo_id) for parent in parents)
        click.echo(f"{'  ' * depth}{_HOW[parents[0].relation]} {names}")
    if not family.derivatives:
        click.echo(f"Nothing on the Hub says that it was made from {printable(family.trunk)}.")
    for group in family.derivatives:
        more = ", those with the most downloads" if group.has_more else ""
        click.echo(f"\n{_MADE[group.relation]} of {printable(family.trunk)}{more}:")
        print_table(
            ("Model", "Parameters", "Licence", "Downloads"), [_row(model) for model in group.models], right=(1, 3)
        )


def _row(model: ModelSummary) -> tuple[str, ...]:
    return (
        model.repo_id,
        format_parameters(model.parameters) if model.parameters else "–",
        model.license or "–",
        format_count(model.downloads) if model.downloads is not None else "–",
    )


def _document(family: ModelFamily) -> dict[str, object]:
    return {
        "repo_id": family.repo_id,
        "ancestors": [
            [{"repo_id": parent.repo_id, "relation": parent.relation} for parent in parents]
            for parents in family.generations
        ],
        "trunk": family.trunk,
        "derivatives": [
            {
                "repo_id": model.repo_id,
                "relation": group.relation,
                "parameters": model.parameters,
                "license": model.license,
                "downloads": model.downloads,
                "has_gguf": model.has_gguf,
            }
            for group in family.derivatives
            for model in group.models
        ],
    }
