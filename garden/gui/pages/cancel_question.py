"""Asks before a download is cancelled of which something is here already."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from garden.core.quantity import format_bytes
from garden.gui.question import Question
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.file_table import FileRow
from garden.gui.viewmodels.repository import RepositoryViewModel


class CancelQuestion:
    """The question, and the cancel after it.

    Args:
        theme: Where colours come from.
        page: On whose window it is asked.
        repository: Cancels.
    """

    def __init__(self, theme: ThemeController, page: QWidget, repository: RepositoryViewModel) -> None:
        self._theme = theme
        self._page = page
        self._repository = repository
        self._question: Question | None = None

    def ask(self, row: FileRow) -> None:
        """Cancel a file's download; where something came of it, only after the user has read how much that is."""
        came = row.job.done if row.job is not None else 0
        if not came:
            self._repository.cancel_download(row.file.filename)
            return
        if self._question is None:
            self._question = Question(self._theme, self._page.window(), name="cancelQuestion")
        self._question.ask(
            "trash",
            f"Cancel the download of {row.title}?",
            f"The {format_bytes(came)} that came of it are deleted; a pause keeps them.",
            yes=("Cancel and delete", "danger", "trash"),
            no="Keep it",
            then=lambda: self._repository.cancel_download(row.file.filename),
            mood="danger",
        )
