"""Pictures of every page, from the state on this machine: for documents, and for the eye that compares."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEventLoop, QTimer

from garden.core.errors import StateError
from garden.core.write_failure import writing
from garden.gui.page_list import PAGES

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from garden.gui.main_window import MainWindow
    from garden.gui.theme.tokens import Scheme
    from garden.services.garden import Garden

SIZES = ((1_280, 800), (1_440, 900))
SCHEMES: tuple[Scheme, ...] = ("light", "dark")

#: A page shows what it has after this long at most; the Hub may not answer, and a picture need not wait for it.
_LONGEST_SECONDS = 4.0
#: So long nothing has to happen for a page to count as settled.
_QUIET_SECONDS = 0.15


def draw_pages(application: QApplication, garden: Garden, folder: Path) -> list[Path]:
    """Draw each page in each size and scheme; about a quarter of a second each, and a moment per page to settle.

    Args:
        application: The running application.
        garden: Where the state comes from.
        folder: Where the pictures go; made when it is not there.

    Returns:
        ``{page}-{scheme}-{width}x{height}.png`` for each.

    Raises:
        StateError: The folder cannot be written.
    """
    from garden.gui.application import make_window

    with writing(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
    window, theme = make_window(application, garden)
    window.resize(*SIZES[0])
    window.show()
    paths: list[Path] = []
    try:
        for page in PAGES:
            _open(window, garden, page.name)
            window.memory.read()
            _settle(window)
            for scheme in SCHEMES:
                theme.choose(scheme)
                for width, height in SIZES:
                    window.resize(width, height)
                    _settle(window, longest_seconds=0.3)
                    path = folder / f"{page.name}-{scheme}-{width}x{height}.png"
                    if not window.grab().save(str(path)):
                        raise StateError(f"{path} could not be written.", "Check that the folder is yours.")
                    paths.append(path)
    finally:
        window.dismiss()
    return paths


def _open(window: MainWindow, garden: Garden, name: str) -> None:
    """Bring a page to the front with something on it: the last comparison, the model that is worth quantizing."""
    kept = garden.compare.conversations() if name == "compare" else ()
    models = [entry for entry in garden.library.entries() if entry.problem is None] if name == "workshop" else []
    if kept:
        window.open_conversation(max(kept, key=lambda summary: len(summary.models)).id)
    elif models:
        window.quantize(max(models, key=lambda entry: entry.ref.size_bytes))
    else:
        window.show_page(name)


def _settle(window: MainWindow, longest_seconds: float = _LONGEST_SECONDS) -> None:
    """Let events run until the pump has been idle for a while and waits for nothing, or too long has passed."""
    started = quiet_since = time.monotonic()
    while time.monotonic() - started < longest_seconds:
        loop = QEventLoop()
        QTimer.singleShot(20, loop.quit)
        loop.exec()
        now = time.monotonic()
        if not window.pump.idle or window.pump.waiting:
            quiet_since = now
        elif now - quiet_since >= min(_QUIET_SECONDS, longest_seconds / 3):
            return
