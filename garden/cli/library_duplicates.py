"""``garden library --duplicates``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from garden.cli.output import print_json, printable
from garden.core.library_entry import LibraryEntry
from garden.core.quantity import format_bytes
from garden.services.duplicates import SameBytes, duplicates
from garden.services.garden import Garden
from garden.services.removal_plan import RemovalPlan
from garden.services.target import full_name


def show_duplicates(garden: Garden, entries: Sequence[LibraryEntry], as_json: bool) -> None:
    """Print what lies here more than once, and what removing each would free."""
    groups = duplicates(entries)
    plans = {group.sha256: [garden.library.removal(entry) for entry in group.entries] for group in groups}
    if as_json:
        print_json([_document(group, plans[group.sha256]) for group in groups])
        return
    for group in groups:
        each = format_bytes(group.entries[0].ref.size_bytes)
        click.echo(f"{each} each, {format_bytes(group.twice_bytes)} of it twice")
        for plan in plans[group.sha256]:
            click.echo(printable(f"  {full_name(plan.entry)}  {plan.entry.ref.path}\n    {plan.sentence}"))
    if not groups:
        click.echo("No two models here are known to have the same bytes.")
    unhashed = sum(entry.ref.sha256 is None for entry in entries)
    if unhashed:
        models = "1 model was" if unhashed == 1 else f"{unhashed} models were"
        click.echo(f"{models} not hashed yet: garden library verify")


def _document(group: SameBytes, plans: Sequence[RemovalPlan]) -> dict[str, object]:
    return {
        "sha256": group.sha256,
        "size_bytes": group.entries[0].ref.size_bytes,
        "twice_bytes": group.twice_bytes,
        "models": [
            {
                "name": full_name(plan.entry),
                "path": plan.entry.ref.path,
                "frees_bytes": plan.frees_bytes,
                "kept_bytes": plan.kept_bytes,
            }
            for plan in plans
        ],
    }
