"""``garden library upstream``."""

from __future__ import annotations

import click

from garden.cli.output import json_option, opened, print_json, print_table, printable, wait
from garden.core.library_entry import LibraryEntry
from garden.core.quantity import format_bytes
from garden.services.target import full_name

_WORDS = {"same": "as on the Hub", "changed": "replaced on the Hub", "gone": "no longer on the Hub"}


@click.command(help="Ask the Hub whether models were replaced there since; one request per repository.")
@click.argument("targets", nargs=-1)
@click.option("--fetch", is_flag=True, help="Fetch what has replaced them, beside the old ones.")
@json_option
def upstream(targets: tuple[str, ...], fetch: bool, as_json: bool) -> None:
    """Check, then fetch if asked."""
    with opened() as garden:
        garden.library.scan().result()
        wanted = [garden.library.resolve(target) for target in targets] or None
        found = garden.library.upstream.check(wanted).result()
        if wanted is not None:
            paths = {entry.ref.path for entry in wanted}
            found = tuple(entry for entry in found if entry.ref.path in paths)
        fetched = [
            wait(garden.library.upstream.fetch_newer(entry), garden, as_json=False, what=full_name(entry))
            for entry in found
            if fetch and entry.upstream is not None and entry.upstream.state == "changed"
        ]
    if as_json:
        print_json([_document(entry) for entry in found])
        return
    if not found:
        click.echo("No model here came from the Hub.")
        return
    rows = [(full_name(entry), (entry.ref.revision or "")[:7], _told(entry)) for entry in found]
    print_table(("Model", "Commit", "Upstream"), rows)
    for entry in fetched:
        click.echo(printable(f"Fetched {full_name(entry)} {(entry.ref.revision or '')[:7]}: {entry.ref.path}"))


def _told(entry: LibraryEntry) -> str:
    upstream = entry.upstream
    if upstream is None:
        return "not to be seen with this account"
    told = _WORDS[upstream.state]
    if upstream.state == "changed":
        day = f", {upstream.modified[:10]}" if upstream.modified else ""
        told += f"{day}, {format_bytes(upstream.size_bytes)}, commit {upstream.revision[:7]}"
    return told


def _document(entry: LibraryEntry) -> dict[str, object]:
    upstream = entry.upstream
    return {
        "name": full_name(entry),
        "path": entry.ref.path,
        "repo_id": entry.ref.repo_id,
        "revision": entry.ref.revision,
        "state": upstream.state if upstream is not None else None,
        "newest": None
        if upstream is None
        else {
            "revision": upstream.revision or None,
            "modified": upstream.modified,
            "size_bytes": upstream.size_bytes or None,
            "sha256": upstream.sha256,
        },
    }
