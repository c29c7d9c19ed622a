"""The question before a model leaves the Library."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from garden.core.quantity import format_bytes
from garden.gui.question import Question
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.library import LibraryViewModel
from garden.gui.viewmodels.library_table import LibraryRow
from garden.services.removal_plan import RemovalPlan
from garden.services.unfinished import RestingDownload

if TYPE_CHECKING:
    from garden.gui.navigator import Navigator


class RemovalQuestion:
    """Asks, and removes when the answer is yes; what is nobody's loss is not asked.

    Args:
        theme: Where colours come from.
        page: On whose window it is asked.
        library: Removes.
        navigator: Says what cannot be done.
    """

    def __init__(self, theme: ThemeController, page: QWidget, library: LibraryViewModel, navigator: Navigator) -> None:
        self._theme = theme
        self._page = page
        self._library = library
        self._navigator = navigator
        self._question: Question | None = None

    def ask(self, row: LibraryRow) -> None:
        """Ask about a model, or about what is here of one."""
        if row.resting is not None:
            self._ask_to_clear(row.resting)
        else:
            self._library.plan_removal(row.entry, self._ask_to_remove)

    def _ask_to_clear(self, resting: RestingDownload) -> None:
        freed = format_bytes(resting.size_bytes)
        text = f"{freed} are free at once; a later download begins from the start."
        self._show(
            f"Clear what is here of {resting.entry.ref.name}?", text, "Clear", lambda: self._library.clear(resting)
        )

    def _ask_to_remove(self, plan: RemovalPlan) -> None:
        entry = plan.entry
        if plan.owner is not None:
            self._navigator.notify(plan.sentence, plan.owner_action)
        elif not plan.frees_bytes and not plan.kept_bytes:
            self._library.forget(entry)
        else:
            name = f"{entry.ref.name} {entry.ref.quant_type or ''}".strip()
            self._show(f"Remove {name}?", plan.sentence, "Remove", lambda: self._library.remove(entry))

    def _show(self, title: str, text: str, yes: str, then: Callable[[], None]) -> None:
        if self._question is None:
            self._question = Question(self._theme, self._page.window(), name="removeQuestion")
        self._question.ask("trash", title, text, yes=(yes, "danger", "trash"), no="Keep it", then=then, mood="danger")
