"""The system's own dialogs for folders and files, opened without holding up the rest of the window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget


def choose_folder(parent: QWidget, title: str, on_chosen: Callable[[Path], None], start: str = "") -> None:
    """Let the user choose a folder; nothing is called when they cancel.

    Args:
        parent: The widget that asks; the dialog ends with it.
        title: What the folder is for.
        on_chosen: Called with the folder.
        start: Where to begin looking.
    """
    dialog = QFileDialog(parent.window(), title, start)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    _open(dialog, on_chosen)


def choose_file(parent: QWidget, title: str, on_chosen: Callable[[Path], None], name_filter: str) -> None:
    """Let the user choose a file that is there.

    Args:
        parent: The widget that asks.
        title: What the file is for.
        on_chosen: Called with the path.
        name_filter: Qt's words for the kinds offered, e.g. ``JSON (*.json)``.
    """
    dialog = QFileDialog(parent.window(), title, "", name_filter)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    _open(dialog, on_chosen)


def choose_new_file(
    parent: QWidget, title: str, on_chosen: Callable[[Path], None], proposed: str, name_filter: str
) -> None:
    """Let the user name a file to write; the dialog asks before an existing one is replaced.

    Args:
        parent: The widget that asks.
        title: What is written.
        on_chosen: Called with the path.
        proposed: Name to begin with.
        name_filter: Qt's words for the kinds offered, e.g. ``JSON (*.json)``.
    """
    dialog = QFileDialog(parent.window(), title, "", name_filter)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setFileMode(QFileDialog.FileMode.AnyFile)
    dialog.selectFile(proposed)
    _open(dialog, on_chosen)


def _open(dialog: QFileDialog, on_chosen: Callable[[Path], None]) -> None:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(lambda path: on_chosen(Path(path)))
    dialog.open()
