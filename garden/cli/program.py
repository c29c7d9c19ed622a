"""``garden …``: the commands, found by name and imported when one is run, so that help is there at once."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

import garden
from garden.cli import standard_output
from garden.cli.window import run_window, use_utf8, window_where_displayed
from garden.core import interrupt
from garden.core.errors import CancelledByUser, GardenError

#: Name → module in this package and one line of help. Help needs no import of what a command needs.
COMMANDS: dict[str, tuple[str, str]] = {
    "tour": ("tour_command", "The main job on a real model, start to end, without a window."),
    "hardware": ("machine_commands", "What this machine has."),
    "search": ("search_command", "Search the Hub, with a verdict for each model."),
    "files": ("files_command", "Files of a repository, with sizes and verdicts."),
    "card": ("card_command", "What a publisher wrote: licence and intended use on top."),
    "lineage": ("lineage_command", "What a repository was made from, and what was made of it."),
    "trust": ("trust_command", "What speaks for and against a repository: licence, formats, scans."),
    "fit": ("fit_command", "Memory of a model before it is downloaded or loaded."),
    "download": ("hub_commands", "Fetch a model into the shared Hub cache; run again to resume."),
    "queue": ("queue_command", "Downloads and other long work: list, move, pause, resume, cancel, retry."),
    "library": ("library_command", "Models on this machine; verify, remove or scan them."),
    "quantize": ("workshop_commands", "Make smaller versions of a model."),
    "quality": ("workshop_commands", "How much quants lost against their base."),
    "compare": ("compare_command", "One prompt to several models, side by side."),
    "export": ("export_command", "Take a model's configuration to another runtime."),
    "hub": ("account_command", "Who is signed in at the Hub, and which Hub is asked."),
    "engine": ("engine_command", "The engine and its backends; add a GPU's without a compiler."),
    "doctor": ("machine_commands", "What is wrong here, and what helps."),
}

_SEE_ALL = "Run it again with GARDEN_DEBUG=1 to see more."

EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_CANCELLED = 0, 1, 2, 130


class _Commands(click.Group):
    """A group that imports a command when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"garden.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_) for name, (_module, help_) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            ctx.fail(f"There is no command {args[0]}." + (f" Did you mean {close[0]}?" if close else ""))
        return super().resolve_command(ctx, args)


def run(arguments: list[str], *, open_window: Callable[[], int], render_pages: Callable[[str], list[str]]) -> int:
    """Run the command line.

    Args:
        arguments: Without the program's name.
        open_window: Opens the window; called when there are no arguments.
        render_pages: Writes pictures of the pages into a folder.

    Returns:
        Exit code.
    """

    @click.group(
        cls=_Commands,
        invoke_without_command=True,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
        help="Garden tries open models on this machine. Without a command it opens the window.",
        epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 130 cancelled. `garden COMMAND --help` says more.",
    )
    @click.version_option(garden.__version__, prog_name="garden")
    @click.option("--endpoint", metavar="HUB", help="Ask this Hub in this run: a name (garden hub list) or an address.")
    @click.pass_context
    def program(context: click.Context, endpoint: str | None) -> None:
        context.obj = render_pages
        if endpoint is not None:
            # Whoever reads the settings reads it; HF_ENDPOINT would say where the tokens of other tools may go.
            os.environ["GARDEN_ENDPOINT"] = endpoint
        if context.invoked_subcommand is None:
            context.exit(window_where_displayed(open_window))

    if not arguments:
        return run_window(open_window)
    use_utf8()
    error_stream = sys.stderr
    try:
        with interrupt.watched(), standard_output.watched() as output:
            code = _code(program, arguments, output)
            output.finish()
    except GardenError as error:
        say_error(error)
        return EXIT_FAILED
    finally:
        # click puts a wrapper of its own there when a reader goes away.
        sys.stderr = error_stream
    if output.failure is None:
        return code
    if output.reader_gone:
        return code
    say_error(output.error)
    return EXIT_FAILED


def _code(program: click.Command, arguments: list[str], output: standard_output.WatchedOutput) -> int:
    """The exit code of a command."""
    try:
        result: Any = program.main(args=arguments, prog_name="garden", standalone_mode=False)
        return result if isinstance(result, int) else EXIT_DONE
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        return told(error, output)


def told(error: BaseException, output: standard_output.WatchedOutput | None = None) -> int:
    """The exit code for what a command raised; what went wrong, unless it is the output, is told in a sentence.

    Args:
        error: Being handled.
        output: Of the command, where it is watched.
    """
    if isinstance(error, click.ClickException):
        with standard_output.errors_told():
            error.show()
        return error.exit_code
    if isinstance(error, KeyboardInterrupt | click.Abort | CancelledByUser):
        with standard_output.errors_told():
            click.echo("Cancelled.", err=True)
        return EXIT_CANCELLED
    if isinstance(error, GardenError):
        say_error(error)
        return EXIT_FAILED
    if output is not None and output.failure is not None:
        return EXIT_DONE  # why is told once, by the caller
    # The edge of the program: a fault of its own is told in a sentence, and in full in the log.
    sentence = f"Something unexpected went wrong: {type(error).__name__}."
    say_error(GardenError(sentence, _keep_in_log(), traceback.format_exc()))
    return EXIT_FAILED


def say_error(error: GardenError) -> None:
    """One sentence of what happened and what helps, on standard error."""
    from garden.cli.output import printable

    with standard_output.errors_told():
        # A sentence may name a file or a model, and names come from outside.
        click.echo(printable(f"{error.sentence} {error.action}".strip()), err=True)
        if error.detail and os.environ.get("GARDEN_DEBUG"):
            click.echo(error.detail, err=True)
        elif error.detail and any(word in error.action for word in ("details", "log says")):
            click.echo(_kept(error.detail) or _SEE_ALL, err=True)


def _keep_in_log() -> str:
    """Write the traceback under way into the log; a sentence that names it."""
    path = _written(traceback.format_exc())
    return f"To report it, add what {path} says." if path else _SEE_ALL


def _kept(detail: str) -> str:
    """Write details into the log; a sentence that names it, empty when they could not be written."""
    path = _written(detail)
    return f"The details are in {path}." if path else ""


def _written(text: str) -> Path | None:
    import time

    from garden.core.paths import log_dir

    try:
        path = log_dir() / "command-line.log"
        with path.open("a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}\n{text}\n")
    except (OSError, GardenError):
        return None
    return path


def no_display() -> int:
    """Say that no window can open here, and what can be run instead; the exit code."""
    click.echo("There is no display here, so no window can open. Try: garden tour", err=True)
    return EXIT_USAGE


def missing_toolkit(error: ImportError) -> GardenError:
    """Why the window's toolkit cannot be loaded, as users need to know it; other import errors are faults of ours."""
    if not (error.name or "").startswith(("PySide6", "shiboken6")):
        raise error
    action = "Run: python packaging/bootstrap.py setup"
    if isinstance(error, ModuleNotFoundError):
        return GardenError("The window needs PySide6, which is not installed.", action)
    return GardenError(f"This system lacks a part of what the window needs ({error}).", action)
