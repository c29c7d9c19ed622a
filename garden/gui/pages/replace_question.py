"""Asks before what was made earlier is made again in its place."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from garden.gui.question import Question
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.quant_batches import QuantBatches, Taken


class ReplaceQuestion(QObject):
    """One question for all types that were started together.

    Args:
        theme: Where colours come from.
        page: Whose window it covers.
        batches: What was started.
    """

    def __init__(self, theme: ThemeController, page: QWidget, batches: QuantBatches) -> None:
        super().__init__(page)
        self._theme = theme
        self._page = page
        self._batches = batches
        self._question: Question | None = None
        self._taken: tuple[Taken, ...] = ()
        batches.taken.connect(self._on_taken)

    @Slot(object)
    def _on_taken(self, taken: Taken) -> None:
        asked = (*self._taken, taken)
        if self._question is None:
            self._question = Question(self._theme, self._page.window(), name="replaceQuestion")
            self._question.closed.connect(self._on_closed)
        self._question.dismiss()
        self._taken = asked
        types = ", ".join(one.quant_type for one in asked)
        self._question.ask(
            "warning",
            f"Replace {types}?",
            " ".join(one.error.sentence for one in asked),
            yes=("Replace", "danger", None),
            no="Keep it" if len(asked) == 1 else "Keep them",
            then=lambda: self._replace(asked),
        )

    @Slot()
    def _on_closed(self) -> None:
        self._taken = ()

    def _replace(self, asked: tuple[Taken, ...]) -> None:
        for taken in asked:
            self._batches.replace(taken)
