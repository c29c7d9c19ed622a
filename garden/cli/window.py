"""``garden`` without a command: the window. What reads commands is imported only once something went wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable


def run_window(open_window: Callable[[], int]) -> int:
    """Open the window; it answers on the screen, since started from a desktop there may well be no output.

    Args:
        open_window: Opens it and serves it until it closes.

    Returns:
        Exit code, as of any command.
    """
    use_utf8()
    try:
        return window_where_displayed(open_window)
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        from garden.cli.program import told

        return told(error)


def window_where_displayed(open_window: Callable[[], int]) -> int:
    """Open the window, or say that there is no display.

    Args:
        open_window: Opens it and serves it until it closes.

    Raises:
        GardenError: The window's toolkit is missing or lacks a part of the system.
    """
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("QT_QPA_PLATFORM")
    ):
        from garden.cli.program import no_display

        return no_display()
    try:
        return open_window()
    except ImportError as error:
        from garden.cli.program import missing_toolkit

        raise missing_toolkit(error) from error


def use_utf8() -> None:
    """Let both streams take any text, whatever the terminal's own encoding is."""
    # A pipe on Windows, or a bare C locale, would stumble over “≈” and bars.
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is None:
            continue
        if (getattr(stream, "encoding", "") or "").lower() not in ("utf-8", "utf8"):
            reconfigure(encoding="utf-8", errors="replace")
        elif stream.errors == "strict":
            # The name of a file may hold bytes that are no text.
            reconfigure(errors="backslashreplace")
