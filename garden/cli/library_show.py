"""``garden library show``."""

from __future__ import annotations

import time

import click

from garden.cli.output import json_option, opened, print_json, printable
from garden.core.library_entry import LibraryEntry
from garden.core.quantity import format_age, format_bytes, format_parameters, format_rate
from garden.core.upstream import Upstream
from garden.services.target import full_name

_UPSTREAM = {"same": "what the Hub has", "changed": "replaced on the Hub since", "gone": "no longer on the Hub"}


@click.command(help="All that is known of one model: source, hash, what was measured, what removing it frees.")
@click.argument("target")
@json_option
def show(target: str, as_json: bool) -> None:
    """Show it."""
    with opened(notes_optional=True) as garden:
        found = garden.library.resolve(target)
        entry = next((each for each in garden.library.entries() if each.ref.path == found.ref.path), found)
        removal = garden.library.removal(entry).sentence
    lines = _lines(entry)
    if as_json:
        print_json({"name": full_name(entry), **lines, "removal": removal})
        return
    click.echo(printable(full_name(entry)))
    for name, value in lines.items():
        click.echo(printable(f"  {name}: {value}"))
    click.echo(printable(f"  remove: {removal}"))


def _lines(entry: LibraryEntry) -> dict[str, str]:
    ref = entry.ref
    speed = entry.decode_tokens_per_second
    told = {
        "path": ref.path,
        "problem": entry.problem,
        "size": format_bytes(ref.size_bytes),
        "parameters": format_parameters(entry.parameters) if entry.parameters else None,
        "architecture": entry.architecture,
        "trained for": f"{entry.context_length:,} tokens" if entry.context_length else None,
        "licence": entry.license,
        "repository": ref.repo_id,
        "commit": ref.revision,
        "on the Hub": None if entry.upstream is None else _upstream(entry.upstream),
        "sha256": ref.sha256 or "not hashed yet",
        "checked": _checked(entry),
        "made from": " → ".join(entry.lineage) or None,
        "speed": f"{format_rate(speed)} tok/s, as last measured" if speed is not None else "not measured yet",
        "last used": _day(entry.last_used_at) if entry.last_used_at is not None else "never",
        "projector": entry.projector,
    }
    return {name: value for name, value in told.items() if value}


def _upstream(upstream: Upstream) -> str:
    return _UPSTREAM[upstream.state]


def _checked(entry: LibraryEntry) -> str:
    when = f", {_day(entry.verified_at)}" if entry.verified_at is not None else ""
    if entry.verified is None:
        return f"hashed; nobody promised a hash{when}" if when else "not yet"
    return f"{'matches its hash' if entry.verified else 'DAMAGED: differs from its hash'}{when}"


def _day(moment: float) -> str:
    return f"{time.strftime('%Y-%m-%d', time.localtime(moment))} ({format_age(moment)})"
