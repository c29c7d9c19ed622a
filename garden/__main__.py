"""The way in: a worker, the command line, or the window."""

from __future__ import annotations

import importlib
import sys

WORKERS = frozenset(
    {
        "generate",
        "quantize",
        "measure",
        "template",
        "transfer",
        "probe",
        "dry_run",
        "try_backend",
        "calibrate",
        "twin",
    }
)


def main(arguments: list[str] | None = None) -> int:
    """Run Garden.

    Args:
        arguments: Without the program's name; those of the process when None.

    Returns:
        Exit code: 0 done, 1 failed, 2 wrong usage, 130 cancelled.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) == 2 and arguments[0] == "--worker" and arguments[1] in WORKERS:
        # By name, so that no importer of this module pulls the engine in.
        worker = importlib.import_module(f"garden.workers.{arguments[1]}")
        code: int = worker.main()
        return code
    if not arguments:
        # The window stands sooner without what reads commands.
        from garden.cli.window import run_window

        return run_window(_open_window)
    from garden.cli.program import run

    return run(arguments, open_window=_open_window, render_pages=_render_pages)


def _open_window() -> int:
    """Open the window; the command line neither knows nor imports Qt."""
    window = importlib.import_module("garden.gui.application")
    code: int = window.open_window()
    return code


def _render_pages(folder: str) -> list[str]:
    """Write a picture of every page into a folder and return their paths."""
    window = importlib.import_module("garden.gui.application")
    paths: list[str] = window.render_pages(folder)
    return paths


if __name__ == "__main__":
    sys.exit(main())
