"""``garden queue``."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click

from garden.cli.output import json_option, opened, print_json, print_table, printable, wait
from garden.core.errors import NotFoundError
from garden.core.job_record import JobRecord, JobState
from garden.core.quantity import format_bytes, format_duration
from garden.services.garden import Garden

_ENDED = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


@click.group(invoke_without_command=True, help="Downloads and other long work that has not ended, the next first.")
@json_option
@click.pass_context
def queue(context: click.Context, as_json: bool) -> None:
    """List, unless a subcommand is named."""
    if context.invoked_subcommand is None:
        with opened(notes_optional=True) as garden:
            _show(garden, as_json)


@queue.command(name="list", help="What has not ended; with --all what has ended too.")
@click.option("--all", "all_", is_flag=True, help="What has ended too.")
@json_option
def list_(all_: bool, as_json: bool) -> None:
    """List."""
    with opened(notes_optional=True) as garden:
        _show(garden, as_json, all_=all_)


@queue.command(help="Put JOB before another one, or behind all others without --before.")
@click.argument("job")
@click.option("--before", help="The job that it shall precede.")
@json_option
def move(job: str, before: str | None, as_json: bool) -> None:
    """Move."""
    with opened() as garden:
        record = _find(garden, job)
        garden.activity.move(record.id, None if before is None else _find(garden, before).id)
        _show(garden, as_json)


@queue.command(help="Keep JOB from going on by itself; what came is kept.")
@click.argument("job")
@json_option
def pause(job: str, as_json: bool) -> None:
    """Pause."""
    with opened() as garden:
        garden.activity.pause(_find(garden, job).id)
        _show(garden, as_json)


@queue.command(help="End JOB and clear away what came; with --keep what came stays.")
@click.argument("job")
@click.option("--keep", is_flag=True, help="Keep what came.")
@json_option
def cancel(job: str, keep: bool, as_json: bool) -> None:
    """Cancel."""
    with opened() as garden:
        garden.activity.cancel(_find(garden, job).id, keep=keep)
        _show(garden, as_json)


@queue.command(help="Go on with JOB here, until it is done.")
@click.argument("job")
@json_option
def resume(job: str, as_json: bool) -> None:
    """Resume."""
    _run(job, as_json)


@queue.command(help="Run JOB again here, until it is done, after it failed or was cancelled.")
@click.argument("job")
@json_option
def retry(job: str, as_json: bool) -> None:
    """Retry."""
    _run(job, as_json)


def _run(job: str, as_json: bool) -> None:
    with opened() as garden:
        record = _find(garden, job, ended=True)
        wait(garden.activity.retry(record.id), garden, as_json=as_json, what=record.title)
        ended = _find(garden, record.id, ended=True)
        if as_json:
            print_json(job_document(garden, ended))
        else:
            click.echo(printable(f"{ended.title} {ended.subtitle}: done."))


def _find(garden: Garden, text: str, *, ended: bool = False) -> JobRecord:
    """The job whose id begins so, or whose model is named so.

    Raises:
        NotFoundError: None, or several.
    """
    records = [record for record in garden.activity.jobs() if ended or record.state not in _ENDED]
    found = [record for record in records if record.id.startswith(text) or record.title.lower() == text.lower()]
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotFoundError(f"There is no job {text}.", "`garden queue list --all` names them.")
    raise NotFoundError(f"{len(found)} jobs are named {text}.", "Name it by more of its id: `garden queue`.")


def _show(garden: Garden, as_json: bool, *, all_: bool = False) -> None:
    records = [record for record in garden.activity.jobs() if all_ or record.state not in _ENDED]
    records.sort(key=_order)
    if as_json:
        print_json([job_document(garden, record) for record in records])
    elif records:
        print_table(("Job", "Model", "", "State", "Done"), _rows(garden, records), right=(4,))
    else:
        click.echo("Nothing is under way.")


def _order(record: JobRecord) -> tuple[int, int, float]:
    states = (JobState.RUNNING, JobState.WAITING, JobState.PAUSED)
    return states.index(record.state) if record.state in states else len(states), record.place, record.created_at


def _rows(garden: Garden, records: Sequence[JobRecord]) -> list[tuple[str, str, str, str, str]]:
    rows = []
    for record in records:
        state = record.state.value
        if record.due_at is not None:
            left = format_duration(max(0.0, record.due_at - time.time()))
            state = f"{record.note}; next try in {left}"
        elif record.error or record.note:
            state = f"{state}: {record.error or record.note}"
        if not record.state.ended and not garden.activity.is_own(record.id):
            state += " (in another running Garden)"
        share = "" if record.fraction is None else f"{record.fraction:.0%}".replace("%", " %")
        total = format_bytes(record.total) if record.total is not None and record.unit == "bytes" else ""
        rows.append((record.id[:8], record.title, record.subtitle, state, f"{share} of {total}" if total else share))
    return rows


def job_document(garden: Garden, record: JobRecord) -> dict[str, object]:
    """A job as JSON."""
    return {
        "id": record.id,
        "kind": record.kind.value,
        "title": record.title,
        "subtitle": record.subtitle,
        "state": record.state.value,
        "note": record.note,
        "done": record.done,
        "total": record.total,
        "unit": record.unit,
        "rate": record.rate,
        "seconds_left": record.seconds_left,
        "place": record.place or None,
        "next_try_at": record.due_at,
        "error": record.error,
        "action": record.action,
        "result_path": record.result_path,
        "own": garden.activity.is_own(record.id),
    }
