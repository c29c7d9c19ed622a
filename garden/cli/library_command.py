"""``garden library``."""

from __future__ import annotations

from pathlib import Path

import click

from garden.cli.library_duplicates import show_duplicates
from garden.cli.library_show import show
from garden.cli.library_upstream import upstream
from garden.cli.output import json_option, opened, print_json, print_table, printable, wait
from garden.core.errors import CancelledByUser, IntegrityError, InvalidFileError, NotFoundError
from garden.core.library_entry import PROGRAM_NAMES, LibraryEntry, Origin
from garden.core.paths import user_path
from garden.core.quantity import format_age, format_bytes, format_parameters, format_rate
from garden.core.unfinished_download import UnfinishedDownload
from garden.services.garden import Garden
from garden.services.target import choose_entry, full_name, parse_hub_target

_ORIGINS: dict[Origin, str] = {
    "starter": "starter",
    "made_here": "made here",
    "hub_cache": "Hub cache",
    "folder": "folder",
    "ollama": PROGRAM_NAMES["ollama"],
    "lm_studio": PROGRAM_NAMES["lm_studio"],
    "jan": PROGRAM_NAMES["jan"],
}


@click.group(invoke_without_command=True, help="Models on this machine.")
@click.option("--duplicates", "twice", is_flag=True, help="Only models whose bytes lie here more than once.")
@json_option
@click.pass_context
def library(context: click.Context, twice: bool, as_json: bool) -> None:
    """List, unless a subcommand is named."""
    if context.invoked_subcommand is None:
        with opened(notes_optional=True) as garden:
            entries = garden.library.scan().result()
            if twice:
                show_duplicates(garden, entries, as_json)
                return
            parts = garden.unfinished.list()
        _show(entries, as_json)
        if parts and not as_json:
            _show_unfinished(parts)


library.add_command(show)
library.add_command(upstream)


@library.command(help="Look at every folder again, then list; add folders, or single files, named here before that.")
@click.argument("paths", nargs=-1, type=click.Path(exists=True))
@json_option
def scan(paths: tuple[str, ...], as_json: bool) -> None:
    """Add folders and files, then scan."""
    with opened(notes_optional=True) as garden:
        for path in paths:
            if Path(path).is_dir():
                garden.library.add_folder(Path(path)).result()
            else:
                garden.library.add_file(Path(path))
        entries = garden.library.scan().result()
    _show(entries, as_json)


@library.command(help="Move the folder of models made here, with its files; run it again to go on with a move.")
@click.argument("folder", type=click.Path(file_okay=False))
@json_option
def move(folder: str, as_json: bool) -> None:
    """Move the models folder."""
    with opened() as garden:
        moved = wait(garden.library.models_folder.move(Path(folder)), garden, as_json=False, what="Models folder")
        entries = garden.library.entries()
    if as_json:
        print_json([entry_document(entry) for entry in entries])
    else:
        click.echo(printable(f"The models folder is {moved} now."))


@library.command(help="List folders, or single files, that were added no longer; the files stay.")
@click.argument("targets", nargs=-1, required=True)
@json_option
def forget(targets: tuple[str, ...], as_json: bool) -> None:
    """Forget."""
    with opened(notes_optional=True) as garden:
        for target in targets:
            if not garden.library.forget_folder(user_path(target)):
                garden.library.forget(_listed(garden, target))
        entries = garden.library.entries()
    _show(entries, as_json)


@library.command(help="Hash models (all when none is named) and compare with the promised hash.")
@click.argument("targets", nargs=-1)
@json_option
def verify(targets: tuple[str, ...], as_json: bool) -> None:
    """Verify."""
    with opened(notes_optional=True) as garden:
        entries = _chosen(garden, targets)
        problems = {entry.ref.path: problem for entry in entries if (problem := garden.library.problem_of(entry))}
        results = [
            None
            if entry.ref.path in problems
            else wait(garden.library.verify(entry), garden, as_json=False, what=full_name(entry))
            for entry in entries
        ]
        listed = {entry.ref.path: entry for entry in garden.library.entries()}
    checked = [listed.get(entry.ref.path, entry) for entry in entries]
    if as_json:
        print_json([entry_document(entry) for entry in checked])
    else:
        words = {
            True: "matches its hash",
            False: "DAMAGED: differs from its hash",
            None: "hashed; nobody promised a hash",
        }
        for entry, result in zip(entries, results, strict=True):
            click.echo(printable(f"{full_name(entry)}: {problems.get(entry.ref.path) or words[result]}"))
    damaged = [full_name(entry) for entry, result in zip(entries, results, strict=True) if result is False]
    if damaged:
        raise IntegrityError(
            f"{', '.join(damaged)} {'differs' if len(damaged) == 1 else 'differ'} from what was promised.",
            "Remove it and fetch it again.",
        )
    if problems:
        names = [Path(path or "").name for path in problems]
        raise InvalidFileError(
            f"{', '.join(names)} cannot be used: {' '.join(problems.values())}",
        )


@library.command(
    help="Remove models, into the trash or for good; with --unfinished what downloads left that did not end."
)
@click.argument("targets", nargs=-1)
@click.option("--unfinished", is_flag=True, help="Parts of downloads instead: of all, or of the repositories named.")
@click.option("--permanently", is_flag=True, help="Not into the trash.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@json_option
def remove(targets: tuple[str, ...], unfinished: bool, permanently: bool, yes: bool, as_json: bool) -> None:
    """Remove."""
    if not targets and not unfinished:
        raise click.UsageError("Name what to remove, or --unfinished for what downloads left.")
    with opened(notes_optional=True) as garden:
        told = (
            _remove_unfinished(garden, targets, yes)
            if unfinished
            else _remove_models(garden, targets, permanently, yes)
        )
        rest = garden.library.scan().result()
    if as_json:
        print_json([entry_document(entry) for entry in rest])
    else:
        click.echo(told)


def _remove_models(garden: Garden, targets: tuple[str, ...], permanently: bool, yes: bool) -> str:
    entries = _chosen(garden, targets)
    names = ", ".join(full_name(entry) for entry in entries)
    plans = [garden.library.removal(entry, to_trash=not permanently) for entry in entries]
    places = "\n".join(f"  {plan.entry.ref.path}\n    {plan.sentence}" for plan in plans)
    if any(plan.owner is None for plan in plans):
        _confirm(f"{places}\nRemove {names}{' for good' if permanently else ''}?", yes)
    done = [garden.library.remove(entry, to_trash=not permanently) for entry in entries]
    return printable("\n".join(plan.done_sentence for plan in done))


def _remove_unfinished(garden: Garden, targets: tuple[str, ...], yes: bool) -> str:
    parts = garden.unfinished.list()
    if targets:
        hubs = [parse_hub_target(target, garden.settings.endpoint) for target in targets]
        wanted = {hub.repo_id for hub in hubs if hub is not None}
        parts = tuple(part for part in parts if part.repo_id in wanted)
    if not parts:
        raise NotFoundError("No download is unfinished here.", "`garden library` lists what is here.")
    names = ", ".join(dict.fromkeys(part.repo_id for part in parts))
    total = format_bytes(sum(part.size_bytes for part in parts))
    _confirm(f"Remove for good what is here of {names} ({total})?", yes)
    freed = garden.unfinished.remove(parts)
    return printable(f"Removed what was here of {names}, {format_bytes(freed)}.")


def _confirm(question: str, yes: bool) -> None:
    if not yes and not click.confirm(printable(question), err=True):
        raise CancelledByUser


def _show_unfinished(parts: tuple[UnfinishedDownload, ...]) -> None:
    sizes: dict[str, int] = {}
    for part in parts:
        sizes[part.repo_id] = sizes.get(part.repo_id, 0) + part.size_bytes
    told = ", ".join(f"{repo_id} ({format_bytes(size)})" for repo_id, size in sizes.items())
    click.echo(printable(f"\nUnfinished downloads: {told}."))
    click.echo("`garden download` goes on with one; `garden library remove --unfinished` clears them away.")


def _listed(garden: Garden, target: str) -> LibraryEntry:
    """What a target names, also a file that is gone."""
    path = str(user_path(target))
    entries = garden.library.scan().result()
    found = next((entry for entry in entries if entry.ref.path == path), None)
    return found or choose_entry(target, entries, garden.settings.endpoint)


def _chosen(garden: Garden, targets: tuple[str, ...]) -> tuple[LibraryEntry, ...]:
    if targets:
        named = (garden.library.resolve(target) for target in targets)
        return tuple({entry.ref.path: entry for entry in named}.values())
    return garden.library.scan().result()


def _show(entries: tuple[LibraryEntry, ...], as_json: bool) -> None:
    if as_json:
        print_json([entry_document(entry) for entry in entries])
        return
    if not entries:
        click.echo("No model is here yet. Fetch one: garden download starter")
        return
    checked = {True: "verified", False: "DAMAGED", None: "not checked"}
    rows = [
        (
            full_name(entry),
            format_bytes(entry.ref.size_bytes),
            format_parameters(entry.parameters) if entry.parameters else "–",
            _ORIGINS[entry.origin],
            entry.problem or checked[entry.verified],
            format_rate(speed) if (speed := entry.decode_tokens_per_second) is not None else "–",
            format_age(entry.last_used_at) if entry.last_used_at is not None else "–",
        )
        for entry in entries
    ]
    print_table(("Model", "Size", "Parameters", "Source", "Checked", "tok/s", "Used"), rows, right=(1, 2, 5))


def entry_document(entry: LibraryEntry) -> dict[str, object]:
    """An entry as JSON."""
    return {
        "name": full_name(entry),
        "path": entry.ref.path,
        "architecture": entry.architecture,
        "quant_type": entry.ref.quant_type,
        "parameters": entry.parameters,
        "size_bytes": entry.ref.size_bytes,
        "source": {
            "origin": _ORIGINS[entry.origin],
            "repo_id": entry.ref.repo_id,
            "revision": entry.ref.revision,
            "sha256": entry.ref.sha256,
        },
        "verified": entry.verified,
    }
