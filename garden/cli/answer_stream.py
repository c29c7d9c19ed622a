"""Answers in a terminal as they come: each pane's text under its letter."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from garden.cli.output import printable
from garden.core.events import PaneChanged, PaneText
from garden.services.compare import LETTERS


class AnswerStream:
    """Prints text to standard output and, where a terminal shows both, what a pane does before it on standard error.

    Args:
        names: Of the models, in the order of their letters.
        text: Print answers as they come; otherwise they are only counted.
        progress: Tell what panes do.

    Attributes:
        streamed: Letters of the panes of which text was printed.
    """

    def __init__(self, names: Sequence[str], *, text: bool, progress: bool) -> None:
        self._names = names
        self._text = text
        self._progress = progress
        self._open: str | None = None
        self._tokens: dict[str, int] = {}
        self.streamed: set[str] = set()

    def show(self, event: PaneText | PaneChanged) -> None:
        """Show what an event tells."""
        if isinstance(event, PaneText):
            self._tokens[event.pane] = self._tokens.get(event.pane, 0) + event.tokens
            if self._text:
                self._write(event.pane, event.text)
            else:
                self._tell(event.pane, f"{self._tokens[event.pane]} tokens")
        elif event.pane != self._open:
            self.end_line()
            self._tell(event.pane, event.state)
        elif event.state in ("done", "failed"):
            self.end_line()

    def end_line(self) -> None:
        """End a line of text that was begun, and take away the line of progress."""
        if self._open is not None:
            click.echo()
            self._open = None
        elif self._progress:
            click.echo("\r\033[K", nl=False, err=True)

    def _write(self, pane: str, text: str) -> None:
        if pane != self._open:
            if pane not in self.streamed:
                text = text.lstrip()
            if not text:
                return
            self.end_line()
            click.echo(heading(pane, self._names))
            self._open = pane
            self.streamed.add(pane)
        click.echo(printable(text), nl=False)
        sys.stdout.flush()

    def _tell(self, pane: str, state: str) -> None:
        if self._progress:
            click.echo(f"\r\033[K{pane}  {self._names[LETTERS.index(pane)]}  {state}", nl=False, err=True)


def heading(pane: str, names: Sequence[str]) -> str:
    """The line above an answer."""
    return f"── {pane}  {names[LETTERS.index(pane)]}"
