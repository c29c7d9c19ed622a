"""What commands print: one JSON document, one event per line, or text for people; progress on standard error."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import click

from garden.core.errors import CancelledByUser, GardenError
from garden.core.fit_forecast import FitForecast, Placement, Verdict
from garden.core.job_record import JobRecord, JobState
from garden.core.quantity import format_bytes, format_duration
from garden.jobs.handle import Handle
from garden.services.garden import Garden

T = TypeVar("T")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

#: Control characters but the tab and the line's end, and marks that turn the direction of writing.
_OBEYED = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160), *range(8234, 8239), *range(8294, 8298)))

VERDICT_WORDS = {
    Verdict.TIGHT: "tight",
    Verdict.TOO_LARGE: "too large",
    Verdict.UNSUPPORTED: "engine cannot run it",
    Verdict.NOT_A_LANGUAGE_MODEL: "not a language model",
    Verdict.UNKNOWN: "unknown",
}
_PLACEMENT_WORDS = {Placement.GPU: "runs on GPU", Placement.SPLIT: "split", Placement.CPU: "runs on CPU"}


def verdict_word(forecast: FitForecast) -> str:
    """The verdict as people read it."""
    if forecast.verdict is Verdict.FITS:
        return _PLACEMENT_WORDS.get(forecast.placement, "fits")
    return VERDICT_WORDS[forecast.verdict]


def printable(text: str) -> str:
    """Text from outside, without what a terminal would obey: escapes, other control characters, turned directions."""
    return text.translate(_OBEYED)


def print_json(document: Any) -> None:
    """One JSON document."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def print_event(event: str, **fields: Any) -> None:
    """One event on a line of its own, at once."""
    click.echo(json.dumps({"event": event, **fields}, ensure_ascii=False))
    sys.stdout.flush()


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), indent: int = 0
) -> None:
    """A table: aligned and folded to the width of a terminal; one line per row when piped.

    Args:
        columns: Headings.
        rows: One text per heading each.
        right: Indexes of columns that align at the right, as figures do.
        indent: Blanks before each line.
    """
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index in right else "left", overflow="fold", no_wrap=index == 0)
    for row in rows:
        # Text, not markup: names come from outside.
        table.add_row(*(Text(printable(cell)) for cell in row))
    if sys.stdout.isatty():
        Console(highlight=False).print(Padding(table, (0, 0, 0, indent)))
        return
    # Piped: nothing is cut or wrapped, and no line ends in blanks.
    plain = io.StringIO()
    Console(file=plain, width=1000, highlight=False, color_system=None).print(table)
    click.echo("\n".join(" " * indent + line.rstrip() for line in plain.getvalue().splitlines()))


@contextlib.contextmanager
def opened(*, notes_optional: bool = False) -> Iterator[Garden]:
    """The services, closed whatever happens; Ctrl+C too stops every child first.

    Args:
        notes_optional: The command answers also where nothing can be noted, e.g. on a full disk; one line says so.
    """
    garden = Garden.open(notes_optional=True) if notes_optional else Garden.open()
    if garden.trouble is not None:
        click.echo(f"Nothing can be noted now. {garden.trouble.sentence} {garden.trouble.action}".strip(), err=True)
    try:
        yield garden
    finally:
        garden.close()


def wait(handle: Handle[T], garden: Garden, *, as_json: bool, what: str = "") -> T:
    """Wait for long work, showing what, how far, how fast and how long still.

    Args:
        handle: The work.
        garden: Whose events tell of it.
        as_json: Print an event per line instead of a progress line.
        what: Name of the work for the progress line.

    Raises:
        CancelledByUser: Ctrl+C; the work was stopped and has ended.
        GardenError: It failed.
    """
    show = _show_events(handle) if as_json else _show_line(handle, what)
    try:
        while not handle.done:
            for job in garden.activity.jobs():
                if job.id == handle.id:
                    show(job)
            with contextlib.suppress(TimeoutError):
                handle.result(0.2)
        return handle.result()
    except KeyboardInterrupt:
        _stop(handle, garden)
        raise CancelledByUser from None
    except OSError:
        # Nobody can be told any more (a closed pipe, a full disk): the work must not go on unseen.
        _stop(handle, garden)
        raise
    finally:
        if not as_json and sys.stderr.isatty():
            click.echo("\r\033[K", nl=False, err=True)


def _stop(handle: Handle[Any], garden: Garden) -> None:
    """Stop work; what it has so far is kept, so that the same command goes on from it.

    What can go on stays in the queue, paused; closing the program waits for it to stop.
    """
    if not garden.activity.is_own(handle.id):
        handle.cancel()
    elif any(job.resumable for job in garden.activity.jobs() if job.id == handle.id):
        garden.activity.pause(handle.id)
        return
    else:
        garden.activity.cancel(handle.id, keep=True)
    with contextlib.suppress(GardenError, TimeoutError):
        handle.result(10)


def _show_events(handle: Handle[Any]) -> Callable[[JobRecord], None]:
    last: list[tuple[int, str]] = []

    def show(job: JobRecord) -> None:
        now = (job.done, job.note)
        if job.id == handle.id and job.state is JobState.RUNNING and now not in last:
            last[:] = [now]
            print_event(
                "progress",
                done=job.done,
                total=job.total,
                unit=job.unit,
                note=job.note,
                rate=job.rate,
                seconds_left=job.seconds_left,
            )

    return show


def _show_line(handle: Handle[Any], what: str) -> Callable[[JobRecord], None]:
    shown_at = [0.0]
    terminal = sys.stderr.isatty()

    def show(job: JobRecord) -> None:
        # A log file is told every ten seconds, a terminal at each look.
        if job.id != handle.id or job.state is not JobState.RUNNING:
            return
        if not terminal and time.monotonic() - shown_at[0] < 10:
            return
        shown_at[0] = time.monotonic()
        line = printable("  ".join(filter(None, (what or job.title, _how_far(job), job.note))))
        click.echo(f"\r\033[K   {line[:110]}" if terminal else f"   {line}", nl=not terminal, err=True)

    return show


def _how_far(job: JobRecord) -> str:
    if job.total is None or not job.done:
        return ""
    parts = [f"{job.done / job.total:.0%}".replace("%", " %")]
    if job.unit == "bytes":
        parts.append(f"{format_bytes(job.done)} of {format_bytes(job.total)}")
        if job.rate is not None and job.done < job.total:
            parts.append(f"{format_bytes(job.rate)}/s")
    if job.seconds_left is not None:
        parts.append(f"{format_duration(job.seconds_left)} left")
    return ", ".join(parts)
