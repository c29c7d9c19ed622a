"""``garden tour``."""

from __future__ import annotations

import contextlib
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import click

from garden.cli.answer_stream import AnswerStream
from garden.cli.compare_command import wait_for_turn
from garden.cli.output import json_option, opened, print_event, print_table, printable, wait
from garden.cli.program import missing_toolkit
from garden.core.conversation import Conversation, Turn
from garden.core.errors import GardenError
from garden.core.quantity import format_duration
from garden.jobs.handle import Handle
from garden.services.garden import Garden
from garden.services.tour import Tour, TourResult

T = TypeVar("T")


class _Narrator:
    """Tells the tour in a terminal (or as events)."""

    def __init__(self, garden: Garden, as_json: bool) -> None:
        self._garden = garden
        self._as_json = as_json
        self._step = 0
        self._indent = ""

    def heading(self, text: str) -> None:
        """A step begins."""
        self._step += 1
        if self._as_json:
            print_event("step", number=self._step, title=text)
        else:
            click.echo(f"\n{self._step}  " + click.style(text, bold=True))

    def say(self, text: str) -> None:
        """A line of it."""
        if self._as_json:
            print_event("line", text=text)
            return
        for line in printable(text).splitlines():
            indent = "   " + " " * (len(line) - len(line.lstrip()))
            click.echo(textwrap.fill(line.strip(), width=_width(), initial_indent=indent, subsequent_indent=indent))
        sys.stdout.flush()

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Figures side by side."""
        if self._as_json:
            print_event("table", columns=list(columns), rows=[list(row) for row in rows])
        else:
            print_table(columns, rows, right=range(1, len(columns)), indent=3)

    def wait(self, handle: Handle[T], what: str) -> T:
        """Wait for long work."""
        return wait(handle, self._garden, as_json=self._as_json, what=what)

    def ask(self, garden: Garden, conversation: Conversation, prompt: str, names: list[str]) -> Turn:
        """Ask the panes."""
        progress = not self._as_json and sys.stderr.isatty()
        return wait_for_turn(garden, conversation, prompt, AnswerStream(names, text=False, progress=progress))


@click.command(
    help="The main job on a real model, start to end: machine, fit, chat, quantize, compare, export, replay."
)
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), default="garden-tour", show_default=True
)
@click.option("--model", "target", default="starter", show_default=True, help="A TARGET.")
@json_option
@click.pass_obj
def tour(render_pages: Callable[[str], list[str]], output: Path, target: str, as_json: bool) -> None:
    """Run the tour."""
    started = time.monotonic()
    with opened() as garden:
        narrator = _Narrator(garden, as_json)
        result = Tour(garden, narrator, output).run(target)
    pictures = _pictures(narrator, render_pages, output)
    _close(narrator, result, pictures, time.monotonic() - started, as_json)
    if result.replay == "differs":
        raise GardenError("The exported script does not give the pane's answer.", "Please report this with the folder.")


def _width() -> int:
    """Columns to fill: the terminal's, but no line longer than reads well."""
    return min(100, shutil.get_terminal_size((100, 24)).columns)


def _pictures(narrator: _Narrator, render_pages: Callable[[str], list[str]], output: Path) -> list[str]:
    narrator.heading("A picture of every page")
    try:
        pictures = render_pages(str(output / "pages"))
    except ImportError as error:
        narrator.say(f"There are none: {missing_toolkit(error).sentence}")
        return []
    except GardenError as error:
        narrator.say(f"{error.sentence} {error.action}".strip())
        return []
    narrator.say(f"{len(pictures)} pictures in {output / 'pages'}.")
    return pictures


def _close(narrator: _Narrator, result: TourResult, pictures: list[str], seconds: float, as_json: bool) -> None:
    if as_json:
        print_event(
            "succeeded",
            folder=str(result.folder),
            replay=result.replay,
            chosen=result.chosen,
            pictures=pictures,
            seconds=seconds,
        )
        return
    narrator.heading(f"Done in {format_duration(seconds)}")
    narrator.say(
        f"{result.folder} holds the comparison (HTML, JSON), receipts, exports, {'pictures, ' if pictures else ''}and "
        "the three models made. Delete it when you have seen enough; the comparison also stands in the window's list."
    )
    with contextlib.suppress(OSError):
        click.echo(f"   Open {(result.folder / 'comparison.html').resolve().as_uri()}")
